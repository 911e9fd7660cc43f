"""Custom domains from the first deploy to the last: certificates, DNS records, plan, URL, removal."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from killing import environment
from scorefly.rehearsal.faults import parse_fault
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

HOST = "shop.example.com"


def body(host: str = HOST, port: int = 8080) -> str:
    return f"""\
    service: {{ports: {{http: {{port: {port}}}}}}}
    resources: {{way: {{type: route, params: {{host: "{host}", port: http}}}}}}
    """


def deploy(workspace: Workspace, *arguments: str, code: int = 0) -> str:
    result = workspace.run("deploy", "--rehearse", *arguments)
    assert result.code == code, result.err
    return result.out + result.err


def certificates(workspace: Workspace, app: str = "web") -> list[str]:
    return sorted(workspace.world["apps"][app].get("certificates", {}))


def plan(workspace: Workspace, *arguments: str) -> dict[str, Any]:
    result = workspace.run("plan", "--rehearse", *arguments)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    return {app["app"]: app for app in found["apps"]}


def test_a_route_host_gets_a_certificate_and_its_dns_records_are_shown_once(workspace: Workspace) -> None:
    workspace.workload("web", body())
    out = deploy(workspace)
    assert certificates(workspace) == [HOST]
    app = workspace.world["apps"]["web"]
    records = [line.split()[:3] for line in out.splitlines() if line.startswith("  ") and "  " in line.strip()][1:]
    assert records == [
        ["A", HOST, "203.0.113.254"],
        ["AAAA", HOST, "2001:db8::1"],
        ["CNAME", HOST, f"{app['id'][:7]}.web.fly.dev"],
        ["CNAME", f"_acme-challenge.{HOST}", records[3][2]],
        ["TXT", f"_fly-ownership.{HOST}", f"app-{app['id'][:10]}"],
    ]
    assert "https://web.fly.dev" in out
    assert out.count("203.0.113.254") == 1


def test_the_url_is_the_custom_host_once_its_certificate_is_active(workspace: Workspace) -> None:
    workspace.workload("web", body())
    assert f"https://{HOST}" not in deploy(workspace)
    out = deploy(workspace)
    assert f"unchanged  shared-cpu-1x, 256 MB  ams     https://{HOST}" in out
    assert f"certificate for {HOST} (web): active" in out
    assert plan(workspace)["web"]["url"] == f"https://{HOST}"


def test_an_active_certificate_costs_an_unchanged_deploy_no_call(workspace: Workspace) -> None:
    workspace.workload("web", body())
    with Rehearsal(None) as fly:
        given = environment(workspace.path.parent / "bin", fly)
        for _ in range(2):
            assert workspace.run("deploy", **given).code == 0
        fly.requests.clear()
        assert workspace.run("deploy", **given).code == 0
        assert not [path for _, path in fly.requests if "certificates" in path]


def test_a_pending_certificate_is_no_failure_and_its_records_are_an_output(workspace: Workspace) -> None:
    workspace.workload("web", body("pending.example.com"))
    result = workspace.action({"command": "deploy", "rehearse": "true", "state": "file"})
    assert result.code == 0, result.err
    records = json.loads(result.outputs["dns_records"])
    assert [(each["type"], each["purpose"]) for each in records] == [
        ("A", "address"),
        ("AAAA", "address"),
        ("CNAME", "alias"),
        ("CNAME", "validation"),
        ("TXT", "ownership"),
    ]
    assert {(each["workload"], each["app"], each["host"], each["status"]) for each in records} == {
        ("web", "web", "pending.example.com", "pending_validation")
    }
    assert result.summary.count("| <code>203.0.113.254</code> |") == 1
    assert result.out.count("203.0.113.254") == 1


def test_an_apex_domain_gets_no_cname_and_a_wildcard_keeps_the_challenge(workspace: Workspace) -> None:
    workspace.workload("web", body("pending.com"))
    assert "in place of A" not in deploy(workspace)
    workspace.workload("web", body("*.pending.example.com"))
    out = deploy(workspace)
    assert "_acme-challenge.pending.example.com" in out
    assert certificates(workspace) == ["*.pending.example.com"]
    assert deploy(workspace).count("https://web.fly.dev") == 1


def test_a_plan_says_what_becomes_of_certificates_and_a_deploy_does_it(workspace: Workspace) -> None:
    workspace.workload("web", body())
    assert plan(workspace)["web"]["certificates"] == [{"host": HOST, "action": "create", "status": "", "records": []}]
    deploy(workspace)
    kept = plan(workspace)["web"]
    assert kept["action"] == "keep"
    assert [(each["action"], each["status"]) for each in kept["certificates"]] == [("keep", "pending_validation")]
    assert len(kept["certificates"][0]["records"]) == 5
    workspace.workload("web", body("new.example.com"))
    changed = plan(workspace)["web"]
    assert (changed["action"], changed["reasons"]) == ("change", ["certificates"])
    assert [(each["host"], each["action"]) for each in changed["certificates"]] == [
        ("new.example.com", "create"),
        (HOST, "remove"),
    ]
    dry = deploy(workspace, "--dry-run")
    assert certificates(workspace) == [HOST]
    assert "would be: 1 deployed, 1 certificate removed" in dry
    assert "1 deployed, 1 certificate removed" in deploy(workspace)
    assert certificates(workspace) == ["new.example.com"]


def test_a_certificate_that_scorefly_did_not_make_is_used_and_never_deleted(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    world = workspace.world
    world["apps"]["web"]["certificates"]["mine.example.com"] = {
        "hostname": "mine.example.com",
        "checks": 1,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "",
    }
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    workspace.workload("web", body("mine.example.com"))
    assert "https://mine.example.com" in deploy(workspace)
    workspace.workload("web", body("other.example.com"))
    deploy(workspace)
    assert certificates(workspace) == ["mine.example.com", "other.example.com"]


def test_a_host_without_a_route_comes_from_dns_and_goes_with_it(workspace: Workspace) -> None:
    port = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"
    names = 'variables: {URL: "${resources.name.url}", HOST: "${resources.name.host}"}\n'
    workspace.workload(
        "web", f"    {names}{port}resources: {{name: {{type: dns, params: {{host: Shop.Example.COM.}}}}}}\n"
    )
    deploy(workspace)
    assert certificates(workspace) == [HOST]
    assert workspace.toml("web")["env"] == {"URL": f"https://{HOST}", "HOST": HOST}
    workspace.workload("web", port)
    assert "its host is no longer in any Score file" in deploy(workspace)
    assert certificates(workspace) == []


def test_a_host_moves_to_another_workload(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    workspace.workload("web", body("old.example.com"))
    workspace.workload("next", body())
    deploy(workspace)
    assert (certificates(workspace), certificates(workspace, "next")) == (["old.example.com"], [HOST])
    (workspace.path / "next.score.yaml").unlink()
    workspace.workload("renamed", body())
    deploy(workspace)
    assert (certificates(workspace, "renamed"), certificates(workspace, "next")) == ([HOST], [])


def test_two_workloads_cannot_serve_one_host_and_the_first_keeps_it(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    workspace.workload("api", body())
    out = deploy(workspace)
    assert "api.score.yaml:7:" in out
    assert f"route 'way' is for {HOST}, which web serves: Fly sends a host to one app" in out
    assert (certificates(workspace), certificates(workspace, "api")) == ([HOST], [])
    deploy(workspace, "api.score.yaml")
    assert certificates(workspace, "api") == []


def test_a_host_that_another_app_on_fly_has_fails_the_run_and_not_the_app(workspace: Workspace) -> None:
    workspace.workload("web", body("taken.example.com"))
    out = deploy(workspace, code=1)
    assert "web: another app on Fly has the host taken.example.com" in out
    assert "fly certs remove taken.example.com -a APP" in out
    assert len(workspace.world["apps"]["web"]["machines"]) == 2
    workspace.workload("web", body("free.example.com"))
    deploy(workspace)
    assert certificates(workspace) == ["free.example.com"]


def test_a_host_that_waits_for_proof_of_ownership_names_the_txt_record(workspace: Workspace) -> None:
    workspace.workload("web", body("owned.example.com"))
    out = deploy(workspace)
    assert "waiting for proof of ownership, because another app has the host: set the TXT record" in out
    assert "https://owned.example.com" in deploy(workspace)


def test_waiting_for_certificates_ends_when_they_are_active_or_in_time(workspace: Workspace) -> None:
    workspace.workload("web", body())
    assert f"https://{HOST}" in deploy(workspace, "--wait-for-certificates")
    workspace.workload("web", body("pending.example.com"))
    out = deploy(workspace, "--wait-for-certificates", "--wait-timeout", "1s", code=1)
    assert "the certificate of pending.example.com is not active after 1 s (pending_validation)" in out
    assert "_acme-challenge.pending.example.com" in out
    workspace.workload("web", body("limited.example.com"))
    out = deploy(workspace, "--wait-for-certificates", code=1)
    assert "the certificate of limited.example.com is rate limited until 2" in out


def test_a_rate_limit_is_shown_and_is_no_failure(workspace: Workspace) -> None:
    workspace.workload("web", body("limited.example.com"))
    out = deploy(workspace)
    assert "rate limited until 2" in out
    assert "too many certificates were issued for this domain" in out


def test_certificates_never_leaves_them_to_the_user(workspace: Workspace) -> None:
    workspace.workload("web", body())
    out = deploy(workspace, "--certificates", "never")
    assert f"run `fly certs add {HOST} -a web`" in out
    assert certificates(workspace) == []


def test_a_preview_uses_fly_names_unless_asked(workspace: Workspace) -> None:
    variables = 'variables: {URL: "${resources.way.url}"}\n'
    workspace.workload("web", f"    {variables}{textwrap.dedent(body())}")
    out = deploy(workspace, "--environment", "pr-7")
    assert f"route 'way' is for {HOST}, which a preview does not use" in out
    assert certificates(workspace) == []
    assert workspace.toml("web", "pr-7")["env"]["URL"] == "https://web.fly.dev/"
    deploy(workspace, "--environment", "pr-7", "--certificates", "always")
    assert certificates(workspace) == [HOST]
    assert workspace.toml("web", "pr-7")["env"]["URL"] == f"https://{HOST}/"
    deploy(workspace, "--environment", "pr-7")
    assert certificates(workspace) == []


def test_a_certificate_deleted_by_hand_is_drift_and_force_requests_it_again(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    deploy(workspace)
    world = workspace.world
    world["apps"]["web"]["certificates"].clear()
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    planned = plan(workspace)["web"]
    assert planned["action"] == "keep"
    assert planned["drift"] == [{"what": "certificates", "deployed": [HOST], "running": []}]
    deploy(workspace, "--force")
    assert certificates(workspace) == [HOST]


def test_a_private_workload_gets_a_warning_and_no_certificate(workspace: Workspace) -> None:
    workspace.workload("web", f"resources: {{name: {{type: dns, params: {{host: {HOST}}}}}}}\n")
    out = deploy(workspace)
    assert f"dns 'name' is for {HOST}, and no port of web is public" in out
    assert certificates(workspace) == []


def test_a_failed_app_gets_no_certificate_and_keeps_the_one_it_has(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    workspace.workload("web", body("next.example.com"), image="rehearsal.invalid/missing:1")
    deploy(workspace, code=1)
    assert certificates(workspace) == [HOST]


@pytest.mark.parametrize("fault", ["lost", "cut", "html", "503"])
def test_a_spoilt_answer_makes_no_second_certificate(workspace: Workspace, fault: str) -> None:
    workspace.workload("web", body())
    given = parse_fault(f"POST:/v1/apps/web/certificates/acme:{fault}")
    assert given is not None
    with Rehearsal(None, faults=[given]) as fly:
        variables = environment(workspace.path.parent / "bin", fly)
        result = workspace.run("deploy", **variables)
        assert result.code == 0, result.err
        assert list(fly.world.data["apps"]["web"]["certificates"]) == [HOST]
        workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
        assert workspace.run("deploy", **variables).code == 0
        assert fly.world.data["apps"]["web"]["certificates"] == {}


def test_status_has_the_certificates_and_the_url_of_an_active_one(workspace: Workspace) -> None:
    workspace.workload("web", body())
    deploy(workspace)
    deploy(workspace)
    data = json.loads(workspace.run("status", "--rehearse", "--format", "json").out)[0]
    assert (data["url"], data["certificates"]) == (
        f"https://{HOST}",
        [{"host": HOST, "status": "active", "records": []}],
    )
    workspace.workload("web", body("pending.example.com"))
    deploy(workspace)
    data = json.loads(workspace.run("status", "--rehearse", "--format", "json").out)[0]
    assert data["url"] == "https://web.fly.dev"
    assert [len(each["records"]) for each in data["certificates"]] == [5]
    assert "pending.example.com: pending_validation" in workspace.run("status", "--rehearse").out

"""`scorefly cleanup --rehearse`: what nobody needs goes, what holds data or is somebody else's stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces import Workspace

DISK = '    volumes: {/data: {source: "${resources.disk}"}}\nresources: {disk: {type: volume}}\n'


def change(workspace: Workspace, app: str, **parts: Any) -> None:
    """Somebody changes the app behind our back."""
    world = workspace.world
    for name, entries in parts.items():
        world["apps"][app][name] |= entries
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def deploy(workspace: Workspace, *options: str) -> None:
    result = workspace.run("deploy", "--rehearse", *options, SCOREFLY_SECRETS='{"A": "value-of-a"}')
    assert result.code == 0, result.err


def findings(out: str) -> list[list[str]]:
    """The rows of the table of findings, without their last column."""
    table = next(part for part in out.split("\n\n") if part.startswith("what"))
    return [line.split()[:4] for line in table.splitlines()[1:]]


def volume(number: int, **more: Any) -> dict[str, Any]:
    made = {"id": f"vol_{number}", "name": "disk", "region": "ams", "size_gb": 3, "attached_machine_id": None}
    return {f"vol_{number}": {**made, **more}}


@pytest.fixture
def secretive(workspace: Workspace) -> Workspace:
    """An app with a secret that is wanted, one that no longer is, and one that somebody else set."""
    body = "    variables: {{{}}}\nresources: {{one: {{type: secret, params: {{name: A}}}}}}\n"
    workspace.workload("web", body.format('NEW: "${resources.one.value}", OLD: "${resources.one.value}"'))
    deploy(workspace)
    workspace.workload("web", body.format('NEW: "${resources.one.value}"'))
    change(workspace, "web", secrets={"THEIRS": {"name": "THEIRS", "digest": "0123456789abcdef"}})
    return workspace


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ((), ["NEW", "THEIRS"]),
        (("--unused-secrets", "all"), ["NEW"]),
        (("--unused-secrets", "keep"), ["NEW", "OLD", "THEIRS"]),
        (("--unused-secrets", "all", "--keep-secrets", "OL*"), ["NEW", "OLD"]),
        (("--cleanup", "resources"), ["NEW", "OLD", "THEIRS"]),
    ],
)
def test_unused_secrets_go_as_it_is_said(secretive: Workspace, options: tuple[str, ...], left: list[str]) -> None:
    assert secretive.run("cleanup", "--rehearse", *options).code == 0
    assert sorted(secretive.world["apps"]["web"]["secrets"]) == left


def test_the_table_tells_wanted_managed_and_unknown_secrets_in_a_dry_run_too(secretive: Workspace) -> None:
    before = secretive.tree()
    dry = secretive.run("cleanup", "--rehearse", "--dry-run")
    assert secretive.tree() == before
    out = secretive.run("cleanup", "--rehearse").out
    rows = [
        "secret  NEW     web  kept     wanted",
        "secret  OLD     web  removed  managed",
        "secret  THEIRS  web  kept     unknown",
    ]
    assert [line for line in dry.out.splitlines() if line.startswith("secret ")] == rows
    assert [line for line in out.splitlines() if line.startswith("secret ")] == rows
    assert "would be: 1 unchanged, 2 secrets kept, 1 secret removed" in dry.out


def test_a_secret_that_was_removed_is_set_again_when_it_is_wanted_again(secretive: Workspace) -> None:
    secretive.run("cleanup", "--rehearse")
    body = '    variables: {OLD: "${resources.one.value}"}\nresources: {one: {type: secret, params: {name: A}}}\n'
    secretive.workload("web", body)
    deploy(secretive)
    assert "OLD" in secretive.world["apps"]["web"]["secrets"]


def test_an_orphan_that_holds_data_stays_until_volumes_are_asked_for(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    deploy(workspace)
    workspace.workload("web")
    out = workspace.run("cleanup", "--rehearse").out
    assert ["resource", "redis.default#web.cache", "kept", "no"] in findings(out)
    assert "web-cache" in workspace.world["apps"]
    done = workspace.run("cleanup", "--rehearse", "--cleanup", "resources,volumes")
    assert done.code == 0
    assert list(workspace.world["apps"]) == ["web"]
    assert "redis" not in workspace.run("resources", "list", "--rehearse").out


def test_a_workload_whose_file_is_gone_goes_with_what_only_it_used(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.workload("worker", "resources: {name: {type: dns}}\n")
    deploy(workspace)
    (workspace.path / "worker.score.yaml").unlink()
    dry = workspace.run("cleanup", "--rehearse", "--dry-run")
    assert "would be: 1 unchanged, 1 destroyed, 1 resource removed" in dry.out
    assert sorted(workspace.world["apps"]) == ["web", "worker"]
    assert workspace.run("cleanup", "--rehearse").code == 0
    assert list(workspace.world["apps"]) == ["web"]
    again = workspace.run("cleanup", "--rehearse")
    assert again.out.splitlines()[-1] == "local (rehearsed: nothing was deployed to Fly): 1 unchanged"


def test_a_workload_of_a_file_that_was_not_looked_at_stays(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {shared: {type: dns, id: shared}}\n")
    workspace.workload("worker", "resources: {shared: {type: dns, id: shared}}\n")
    deploy(workspace)
    workspace.workload("web")
    workspace.run("cleanup", "--rehearse", "web.score.yaml")
    assert sorted(workspace.world["apps"]) == ["web", "worker"]
    assert "dns.default#shared" in workspace.run("resources", "list", "--rehearse").out


def test_an_app_under_its_old_prefix_goes(workspace: Workspace) -> None:
    workspace.workload("web")
    deploy(workspace)
    deploy(workspace, "--app-prefix", "new-")
    workspace.run("cleanup", "--rehearse", "--app-prefix", "new-")
    assert list(workspace.world["apps"]) == ["new-web"]


def test_addresses_of_an_app_that_is_no_longer_public_go_but_not_those_of_others(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    deploy(workspace)
    workspace.workload("web")
    assert len(workspace.world["apps"]["web"]["addresses"]) == 2
    workspace.run("cleanup", "--rehearse")
    assert len(workspace.world["apps"]["web"]["addresses"]) == 2, "it is public until it is deployed"
    deploy(workspace)
    world = workspace.world
    world["apps"]["web"]["addresses"].append({"ip": "2001:db8::beef", "region": "global", "shared": False})
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    out = workspace.run("cleanup", "--rehearse").out
    assert "2 addresses removed, 1 address kept" in out
    assert [each["ip"] for each in workspace.world["apps"]["web"]["addresses"]] == ["2001:db8::beef"]


@pytest.mark.parametrize(
    ("parts", "left"), [("resources", ["vol_1", "vol_2"]), ("volumes", []), ("secrets", ["vol_1", "vol_2"])]
)
def test_volumes_nobody_uses_go_only_when_they_are_asked_for(workspace: Workspace, parts: str, left: list[str]) -> None:
    workspace.workload("db", DISK)
    deploy(workspace)
    (used,) = workspace.world["apps"]["db"]["volumes"]
    change(workspace, "db", volumes={**volume(1), **volume(2, name="other")})
    out = workspace.run("cleanup", "--rehearse", "--cleanup", parts).out
    assert sorted(workspace.world["apps"]["db"]["volumes"]) == sorted([used, *left])
    assert ("vol_1" in out) is (parts != "secrets")


def test_a_volume_that_the_next_machine_needs_stays(workspace: Workspace) -> None:
    workspace.workload("db", DISK, image="rehearsal.invalid/missing:1")
    workspace.run("deploy", "--rehearse")
    workspace.run("cleanup", "--rehearse", "--cleanup", "volumes")
    assert len(workspace.world["apps"]["db"]["volumes"]) == 1


def test_what_is_not_ours_is_left_alone(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse", "--environment", "other")
    change(workspace, "web", secrets={"A": {"name": "A", "digest": "x"}}, volumes=volume(1))
    before = workspace.world
    parts = ("--cleanup", "secrets,resources,volumes", "--unused-secrets", "all")
    result = workspace.run("cleanup", "--rehearse", *parts)
    assert "warning: the app 'web' belongs to environment 'other'" in result.err
    assert workspace.world == before


def test_the_action_reports_the_same_table(secretive: Workspace) -> None:
    action = {"rehearse": "true", "environment": "local", "command": "cleanup"}
    result = secretive.action(action)
    assert result.code == 0, result.out
    assert "| secret | <code>OLD</code> | web | ⚫ removed | managed |" in result.summary
    assert json.loads(result.outputs["apps"])[0]["secrets_removed"] == ["OLD"]
    assert result.outputs["changed"] == "true"
    again = secretive.action(action)
    assert (again.outputs["changed"], "Nothing changed in <code>local</code>" in again.summary) == ("false", True)

"""`scorefly plan --rehearse`: what a deploy would do, and that nothing is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from workspaces import REPOSITORY, Result, Workspace

SCHEMA = json.loads((REPOSITORY / "docs/plan.schema.json").read_text())


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A web workload with a Redis and a public port, and a worker that connects to it."""
    workspace.workload(
        "web",
        """\
            variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}", MODE: fast}
        service: {ports: {http: {port: 80, targetPort: 8080}}}
        resources: {cache: {type: redis}}
        """,
    )
    workspace.workload(
        "worker",
        '    variables: {WEB: "${resources.web.hostname}"}\n'
        "resources: {web: {type: service-port, params: {workload: web, port: http}}}\n",
    )
    return workspace


def plan(workspace: Workspace, *options: str) -> dict[str, Any]:
    """The plan, checked against its schema, with apps by name."""
    result = workspace.run("plan", "--rehearse", *options)
    assert result.code == 0, result.err
    return read(workspace)


def read(workspace: Workspace) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    jsonschema.validate(data, SCHEMA)
    return {**data, "apps": {app["app"]: app for app in data["apps"]}}


def actions(plan: dict[str, Any]) -> dict[str, str]:
    return {name: app["action"] for name, app in plan["apps"].items()}


def kept(workspace: Workspace) -> dict[str, bytes]:
    return {name: content for name, content in workspace.tree().items() if "/rehearsal/" in name or "/state/" in name}


def deployed(workspace: Workspace, *arguments: str) -> Result:
    result = workspace.run("deploy", "--rehearse", *arguments)
    assert result.code == 0, result.err
    return result


def by_hand(workspace: Workspace, app: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Somebody changes the configuration of an app's Machines behind our back."""
    world = workspace.world
    for machine in world["apps"][app]["machines"].values():
        change(machine)
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def test_before_the_first_deploy_everything_is_created(shop: Workspace) -> None:
    planned = plan(shop)
    assert actions(planned) == {"web-cache": "create", "web": "create", "worker": "create"}
    assert planned["waves"] == [["web-cache"], ["web"], ["worker"]]
    web = planned["apps"]["web"]
    assert (web["secrets"], web["addresses"], web["wave"]) == ({"set": ["CACHE"], "remove": []}, ["shared_v4", "v6"], 1)
    assert web["diffs"][0]["diff"].startswith("--- /dev/null\n+++ b/fly.toml\n@@ -0,0 +1,")
    assert planned["apps"]["web-cache"]["volumes"] == [{"action": "create", "name": "data", "size_gb": 1, "region": ""}]
    assert {each["uid"]: each["action"] for each in planned["resources"]} == {
        "redis.default#web.cache": "create",
        "service-port.default#worker.web": "create",
    }


def test_nothing_is_created_neither_on_fly_nor_in_state(shop: Workspace) -> None:
    plan(shop)
    assert kept(shop) == {}
    deployed(shop)
    before = kept(shop)
    shop.workload(
        "web", "service: {ports: {http: {port: 80}}}\nresources: {other: {type: redis}}\n", image="nginx:1.28"
    )
    plan(shop)
    assert kept(shop) == before


def test_what_is_as_wanted_is_unchanged(shop: Workspace) -> None:
    deployed(shop)
    planned = plan(shop)
    assert set(actions(planned).values()) == {"keep"}
    assert (planned["waves"], planned["matrix"]) == ([], {"include": []})
    assert {each["action"] for each in planned["resources"]} == {"keep"}


def test_a_change_is_shown_as_a_diff_against_what_was_deployed(shop: Workspace) -> None:
    deployed(shop)
    shop.workload("worker", "    variables: {MODE: slow}\n", image="nginx:1.28")
    worker = plan(shop)["apps"]["worker"]
    assert (worker["action"], worker["reasons"]) == ("change", ["fly.toml"])
    changed = [line for line in worker["diffs"][0]["diff"].splitlines() if line[0] in "+-"]
    assert changed == [
        "--- a/fly.toml",
        "+++ b/fly.toml",
        '-image = "nginx:1.27"',
        '+image = "nginx:1.28"',
        '-WEB = "web.internal"',
        '+MODE = "slow"',
    ]


def test_after_a_deploy_that_failed_the_diff_is_against_the_last_good_one(shop: Workspace) -> None:
    deployed(shop)
    shop.workload("worker", image="rehearsal.invalid/crashing:1")
    shop.run("deploy", "--rehearse")
    shop.workload("worker", image="nginx:1.28")
    diff = plan(shop)["apps"]["worker"]["diffs"][0]["diff"]
    assert '-image = "nginx:1.27"' in diff


def test_a_mounted_file_and_a_secret_are_named_as_reasons(workspace: Workspace) -> None:
    body = '    files: {{/etc/a: {{content: "{}"}}}}\n    variables: {{S: "${{resources.one.value}}"}}\nresources: {{one: {{type: secret, params: {{name: S}}}}}}\n'
    workspace.workload("web", body.format("one"))
    workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS='{"S": "first-value"}')
    workspace.workload("web", body.format("two"))
    workspace.run("plan", "--rehearse", SCOREFLY_SECRETS='{"S": "second-value"}')
    web = read(workspace)["apps"]["web"]
    assert (web["reasons"], web["diffs"], web["secrets"]["set"]) == (["files/etc/a", "secrets"], [], ["S"])


def test_a_secret_that_goes_is_named_though_nothing_is_deployed_for_it(workspace: Workspace) -> None:
    body = "    variables: {{{}}}\nresources: {{one: {{type: secret, params: {{name: S}}}}}}\n"
    workspace.workload("web", body.format('A: "${resources.one.value}", B: "${resources.one.value}"'))
    workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS='{"S": "first-value"}')
    workspace.workload("web", body.format('A: "${resources.one.value}"'))
    workspace.run("plan", "--rehearse", SCOREFLY_SECRETS='{"S": "first-value"}')
    assert read(workspace)["apps"]["web"]["secrets"] == {"set": [], "remove": ["B"]}


@pytest.mark.parametrize(
    ("change", "what", "deployed_was", "runs"),
    [
        (lambda m: m["config"].update(image="nginx:evil"), "image", ["nginx:1.27"], ["nginx:evil"]),
        (
            lambda m: m["config"]["guest"].update(memory_mb=512),
            "size",
            ["1 shared CPU, 256 MB"],
            ["1 shared CPU, 512 MB"],
        ),
        (lambda m: m["config"]["env"].update(MODE="hidden-value"), "env", ["MODE"], ["MODE"]),
        (lambda m: m["config"]["env"].update(MORE="hidden-value"), "env", [], ["MORE"]),
        (lambda m: m.update(region="cdg"), "regions", ["2 in ams"], ["2 in cdg"]),
        (lambda m: m["config"].update(services=[]), "ports", ["8080 at 80, 443"], []),
    ],
)
def test_what_others_changed_is_drift_and_no_reason_to_deploy(
    shop: Workspace, change: Callable[[dict[str, Any]], object], what: str, deployed_was: list[str], runs: list[str]
) -> None:
    deployed(shop)
    by_hand(shop, "web", change)
    result = shop.run("plan", "--rehearse")
    web = read(shop)["apps"]["web"]
    assert web["action"] == "keep"
    assert web["drift"] == [{"what": what, "deployed": deployed_was, "running": runs}]
    assert f"drift, {what}:" in result.out
    assert "hidden-value" not in result.out + json.dumps(web)


def test_what_no_score_file_asks_for_is_shown_as_no_longer_wanted(shop: Workspace) -> None:
    deployed(shop)
    (shop.path / "worker.score.yaml").unlink()
    shop.workload("web", "service: {ports: {http: {port: 80, targetPort: 8080}}}\n")
    planned = plan(shop)
    assert actions(planned) == {"web": "change", "worker": "remove", "web-cache": "remove"}
    assert {each["uid"]: each["action"] for each in planned["resources"]} == {
        "redis.default#web.cache": "deprovision",
        "service-port.default#worker.web": "deprovision",
    }


def test_what_a_narrowed_run_is_not_about_is_still_wanted(shop: Workspace) -> None:
    deployed(shop)
    assert actions(plan(shop, "worker.score.yaml")) == {"worker": "keep"}


def test_an_app_that_is_not_ours_is_a_problem_of_the_plan(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("plan", "--rehearse", "--app-prefix", "taken-")
    assert result.code == 1
    planned = read(workspace)
    assert planned["apps"] == {}
    assert "the app name 'taken-web' belongs to somebody else" in planned["problems"][0]


def test_the_terminal_shows_what_changes_and_in_which_order(shop: Workspace) -> None:
    out = shop.run("plan", "--rehearse").out.splitlines()
    assert "+ web (create)" in out
    assert "    secrets set: CACHE" in out
    assert "order: web-cache → web → worker" in out
    assert out[-1] == "Plan: 3 to create, 0 to change, 0 to remove (local, simulated)"


def test_the_action_gives_the_plan_its_matrix_and_a_summary(shop: Workspace) -> None:
    shop.action({"rehearse": "true"})
    shop.workload("worker", image="nginx:1.28")
    result = shop.action({"rehearse": "true", "command": "plan"})
    assert result.code == 0, result.out
    outputs = result.outputs
    assert outputs["plan"] == ".scorefly/out/production/plan.json"
    assert json.loads(outputs["matrix"]) == {
        "include": [{"workload": "worker", "app": "worker", "score-files": "worker.score.yaml", "wave": 0, "needs": []}]
    }
    assert (outputs["changed"], outputs["deployed"], outputs["unchanged"]) == (
        "true",
        '["worker"]',
        '["web-cache","web"]',
    )
    assert "## Plan for <code>production</code>" in result.summary
    assert "| <code>~</code> change | <code>worker</code> | fly.toml |" in result.summary
    assert "```diff\n--- a/fly.toml" in result.summary


def test_a_matrix_of_deploys_comes_to_the_same_as_one(shop: Workspace) -> None:
    """Each job deploys one workload, in the order of its wave; what is shared stays as its owner wants it."""
    shop.workload(
        "web",
        """\
        service: {ports: {http: {port: 80, targetPort: 8080}}}
        resources:
          cache: {type: redis, id: shared, params: {size_gb: 3}}
          host: {type: dns, id: host}
          way: {type: route, params: {host: "${resources.host.host}", port: 8080}}
        """,
    )
    shop.workload(
        "admin",
        """\
            variables: {HOST: "${resources.host.host}", CACHE: "${resources.cache.host}", WEB: "${resources.web.hostname}"}
        resources:
          cache: {type: redis, id: shared}
          host: {type: dns, id: host}
          web: {type: service-port, params: {workload: web, port: http}}
        """,
    )
    jobs = plan(shop)["matrix"]["include"]
    assert [(job["workload"], job["wave"], job["needs"]) for job in jobs] == [
        ("web", 0, []),
        ("admin", 1, ["web"]),
        ("worker", 1, ["web"]),
    ]
    for job in jobs:
        deployed(shop, job["score-files"])
    assert shop.toml("admin")["env"]["HOST"] == "web.fly.dev"
    assert set(actions(plan(shop)).values()) == {"keep"}
    (volume,) = shop.world["apps"]["shared"]["volumes"].values()
    assert volume["size_gb"] == 3


def test_each_reason_to_deploy_is_told(workspace: Workspace) -> None:
    def reasons(*options: str) -> list[str]:
        found: list[str] = plan(workspace, *options)["apps"]["web"]["reasons"]
        return found

    workspace.write("Dockerfile", "FROM nginx\nCOPY page /\n")
    workspace.write("page", "one\n")
    workspace.workload("web", image=".")
    deployed(workspace)
    assert reasons() == []
    assert reasons("--force") == ["force"]
    workspace.write("page", "two\n")
    assert reasons() == ["built from page"]
    workspace.write("page", "one\n")
    workspace.workload("web")
    deployed(workspace)
    by_hand(workspace, "web", lambda machine: machine["config"]["metadata"].pop("scorefly_digest"))
    assert reasons() == ["its Machines are not those of the last good deploy"]
    world = workspace.world
    world["apps"]["web"]["machines"] = {}
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    assert reasons() == ["no Machine runs"]


def test_a_plan_beside_a_deploy_that_is_under_way_is_not_kept_out(shop: Workspace) -> None:
    import fcntl

    deployed(shop)
    with (shop.path / ".scorefly/rehearsal/local.state.scorefly-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert set(actions(plan(shop)).values()) == {"keep"}
        assert shop.run("deploy", "--rehearse", "--lock-timeout", "1s").code == 1


def test_plan_says_when_its_matrix_has_more_jobs_than_github_runs(workspace: Workspace) -> None:
    for number in range(257):
        workspace.workload(f"app-{number}")
    result = workspace.run("plan", "--rehearse")
    assert result.code == 0, result.err
    assert "the matrix has 257 jobs, and GitHub runs 256 at most" in result.err

"""Redis of class `upstash` that scorefly makes: once, with its URL in the state, and deleted at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

UID = "redis.upstash#web.cache"
VALUES = "${resources.cache.url} ${resources.cache.host} ${resources.cache.username} ${resources.cache.password}"


def use(workspace: Workspace, *params: str) -> None:
    """Write a workload with a database of Upstash."""
    text = ", ".join(params or ("accept_cost: true",))
    resources = f"resources: {{cache: {{type: redis, class: upstash, params: {{{text}}}}}}}\n"
    workspace.workload("web", f"    variables: {{REDIS: '{VALUES}'}}\n{resources}")


def only(fly: Rehearsal) -> tuple[str, dict[str, Any]]:
    """Return the one database that there is, with its name."""
    ((name, found),) = fly.world.data["upstash_redis"].items()
    return name, found


def test_database_is_made_once_and_deleted(workspace: Workspace, tmp_path: Path) -> None:
    use(workspace, "accept_cost: true", "plan: fixed 250MB", "eviction: true")
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        planned = workspace.run("plan", "--region", "ams", **given)
        assert (planned.code, fly.world.data.get("upstash_redis", {})) == (0, {}), planned.err
        assert f"{UID}: deploy makes the Upstash Redis web-cache-" in planned.err
        assert "(plan fixed 250MB, ams), $10.00 a month" in planned.err
        cost = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())["cost"]
        assert 10 < cost["change"] < 20
        deployed = workspace.run("deploy", "--region", "ams", **given)
        assert deployed.code == 0, deployed.err
        name, database = only(fly)
        assert (database["plan"], database["region"], database["eviction"]) == ("fixed-250mb", "ams", True)
        url, host, user, password = fly.received_secrets("web")["REDIS"].split()
        assert url == database["url"] == f"redis://{user}:{password}@{host}:6379"
        assert password not in deployed.out + deployed.err
        again = workspace.run("deploy", "--region", "ams", **given)
        assert (again.code, again.out.endswith(": 1 unchanged\n")) == (0, True), again.out
        use(workspace, "accept_cost: true", "plan: Fixed 1GB", "eviction: true")
        changed = workspace.run("plan", "--region", "ams", **given)
        assert f"`fly redis update {name}`" in changed.err
        gone = workspace.run("resources", "deprovision", UID, "--yes", **given)
        assert (gone.code, fly.world.data["upstash_redis"]) == (0, {}), gone.err


def test_price_that_depends_on_use_is_not_claimed(workspace: Workspace, tmp_path: Path) -> None:
    use(workspace)
    with Rehearsal(None) as fly:
        planned = workspace.run("plan", "--region", "ams", **environment(tmp_path / "bin", fly))
    assert "(plan Pay-as-you-go, ams), billed by use" in planned.err
    plan = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    assert UID in json.dumps(plan["cost"])


@pytest.mark.parametrize("times", range(1, 5))
def test_a_killed_deploy_has_one_database_and_its_url(workspace: Workspace, tmp_path: Path, times: int) -> None:
    use(workspace)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(workspace, fly, given, "deploy --region ams", Deadly("POST", "/graphql", times))
        again = workspace.run("deploy", "--region", "ams", **given)
        assert again.code == 0, again.err
        assert fly.received_secrets("web")["REDIS"].split()[0] == only(fly)[1]["url"]


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize(
    ("params", "words"),
    [
        (("plan: Fixed 1GB",), "makes no Upstash Redis unasked"),
        (("accept_cost: false",), "makes no Upstash Redis unasked"),
        (("accept_cost: yes",), "params.accept_cost is 'yes', and only true accepts it (write accept_cost: true"),
        (("accept_cost: true", "plan: Starter"), "has no plan 'Starter' for new databases"),
        (("accept_cost: true", "plan: [1]"), "params.plan is not a string"),
        (("accept_cost: true", "region: Amsterdam"), "params.region is not the code of a region"),
        (("accept_cost: true", "eviction: maybe"), "params.eviction is neither true nor false"),
    ],
)
def test_bad_params_are_refused_with_their_place(
    workspace: Workspace, command: str, params: tuple[str, ...], words: str
) -> None:
    use(workspace, *params)
    result = workspace.run(command, *(["--rehearse", "--region", "ams"] if command == "plan" else []))
    assert result.code == 2
    assert any(line.startswith("web.score.yaml:7:") and words in line for line in result.err.splitlines()), result.err


@pytest.mark.parametrize("command", ["plan", "deploy"])
@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            ("accept_cost: true", "plan: Fixed 3TB"),
            "is not a plan of Upstash Redis: 'Fixed 3TB' (there are: Pay-as-you-go",
        ),
        (("accept_cost: true", "region: jnb"), "Upstash Redis is not in region jnb"),
    ],
)
def test_plan_and_region_that_upstash_does_not_have_are_refused(
    workspace: Workspace, command: str, params: tuple[str, ...], words: str
) -> None:
    use(workspace, *params)
    result = workspace.run(command, "--rehearse", "--region", "ams")
    assert (result.code, words in result.err) == (2, True), result.err


def test_existing_database_is_taken_by_its_url(workspace: Workspace) -> None:
    use(workspace, "secret: CACHE_URL")
    url = "redis://default:p%40ss-canary@fly-cache.upstash.io:6379"
    result = workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"CACHE_URL": url}))
    assert result.code == 0, result.err
    assert "canary" not in result.out + result.err

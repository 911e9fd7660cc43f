"""A preview's apps are in a private network of their own, and previews from before stay together where they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

BODY = """\
    variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"}
service: {ports: {http: {port: 80, targetPort: 8080}}}
resources: {cache: {type: redis}}
"""


def networks(workspace: Workspace) -> dict[str, str]:
    return {name: app["network"] for name, app in workspace.world["apps"].items()}


def deploy(workspace: Workspace, *arguments: str, of: str = "pr-7") -> str:
    result = workspace.run("deploy", "--rehearse", "--environment", of, *arguments)
    assert result.code == 0, result.err
    return result.err


def test_a_new_preview_has_a_network_of_its_own(workspace: Workspace) -> None:
    workspace.workload("web", BODY)
    deploy(workspace)
    found = networks(workspace)
    assert re.fullmatch(r"pr-7-[0-9a-f]{8}", found["web"])
    assert found["web-cache"] == found["web"]
    deploy(workspace, "--app-suffix", "-pr-8", of="pr-8")
    assert networks(workspace)["web-pr-8"].startswith("pr-8-")


@pytest.mark.parametrize(("of", "isolate"), [("staging", "true"), ("pr-7", "false")])
def test_other_environments_and_previews_that_are_not_isolated_use_the_default_network(
    workspace: Workspace, of: str, isolate: str
) -> None:
    workspace.workload("web", BODY)
    deploy(workspace, "--isolate-previews", isolate, of=of)
    assert set(networks(workspace).values()) == {"default"}


def test_a_preview_stays_in_the_network_that_it_began_in(workspace: Workspace) -> None:
    workspace.workload("web", BODY)
    deploy(workspace, "--isolate-previews=false")
    workspace.workload("api")
    deploy(workspace)
    assert set(networks(workspace).values()) == {"default"}
    deploy(workspace, "--app-suffix", "-pr-8", of="pr-8")
    workspace.workload("more")
    deploy(workspace, "--app-suffix", "-pr-8", "--isolate-previews=false", of="pr-8")
    found = networks(workspace)
    assert found["more-pr-8"] == found["web-pr-8"] != "default"


def test_a_plan_names_the_network_of_new_apps(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("plan", "--rehearse", "--environment", "pr-7")
    planned = json.loads((workspace.path / ".scorefly/out/pr-7/plan.json").read_text())["apps"][0]
    assert f"network: {planned['network']}" in result.out
    deploy(workspace)
    assert networks(workspace) == {"web": planned["network"]}
    assert workspace.run("plan", "--rehearse", "--environment", "pr-7").out.count("network") == 0


def test_flycast_addresses_are_reached_from_the_previews_network(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 8000, targetPort: 8080}}}\n")
    workspace.workload("api", "resources: {web: {type: service}}\n")
    deploy(workspace)
    app = workspace.world["apps"]["web"]
    assert [address["network"] for address in app["addresses"]] == [app["network"]]
    assert app["network"].startswith("pr-7-")


def test_a_variable_that_names_an_app_elsewhere_is_a_warning_without_the_secret(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        """\
            variables:
              PLAIN: "http://ams.prod-api.internal:80 http://web.internal http://_api.internal:4280"
              HIDDEN: "${resources.env.URL}"
        resources: {env: {type: environment, params: {secrets: [URL]}}}
        """,
    )
    secrets = json.dumps({"URL": "postgres://u:hunter2hunter2@hidden-db.internal/x"})
    err = deploy(workspace, "--secrets", secrets)
    assert "web: variable PLAIN has prod-api.internal, which is not in the network of this preview" in err
    assert "-a prod-api` and use prod-api.flycast" in err
    assert "web: variable HIDDEN has another app's .internal name" in err
    assert "hidden-db" not in err
    assert "not in the network" not in deploy(workspace, "--secrets", secrets, "--app-suffix=-s", of="staging")


@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_first_deploy_goes_on_in_the_same_network(workspace: Workspace, tmp_path: Path, times: int) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        command = "deploy --environment pr-7 --max-parallel 1"
        killed(workspace, fly, given, command, Deadly("POST", "/v1/apps", times=times))
        assert workspace.run(*command.split(), **given).code == 0
        found = {app["network"] for app in fly.world.data["apps"].values()}
        assert len(found) == 1
        assert found.pop().startswith("pr-7-")

"""`unchanged` and `deployed` are true: what runs on Fly decides, not what a listing or an earlier run says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from rehearsing import Client
from scorefly.rehearsal.server import Fault, Rehearsal
from workspaces import Result, Workspace

PUBLIC = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"


@dataclass
class Site:
    """A workspace that deploys through flyctl to a rehearsal in this process."""

    workspace: Workspace
    fly: Rehearsal
    variables: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> Result:
        result = self.workspace.run(*arguments, "--region", "ams", **self.variables)
        assert result.code == code, result.out + result.err
        return result

    def deploy(self, *options: str, code: int = 0) -> str:
        result = self.run("deploy", *options, code=code)
        return result.out + result.err

    def planned(self, app: str) -> dict[str, Any]:
        self.run("plan")
        data = json.loads((self.workspace.path / ".scorefly/out/local/plan.json").read_text())
        found: dict[str, Any] = next(each for each in data["apps"] if each["app"] == app)
        return found

    def machines(self, app: str) -> list[dict[str, Any]]:
        return list(self.fly.world.data["apps"][app]["machines"].values())

    def states(self, app: str) -> list[str]:
        return sorted(each["state"] for each in self.machines(app))

    def images(self, app: str) -> set[str]:
        return {each["config"]["image"] for each in self.machines(app)}

    def copy_machine(self, app: str, *, marked: bool) -> str:
        """Make a Machine like the first one, as `fly scale count` does or as a run that was killed leaves it."""
        config = json.loads(json.dumps(self.machines(app)[0]["config"]))
        if not marked:
            config["metadata"] = {k: v for k, v in config["metadata"].items() if not k.startswith("scorefly")}
        made: str = Client(self.fly).machine(config, app, region="ams")["id"]
        return made

    def delete_machine(self, app: str, machine: str) -> None:
        Client(self.fly)("DELETE", f"/apps/{app}/machines/{machine}?force=true")

    def stop_machines(self, app: str) -> None:
        for machine in self.machines(app):
            Client(self.fly)("POST", f"/apps/{app}/machines/{machine['id']}/stop")


@pytest.fixture
def site(workspace: Workspace, tmp_path: Path) -> Iterator[Site]:
    with Rehearsal(None) as fly:
        yield Site(workspace, fly, environment(tmp_path, fly))


def test_earlier_version_is_deployed_again_while_the_listing_lags(site: Site) -> None:
    site.workspace.workload("web", image="nginx:1")
    site.deploy()
    site.fly.listing.freeze()
    site.workspace.workload("web", image="nginx:2")
    site.deploy()
    assert "1 unchanged" in site.deploy()
    site.workspace.workload("web", image="nginx:1")
    assert "1 deployed" in site.deploy()
    assert site.images("web") == {"nginx:1"}


def test_earlier_version_is_deployed_again_after_a_failed_deploy_while_the_listing_lags(site: Site) -> None:
    site.workspace.workload("web", image="nginx:1")
    site.deploy()
    site.fly.listing.freeze()
    site.workspace.workload("web", image="rehearsal.invalid/crashing:1")
    site.deploy(code=1)
    site.workspace.workload("web", image="nginx:1")
    assert "1 deployed" in site.deploy()
    assert site.images("web") == {"nginx:1"}
    assert "started" in site.states("web")


def test_regions_missing_from_the_listing_are_asked_app_by_app(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    site.fly.listing.missing = ("ams",)
    assert "1 unchanged" in site.deploy()
    site.fly.listing.missing = ("cdg",)
    site.delete_machine("web", site.machines("web")[0]["id"])
    site.fly.listing.freeze()
    assert "1 deployed" in site.deploy()
    assert site.states("web") == ["started", "started"]


def test_unchanged_deploy_of_twelve_apps_takes_at_most_five_calls(site: Site) -> None:
    for number in range(12):
        site.workspace.workload(f"app-{number}", PUBLIC if number % 2 else "")
    site.deploy()
    site.fly.requests.clear()
    assert "12 unchanged" in site.deploy()
    assert len(site.fly.requests) <= 5


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_stopped_worker_is_drift_and_is_started(site: Site, options: tuple[str, ...]) -> None:
    site.workspace.workload("worker")
    site.deploy()
    assert site.states("worker") == ["started", "stopped"]
    site.stop_machines("worker")
    planned = site.planned("worker")
    assert (planned["action"], planned["reasons"]) == ("change", ["1 Machine not running"])
    assert planned["drift"] == [{"what": "running", "deployed": ["2 of 2"], "running": ["1 of 2"]}]
    assert "1 deployed" in site.deploy(*options)
    assert site.states("worker") == ["started", "stopped"]
    assert next(each for each in site.machines("worker") if each["state"] == "stopped")["config"]["standbys"]


def test_worker_that_does_not_keep_running_fails_the_deploy(site: Site) -> None:
    site.workspace.workload("worker")
    site.deploy("--ha", "false")
    site.stop_machines("worker")
    site.machines("worker")[0]["config"]["image"] = "rehearsal.invalid/crashing:1"
    assert "keeps crashing" in site.deploy("--ha", "false", code=1)


def test_idle_public_machines_stay_stopped(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    site.stop_machines("web")
    assert "1 unchanged" in site.deploy()
    assert "1 deployed" in site.deploy("--force")
    assert site.states("web") == ["stopped", "stopped"]


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_destroyed_machine_is_restored(site: Site, options: tuple[str, ...]) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    site.delete_machine("web", site.machines("web")[0]["id"])
    planned = site.planned("web")
    assert (planned["action"], planned["reasons"]) == ("change", ["1 Machine missing"])
    assert {"what": "regions", "deployed": ["2 in ams"], "running": ["1 in ams"]} in planned["drift"]
    assert "1 deployed" in site.deploy(*options)
    assert site.states("web") == ["started", "started"]
    assert "1 unchanged" in site.deploy()


def test_spare_that_a_first_deploy_did_not_make_is_made_by_the_next(site: Site) -> None:
    site.workspace.workload("web", PUBLIC, image="rehearsal.invalid/crashing:1")
    site.deploy(code=1)
    assert len(site.machines("web")) == 1
    site.workspace.workload("web", PUBLIC)
    assert "1 deployed" in site.deploy()
    assert site.states("web") == ["started", "started"]


def test_ha_switched_on_makes_a_spare(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy("--ha", "false")
    assert len(site.machines("web")) == 1
    assert "1 deployed" in site.deploy("--ha", "true")
    assert site.states("web") == ["started", "started"]
    assert "1 unchanged" in site.deploy("--ha", "true")


def test_machine_that_another_run_left_is_removed(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    scaled = site.copy_machine("web", marked=True)
    left = site.copy_machine("web", marked=False)
    assert f"removing Machine {left}" in site.deploy()
    ids = [each["id"] for each in site.machines("web")]
    assert (len(ids), scaled in ids, left in ids) == (3, True, False)


def test_lost_machine_of_a_scaled_app_is_told_by_every_run(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    scaled = site.copy_machine("web", marked=True)
    site.deploy("--force")
    site.delete_machine("web", scaled)
    for image in ("nginx:1.27", "nginx:2", "nginx:2"):
        site.workspace.workload("web", PUBLIC, image=image)
        assert "web has 2 Machines, and had 3" in site.deploy()
    assert "and had 3" not in site.deploy("--force")
    assert "and had 3" not in site.deploy()


def test_owner_mark_that_is_missing_is_written_again(site: Site) -> None:
    site.workspace.workload("web")
    site.deploy()
    marks = [each["config"]["metadata"].pop("scorefly_owner") for each in site.machines("web")]
    assert "1 unchanged" in site.deploy()
    assert [each["config"]["metadata"]["scorefly_owner"] for each in site.machines("web")] == marks


def test_address_released_by_hand_is_drift_and_given_again(site: Site) -> None:
    site.workspace.workload("web", PUBLIC)
    site.deploy()
    app = site.fly.world.data["apps"]["web"]
    app["addresses"] = [each for each in app["addresses"] if each["shared"]]
    drift = {"what": "addresses", "deployed": ["shared_v4", "v6"], "running": ["shared_v4"]}
    assert site.planned("web")["drift"] == [drift]
    site.deploy("--force")
    assert len(site.fly.world.data["apps"]["web"]["addresses"]) == 2


def test_app_that_fly_denies_but_shows_is_destroyed_all_the_same(site: Site) -> None:
    site.workspace.workload("web")
    site.deploy()
    site.fly.faults.append(Fault("DELETE", "/v1/apps/web", 404))
    result = site.workspace.run("destroy", "--yes", **site.variables)
    assert result.code == 0, result.err
    assert site.fly.world.data["apps"] == {}


def test_report_names_the_region_where_machines_are(site: Site) -> None:
    site.workspace.workload("web")
    site.deploy("--ha", "false")
    site.machines("web")[0]["region"] = "cdg"
    out = site.deploy("--ha", "false")
    row = next(line for line in out.splitlines() if line.startswith("web "))
    assert (" cdg" in row, " ams" in row) == (True, False)


def test_worker_whose_machine_was_destroyed_is_made_again_beside_its_standby(site: Site) -> None:
    site.workspace.workload("worker")
    site.deploy()
    main = next(each for each in site.machines("worker") if not each["config"].get("standbys"))
    site.delete_machine("worker", main["id"])
    assert "1 deployed" in site.deploy()
    assert site.states("worker") == ["started", "stopped"]


def test_missing_volume_is_drift(site: Site) -> None:
    body = '    volumes: {/data: {source: "${resources.disk}"}}\nresources: {disk: {type: volume}}\n'
    site.workspace.workload("db", body)
    site.deploy()
    assert site.planned("db")["drift"] == []
    site.fly.world.data["apps"]["db"]["volumes"] = {}
    assert site.planned("db")["drift"] == [{"what": "volumes", "deployed": ["disk"], "running": []}]


def test_removed_secret_is_the_reason_of_a_planned_change(site: Site) -> None:
    body = "    variables: {{{}}}\nresources: {{one: {{type: secret, params: {{name: S}}}}}}\n"
    site.variables["SCOREFLY_SECRETS"] = '{"S": "first-value"}'
    site.workspace.workload("web", body.format('A: "${resources.one.value}", B: "${resources.one.value}"'))
    site.deploy()
    site.workspace.workload("web", body.format('A: "${resources.one.value}"'))
    planned = site.planned("web")
    assert (planned["action"], planned["reasons"]) == ("change", ["secret B is no longer used"])

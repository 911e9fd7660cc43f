"""The real flyctl, given orders by itself: what the rehearsal answers it, and what flyctl makes of the answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scorefly.rehearsal.server import Fault, Rehearsal
from workspaces import Result

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
pytestmark = pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")

BASE = 'app = "web"\nprimary_region = "ams"\n'
HTTP = f"{BASE}[http_service]\ninternal_port = 8080\n"
CHECKED = f'{HTTP}[[http_service.checks]]\npath = "/"\ninterval = "2s"\ngrace_period = "1s"\n'
SERVICE = BASE + "[[services]]\ninternal_port = 1883\n{}\n[[services.ports]]\nport = 1883\n"
MOUNT = '[mounts]\nsource = "data"\ndestination = "/data"\n'


@dataclass(frozen=True)
class Flyctl:
    """flyctl in a folder of its own, with an app `web` in the rehearsal it talks to."""

    folder: Path
    fly: Rehearsal

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url)
        environment = {
            **bases,
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "FLY_CONFIG_DIR": str(self.folder / "config"),
            "FLY_API_TOKEN": "fo1_dummy",
            "FLY_SEND_METRICS": "0",
            "FLY_TRACE_COLLECTOR_URL": "127.0.0.1",
            "CI": "1",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        command = [FLYCTL, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        result = self(*arguments, stdin=stdin)
        assert result.code == 0, result.err
        return result.out

    def deploy(self, toml: str, image: str = "nginx:1", *options: str) -> Result:
        (self.folder / "fly.toml").write_text(toml)
        fixed = ("--ha=false", "--deploy-retries", "0", "--dns-checks=false", "--wait-timeout", "3s")
        return self("deploy", "-a", "web", "--image", image, *fixed, *options)

    def deployed(self, toml: str, image: str = "nginx:1", *options: str) -> None:
        result = self.deploy(toml, image, *options)
        assert result.code == 0, result.err

    @property
    def app(self) -> Any:
        return self.fly.world.data["apps"]["web"]

    @property
    def machines(self) -> list[Any]:
        return list(self.app["machines"].values())

    @property
    def calls(self) -> list[str]:
        """The calls since the last time, with `ID` for a Machine's."""
        ids = {*self.app["machines"], *self.fly.world.gone("web")}
        found = [
            f"{method} {'/'.join('ID' if part in ids else part for part in path.split('/'))}"
            for method, path in self.fly.requests
        ]
        self.fly.requests.clear()
        return found


@pytest.fixture
def flyctl(tmp_path: Path) -> Iterator[Flyctl]:
    (tmp_path / "config").mkdir()
    with Rehearsal(None) as fly:
        tool = Flyctl(tmp_path, fly)
        tool.ok("apps", "create", "web", "--org", "personal")
        yield tool


def exits(flyctl: Flyctl) -> list[int]:
    """With what the Machines that are gone ended."""
    events = [machine["events"][0] for machine in flyctl.fly.world.gone("web").values()]
    return [each["request"]["exit_event"]["exit_code"] for each in events if each["type"] == "exit"]


def test_a_release_command_runs_before_the_machines(flyctl: Flyctl) -> None:
    command = '[deploy]\nrelease_command = "bin/migrate --all"\n'
    flyctl.deployed(HTTP + command)
    assert (exits(flyctl), len(flyctl.machines)) == ([0], 1)
    failed = flyctl.deploy(HTTP + command.replace("bin/migrate --all", "sh -c 'exit 3'"), "nginx:2")
    assert failed.code == 1
    assert "release command failed" in failed.err
    assert "Main child exited normally with code: 3" in failed.err
    assert (exits(flyctl), flyctl.machines[0]["config"]["image"]) == ([0, 3], "nginx:1")
    assert [each["status"] for each in flyctl.app["releases"]] == ["complete", "failed"]


def test_a_machine_check_is_a_machine_that_ends(flyctl: Flyctl) -> None:
    flyctl.deployed(HTTP)
    failed = flyctl.deploy(f"{HTTP}[[http_service.machine_checks]]\ncommand = ['sh', '-c', 'exit 2']\n", "nginx:2")
    assert (failed.code, "test command failed" in failed.err, exits(flyctl)) == (1, True, [2])


def test_process_groups_get_a_spare_or_a_standby_that_stays_stopped(flyctl: Flyctl) -> None:
    toml = f"{HTTP}processes = ['web']\n[processes]\nweb = 'serve'\nworker = 'work'\n"
    for image, options in (("nginx:1", ()), ("nginx:2", ()), ("nginx:3", ("--deploy-retries", "2"))):
        flyctl.deployed(toml, image, "--ha", *options)
        states = [(each["config"]["metadata"]["fly_process_group"], each["state"]) for each in flyctl.machines]
        assert sorted(states) == [("web", "started"), ("web", "started"), ("worker", "started"), ("worker", "stopped")]
        assert {each["config"]["image"] for each in flyctl.machines} == {image}


def test_a_crash_fails_the_smoke_check_and_leaves_a_machine_that_the_next_deploy_does_not_start(flyctl: Flyctl) -> None:
    flyctl.deployed(CHECKED)
    failed = flyctl.deploy(CHECKED, "rehearsal.invalid/crashing:1")
    assert (failed.code, "the app appears to be crashing" in failed.err) == (1, True)
    flyctl.deployed(CHECKED, "nginx:2")
    assert [(each["config"]["image"], each["state"]) for each in flyctl.machines] == [("nginx:2", "stopped")]


def test_a_failed_health_check_fails_the_deploy(flyctl: Flyctl) -> None:
    failed = flyctl.deploy(CHECKED, "rehearsal.invalid/unhealthy:1")
    assert (failed.code, "waiting for health checks to pass" in failed.err) == (1, True)
    assert flyctl.machines[0]["state"] == "started"


def test_a_canary_goes_when_it_is_well_and_stays_when_it_is_not(flyctl: Flyctl) -> None:
    flyctl.deployed(CHECKED)
    flyctl.deployed(CHECKED, "nginx:2", "--strategy", "canary")
    assert [each["config"]["image"] for each in flyctl.machines] == ["nginx:2"]
    assert flyctl.deploy(CHECKED, "rehearsal.invalid/unhealthy:1", "--strategy", "canary").code == 1
    images = [each["config"]["image"] for each in flyctl.machines]
    assert images == ["nginx:2", "rehearsal.invalid/unhealthy:1"]


def test_an_immediate_deploy_waits_for_nothing(flyctl: Flyctl) -> None:
    flyctl.deployed(CHECKED)
    assert flyctl.calls
    flyctl.deployed(CHECKED, "rehearsal.invalid/crashing:1", "--strategy", "immediate")
    assert [call for call in flyctl.calls if "/machines/ID" in call] == [
        "POST /v1/apps/web/machines/ID/lease",
        "POST /v1/apps/web/machines/ID",
        "DELETE /v1/apps/web/machines/ID/lease",
    ]


def test_blue_machines_go_when_the_green_ones_are_healthy(flyctl: Flyctl) -> None:
    flyctl.deployed(HTTP)
    refused = flyctl.deploy(HTTP, "nginx:2", "--strategy", "bluegreen")
    assert (refused.code, "at least 1 check" in refused.err) == (1, True)
    flyctl.deployed(CHECKED)
    failed = flyctl.deploy(CHECKED, "rehearsal.invalid/unhealthy:1", "--strategy", "bluegreen")
    assert (failed.code, "could not get all green machines to be healthy" in failed.err) == (1, True)
    blue = [each["id"] for each in flyctl.machines]
    assert flyctl.calls
    flyctl.deployed(CHECKED, "nginx:2", "--strategy", "bluegreen")
    assert [(each["config"]["image"], each["cordoned"], each["state"]) for each in flyctl.machines] == [
        ("nginx:2", False, "started")
    ]
    assert blue[0] in flyctl.fly.world.gone("web")
    order = [call.rpartition("/")[2] for call in flyctl.calls if call.startswith("POST /v1/apps/web/machines/ID/")]
    assert [each for each in order if each != "lease"] == ["uncordon", "fly_bluegreen_deployment_tag", "cordon", "stop"]


def containers(**main: Any) -> str:
    side = {
        "name": "side",
        "image": "redis:7",
        "healthchecks": [{"name": "up", "exec": {"command": ["redis-cli", "ping"]}}],
    }
    return json.dumps({"containers": [{"name": "main", "image": "nginx:1", **main}, side]})


def test_containers_travel_whole_and_are_merged_by_flyctl_when_they_change(flyctl: Flyctl) -> None:
    toml = 'machine_config = "machine.json"\ncontainer = "main"\n' + CHECKED
    machine = flyctl.folder / "machine.json"
    main: dict[str, Any] = {
        "env": {"A": "1", "B": "2"},
        "secrets": [{"env_var": "TOKEN", "name": "MAIN_TOKEN"}],
        "files": [{"guest_path": "/etc/a", "raw_value": "aGVsbG8=", "mode": 0o600}],
        "depends_on": [{"name": "side", "condition": "healthy"}],
    }
    machine.write_text(containers(**main))
    refused = flyctl.deploy(toml)
    assert (refused.code, "secret 'MAIN_TOKEN' does not exist" in refused.err) == (1, True)
    flyctl.ok("secrets", "import", "--stage", "-a", "web", stdin="MAIN_TOKEN=x\n")
    flyctl.deployed(toml, "nginx:2")
    sent = json.loads(containers(**{**main, "image": "nginx:2"}))["containers"]
    assert flyctl.machines[0]["config"]["containers"] == sent
    assert json.loads(flyctl.ok("machine", "list", "-a", "web", "--json"))[0]["config"]["containers"] == sent
    assert json.loads(flyctl.ok("status", "-a", "web", "--json"))["Machines"][0]["state"] == "started"

    machine.write_text(containers(env={"A": "1"}))
    flyctl.deployed(toml, "nginx:2")
    assert flyctl.machines[0]["config"]["containers"] == sent, "what is only left out stays"
    machine.write_text(containers(env={"A": "1"}).replace("{", '{"containers": null, ', 1))
    flyctl.deployed(toml, "nginx:2")
    left = json.loads(containers(env={"A": "1"}, image="nginx:2"))["containers"]
    assert flyctl.machines[0]["config"]["containers"] == left, "unless the list is emptied first"


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ({"depends_on": [{"name": "none", "condition": "started"}]}, "there is no container 'none'"),
        ({"depends_on": [{"name": "side", "condition": "complete"}]}, "condition 'complete'"),
        ({"name": "side"}, "'side' is there twice"),
    ],
)
def test_containers_that_fly_would_not_start_are_refused(flyctl: Flyctl, main: dict[str, Any], words: str) -> None:
    (flyctl.folder / "machine.json").write_text(containers(**main))
    failed = flyctl.deploy('machine_config = "machine.json"\n' + BASE)
    assert (failed.code, words in failed.err) == (1, True)


def test_the_first_deploy_makes_the_volume_and_later_ones_want_it_there(flyctl: Flyctl) -> None:
    flyctl.deployed(HTTP)
    wanted = flyctl.deploy(HTTP + MOUNT)
    assert (wanted.code, "needs volumes with name 'data'" in wanted.err) == (1, True)
    flyctl.ok("volumes", "create", "data", "-r", "cdg", "-s", "1", "-y", "-a", "web")
    assert flyctl.deploy(HTTP + MOUNT).code == 1, "a volume of another region is none"
    flyctl.ok("volumes", "create", "data", "-r", "ams", "-s", "1", "-y", "-a", "web")
    before = flyctl.machines[0]["id"]
    flyctl.deployed(HTTP + MOUNT)
    after = flyctl.machines[0]
    assert (after["id"] == before, after["config"]["mounts"][0]["name"]) == (False, "data")
    assert "flag must be specified" in flyctl.deploy(HTTP).err, "a mount is never taken away"


def test_volumes_are_made_extended_listed_and_destroyed(flyctl: Flyctl) -> None:
    flyctl.deployed(HTTP + MOUNT.replace("/data", '/data"\ninitial_size = "2gb'))
    volume = next(iter(flyctl.app["volumes"]))
    assert flyctl.app["volumes"][volume]["size_gb"] == 2
    flyctl.ok("volumes", "extend", volume, "-s", "5", "-y", "-a", "web")
    flyctl.ok("volumes", "update", volume, "--snapshot-retention", "9", "-a", "web")
    assert json.loads(flyctl.ok("volumes", "show", volume, "-a", "web", "--json"))["snapshot_retention"] == 9
    assert "cannot become 4 GB" in flyctl("volumes", "extend", volume, "-s", "4", "-y", "-a", "web").err
    assert "attached to a machine" in flyctl("volumes", "destroy", volume, "-y", "-a", "web").err
    flyctl.ok("scale", "count", "2", "-y", "-a", "web")
    assert [each["attached_machine_id"] for each in flyctl.app["volumes"].values()] == [
        each["id"] for each in flyctl.machines
    ]
    flyctl.ok("scale", "count", "1", "-y", "-a", "web")
    listed = json.loads(flyctl.ok("volumes", "list", "-a", "web", "--json"))
    free = [each["id"] for each in listed if each["attached_machine_id"] is None]
    assert (len(listed), len(free)) == (2, 1)
    assert "is being detached" in flyctl("volumes", "destroy", free[0], "-y", "-a", "web").err
    flyctl.ok("volumes", "destroy", free[0], "-y", "-a", "web")
    assert len(flyctl.app["volumes"]) == 1


@pytest.mark.parametrize(
    ("toml", "options", "kinds"),
    [
        (HTTP, (), ["v6", "shared_v4"]),
        (HTTP, ("--flycast",), ["private_v6"]),
        (HTTP, ("--no-public-ips",), []),
        (BASE, (), []),
        (SERVICE.format("protocol = 'udp'"), ("-y",), []),
        (SERVICE.format("protocol = 'tcp'"), ("-y",), []),
        (SERVICE.format("# no protocol"), ("-y",), ["v6", "shared_v4"]),
    ],
)
def test_the_first_deploy_allocates_what_http_needs_and_nothing_else(
    flyctl: Flyctl, toml: str, options: tuple[str, ...], kinds: list[str]
) -> None:
    flyctl.deployed(toml, "nginx:1", "--smoke-checks=false", *options)
    assert [each["Type"] for each in json.loads(flyctl.ok("ips", "list", "-a", "web", "--json"))] == kinds


def test_addresses_are_allocated_and_released(flyctl: Flyctl) -> None:
    for arguments in (("v4", "--yes"), ("v4", "--shared"), ("v6",), ("v6", "--private")):
        flyctl.ok("ips", f"allocate-{arguments[0]}", "-a", "web", *arguments[1:])
    listed = json.loads(flyctl.ok("ips", "list", "-a", "web", "--json"))
    assert [each["Type"] for each in listed] == ["v4", "v6", "private_v6", "shared_v4"]
    flyctl.ok("ips", "release", *(each["Address"] for each in listed), "-a", "web")
    assert flyctl.app["addresses"] == []
    assert flyctl("ips", "release", "192.0.2.1", "-a", "web").code == 1


def test_secrets_are_staged_and_unset(flyctl: Flyctl) -> None:
    flyctl.ok("secrets", "import", "--stage", "-a", "web", stdin="A=1\nB=2\n")
    flyctl.deployed(BASE)
    flyctl.ok("secrets", "unset", "--stage", "A", "-a", "web")
    flyctl.ok("secrets", "import", "--stage", "-a", "web", stdin="C=3\n")
    listed = json.loads(flyctl.ok("secrets", "list", "-a", "web", "--json"))
    assert [(each["name"], each["status"]) for each in listed] == [("B", "Deployed"), ("C", "Staged")]


def test_a_secrets_version_that_fly_does_not_know_stops_the_machines(flyctl: Flyctl) -> None:
    flyctl.ok("secrets", "sync", "-a", "web")
    flyctl.app["secrets_version"] = 0
    failed = flyctl.deploy(BASE)
    assert (failed.code, "secrets version 1 is not known yet" in failed.err) == (1, True)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("machine list -a web", "library/nginx:1"),
        ("status -a web", "library/nginx:1"),
        ("status --json -a web", '"Status": "deployed"'),
        ("releases -a web", "complete"),
        ("checks list -a web", "passing"),
        ("config show -a web", '"internal_port": 8080'),
        ("logs --no-tail -a web", "made this Machine"),
        ("scale show -a web", "shared"),
        ("scale vm shared-cpu-2x -a web", "512 MB"),
        ("machine status ID -a web", "started"),
        ("machine stop ID -a web", "successfully stopped"),
        ("machine restart ID -a web", "restarted successfully"),
        ("machine suspend ID -a web", "being suspended"),
        ("machine cordon ID -a web", "done!"),
        ("machine leases view ID -a web", "No leases found"),
        ("machine destroy ID --force -a web", "has been destroyed"),
        ("apps destroy web --yes", "Destroyed app web"),
    ],
)
def test_what_else_it_asks_of_an_app(flyctl: Flyctl, what: str, words: str) -> None:
    flyctl.deployed(CHECKED)
    assert words in flyctl.ok(*what.replace("ID", flyctl.machines[0]["id"]).split())


def test_a_dockerfile_is_refused_with_what_to_do(flyctl: Flyctl) -> None:
    (flyctl.folder / "fly.toml").write_text(HTTP)
    (flyctl.folder / "Dockerfile").write_text("FROM scratch\n")
    for depot in ("--depot", "--depot=false"):
        failed = flyctl("deploy", "-a", "web", "--remote-only", depot)
        assert (failed.code, "the rehearsal builds no images" in failed.err) == (1, True)
    assert list(flyctl.fly.world.data["apps"]) == ["web"]


@pytest.mark.parametrize(
    ("method", "path", "status", "passes"),
    [
        ("POST", "machines/ID", 503, True),
        ("POST", "machines/ID", 429, False),
        ("GET", "machines/ID", 429, False),
        ("GET", "machines/ID/wait", 429, True),
        ("POST", "machines/ID/lease", 429, True),
    ],
)
def test_what_it_tries_again_when_fly_is_busy(
    flyctl: Flyctl, method: str, path: str, status: int, passes: bool
) -> None:
    flyctl.deployed(CHECKED)
    flyctl.fly.faults.append(Fault(method, f"/v1/apps/web/{path.replace('ID', flyctl.machines[0]['id'])}", status))
    assert (flyctl.deploy(CHECKED, "nginx:2").code == 0) == passes

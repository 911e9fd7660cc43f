"""Running flyctl; a stand-in takes its place."""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from scorefly.fly.app import App
from scorefly.fly.flyctl import FlyctlDeployer
from scorefly.fly.flyctl_arguments import DeployOptions
from scorefly.problems import ExternalError, InputError
from scorefly.values import Secret


def deployer(folder: Path, script: str, **options: Any) -> FlyctlDeployer:
    """A deployer whose flyctl is this shell script."""
    path = folder / "bin" / "flyctl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    environ = {"PATH": f"{path.parent}:{os.environ['PATH']}", "GITHUB_TOKEN": "ghs_token"}
    return FlyctlDeployer("fo1_token", DeployOptions(**options), environ, ["hidden-value"], delays=(0.0, 0.0))


def run(tool: FlyctlDeployer, folder: Path, stop: threading.Event | None = None, **changes: Any) -> list[str]:
    lines: list[str] = []
    app = App(**{"name": "web", "owner": "web", "config": {}, "image": "nginx:1", "size": "", **changes})
    stop = stop or threading.Event()
    with tool:
        tool.prepare(app, stop=stop)
        tool.deploy(app, folder, folder, on_line=lines.append, stop=stop)
    return lines


def test_lines_come_as_they_are_said_without_secrets(tmp_path: Path) -> None:
    assert run(deployer(tmp_path, "echo one; echo a hidden-value and $FLY_API_TOKEN >&2"), tmp_path) == [
        "one",
        "a *** and ***",
    ]


def test_it_sees_only_what_it_needs(tmp_path: Path) -> None:
    lines = run(
        deployer(tmp_path, "env | cut -d= -f1 | sort | tr '\\n' ' '; ls -ld $FLY_CONFIG_DIR | cut -c1-10"), tmp_path
    )
    names = set(lines[0].split()) - {"PWD", "OLDPWD", "SHLVL", "_", "drwx------"}
    assert names == {
        "PATH", "HOME", "CI", "NO_COLOR", "FLY_API_TOKEN", "FLY_CONFIG_DIR", "FLY_SEND_METRICS", "FLY_TRACE_COLLECTOR_URL",
        "FLY_NO_UPDATE_CHECK", "FLY_NO_INCIDENTS_CHECK",
    }  # fmt: skip
    assert lines[0].endswith("drwx------")


def test_secrets_are_synced_first_in_the_same_folder(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(deployer(tmp_path, f'echo "$1 $FLY_CONFIG_DIR" >>{log}'), tmp_path, secrets={"A": Secret("x")})
    verbs, folders = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert verbs == ("secrets", "deploy")
    assert len(set(folders)) == 1
    assert not Path(folders[0]).parent.exists()


def test_an_exit_status_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match="web: the app keeps crashing"):
        run(deployer(tmp_path, "echo 'Error: the app appears to be crashing'; exit 1"), tmp_path)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Error: failed to get lease on VM 1: lease currently held by x", "another deploy of the app is under way"),
        ("Error: server returned a non-200 status code: 503", "Fly's API did not answer as it should"),
        ("Error: failed to launch VM: insufficient resources", "Fly has no room in this region now"),
        ("Error: failed to update VM 1: concurrent update in progress", "another deploy of the app is under way"),
        ("Error: server returned a non-200 status code: 429", "Fly limits the rate of requests"),
        ("Error: failed to fetch an image or build from source: deadline_exceeded: x", "the builder did not answer"),
        ("Error: failed to fetch an image or build from source: error building: EOF", "the builder did not answer"),
    ],
)
def test_what_may_pass_by_itself_is_tried_again(tmp_path: Path, said: str, words: str) -> None:
    again = f"echo x >>{tmp_path}/tries; [ $(wc -l <{tmp_path}/tries) = 3 ] && exit 0; echo '{said}'; exit 1"
    assert [line for line in run(deployer(tmp_path, again), tmp_path) if "once more" in line] == [
        f"web: {words}: once more in 0 s"
    ] * 2
    with pytest.raises(ExternalError, match=words):
        run(deployer(tmp_path, f"echo '{said}'; exit 1"), tmp_path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Error: timeout reached waiting for health checks to pass for machine 1'; exit 1", "healthy in time"),
        ("echo 'Error: could not find image x'; exit 1", "Fly cannot find the image"),
        ("echo 'Error: release command failed - aborting deployment'; exit 1", "the release command failed"),
        ("echo 'Failed to provision IP addresses: status 503'; echo 'Error: odd'; exit 1", "ended with 1: Error: odd"),
        (
            "echo 'smoke checks for 1 failed: the app appears to be crashing'; echo 'Error: odd'; exit 1",
            "keeps crashing",
        ),
        ("echo 'INFO Using wait timeout: 3m0s lease timeout: 13s'; echo 'Error: odd'; exit 1", "1: Error: odd"),
        ("echo '#9 npm error code E401 status 401 timeout'; echo 'Error: odd'; exit 1", "1: Error: odd"),
        (
            (
                "echo 'Error: failed to fetch an image or build from source: error building: failed to solve: process "
                '"/bin/sh -c curl --connect-timeout 5 https://x || exit 401" did not complete successfully: exit code: 1\'; '
                "exit 1"
            ),
            "a command of the build failed",
        ),
        (
            "echo 'Error: error building: failed to solve: failed to compute cache key: \"/a\": not found'; exit 1",
            "the image could not be built",
        ),
        ("exit 127", "flyctl was cancelled"),
        ("exit 3", "flyctl ended with 3: no output"),
    ],
)
def test_what_will_not_pass_is_told_at_once(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(ExternalError, match=words):
        run(deployer(tmp_path, f"echo x >>{tmp_path}/tries; {script}"), tmp_path)
    assert (tmp_path / "tries").read_text() == "x\n"


def test_a_stop_ends_it_and_its_children(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(ExternalError, match="was interrupted"):
        run(
            deployer(tmp_path, "trap 'exit 127' INT; while :; do read -r _ < /dev/null || sleep 0.05; done"),
            tmp_path,
            stop,
        )


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ('{"Version":"0.4.87"}', True),
        ('{"Version":"v0.5.0"}', True),
        ('{"Version":"0.4.86"}', False),
        ('{"Version":"dev"}', True),
    ],
)
def test_an_old_flyctl_is_refused(tmp_path: Path, version: str, fine: bool) -> None:
    tool = deployer(tmp_path, f"echo '{version}'")
    refused = pytest.raises(InputError, match=r"flyctl is 0\.4\.86, and scorefly needs 0\.4\.87")
    with tool, nullcontext() if fine else refused:
        tool.check()


def test_no_flyctl_is_a_problem_that_says_what_to_do(tmp_path: Path) -> None:
    with FlyctlDeployer("x", DeployOptions(), {"PATH": str(tmp_path)}) as tool:
        with pytest.raises(InputError, match="install flyctl"):
            tool.check()


MISSING = 'echo "Error: failed to fetch an image: Could not find image"; exit 1'


def test_image_in_flys_registry_that_is_not_found_yet_is_tried_again(tmp_path: Path) -> None:
    script = f"[ -e {tmp_path}/tried ] || {{ touch {tmp_path}/tried; {MISSING}; }}; echo deployed"
    lines = run(deployer(tmp_path, script), tmp_path, image=f"registry.fly.io/web@sha256:{'a' * 64}")
    assert lines[-1] == "deployed"


def test_image_in_flys_registry_that_is_never_found_is_to_be_built_again(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match=r"Fly cannot find the image \(deploy with force to build it again"):
        run(deployer(tmp_path, MISSING), tmp_path, image="registry.fly.io/web:1")


def test_image_elsewhere_that_is_not_found_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match="check the reference"):
        run(deployer(tmp_path, f"[ ! -e {tmp_path}/tried ] || exit 0; touch {tmp_path}/tried; {MISSING}"), tmp_path)

"""Running flyctl; a stand-in takes its place."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from scorefly.fly.app import App
from scorefly.fly.flyctl import DeployOptions, FlyctlDeployer
from scorefly.problems import InputError, OutsideError
from scorefly.values import Secret


def deployer(folder: Path, script: str, **options: Any) -> FlyctlDeployer:
    """A deployer whose flyctl is this shell script."""
    path = folder / "bin" / "flyctl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    environ = {"PATH": f"{path.parent}:{os.environ['PATH']}", "GITHUB_TOKEN": "ghs_token"}
    return FlyctlDeployer("fo1_token", DeployOptions(**options), environ, ["hidden-value"])


def run(tool: FlyctlDeployer, folder: Path, stop: threading.Event | None = None, **changes: Any) -> list[str]:
    lines: list[str] = []
    app = App(**{"name": "web", "owner": "web", "config": {}, "image": "nginx:1", "size": "", **changes})
    tool.deploy(app, folder, folder, on_line=lines.append, stop=stop or threading.Event())
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
    lines = run(deployer(tmp_path, 'echo "$1 $FLY_CONFIG_DIR"'), tmp_path, secrets={"A": Secret("x")})
    verbs, folders = zip(*(line.split() for line in lines), strict=True)
    assert verbs == ("secrets", "deploy")
    assert len(set(folders)) == 1


def test_an_exit_status_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="web: the app keeps crashing"):
        run(deployer(tmp_path, "echo 'Error: the app appears to be crashing'; exit 1"), tmp_path)


def test_a_stop_ends_it_and_its_children(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(OutsideError, match="was interrupted"):
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
    if fine:
        tool.check()
    else:
        with pytest.raises(InputError, match=r"flyctl is 0\.4\.86, and scorefly needs 0\.4\.87"):
            tool.check()


def test_no_flyctl_is_a_problem_that_says_what_to_do(tmp_path: Path) -> None:
    tool = FlyctlDeployer("x", DeployOptions(), {"PATH": str(tmp_path)})
    with pytest.raises(InputError, match="install flyctl"):
        tool.check()

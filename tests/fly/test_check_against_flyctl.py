"""The checker beside the real flyctl, where SCOREFLY_TEST_FLYCTL names one: what flyctl refuses, it refuses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fly_documents import FULL, MACHINE, OTHERS, misspelt, paths, removed, replaced
from scorefly.fly.check.checker import check
from workspaces import DATA, Workspace

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
pytestmark = pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")

ODD: tuple[Any, ...] = ("x", -1, 1.5, True, {}, [{}])
MOUNT = {"source": "a", "destination": "/a"}
SERVICE = {"protocol": "tcp", "internal_port": 1, "ports": [{"port": 1}]}

# What flyctl's strict validation takes, and then a deploy fails, or does something else than what is written.
MISSED: tuple[dict[str, Any], ...] = (
    {"app": "Not A Name"},
    {"primary_region": "nowhere"},
    {"mounts": [{**MOUNT, "source": "my-data"}]},
    {"mounts": [{**MOUNT, "sise": 1}]},
    {"mounts": [MOUNT, {"source": "b", "destination": "/b"}]},
    {"vm": [{"size": "shared-cpu-3x"}]},
    {"vm": [{"memory": "0"}]},
    {"vm": [{"cpus": 8, "memory": "256"}]},
    {"vm": [{"cpus_kind": "shared"}]},
    {"metrics": [{"port": 1, "pathh": "/"}]},
    {"services": [{**SERVICE, "internl_port": 1}]},
    {"services": [{**SERVICE, "internal_port": 70000}]},
    {"services": [{**SERVICE, "ports": [{"port": 1, "handlers": ["https"]}]}]},
    {"services": [SERVICE, {**SERVICE, "internal_port": 2}]},
    {"http_service": {"internal_port": 0}},
    {"http_service": {"internal_port": 1, "concurrency": {"type": "donuts"}}},
    {"http_service": {"internal_port": 1, "checks": [{"interval": 5}]}},
    {"checks": {"a": {"type": "tcp"}}},
    {"deploy": {"strategy": "bluegreen"}, "mounts": [MOUNT]},
    {"deploy": {"wait_timeout": 300}},
    {"files": [{"guest_path": "a", "raw_value": "b"}]},
    {"files": [{"guest_path": "/a", "raw_value": "b", "secret_name": "C"}]},
    {"machine_config": "{"},
    {"machine_config": '{"containers": [{"name": "a"}, {"name": "b"}]}'},
    {"machine_config": '{"containers": [{"name": "a"}]}', "container": "b"},
    {"kill_timeout": "1h"},
)


def spoiled() -> Iterator[dict[str, Any]]:
    """The full document with each of its values replaced, removed, or under another key."""
    for path in paths(FULL):
        yield from (replaced(FULL, path, value) for value in ODD)
        yield removed(FULL, path)
        if isinstance(path[-1], str):
            yield misspelt(FULL, path)


def refused(document: dict[str, Any], folder: Path) -> str:
    """What flyctl says when it refuses a fly.toml; empty when it takes it."""
    folder.mkdir(exist_ok=True)
    path = folder / "fly.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return refused_file(path, folder)


def refused_file(path: Path, folder: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FLY_CONFIG_DIR": str(folder / "config"),
        "FLY_API_TOKEN": "fo1_dummy",
        "FLY_SEND_METRICS": "0",
        "FLY_NO_UPDATE_CHECK": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [FLYCTL, "config", "validate", "--strict", "--config", str(path), "--app", "web"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def has_errors(document: dict[str, Any]) -> bool:
    return any(each.severity == "error" for each in check(document, MACHINE if "machine_config" in document else None))


@pytest.mark.parametrize("document", [FULL, *OTHERS])
def test_both_take_every_key_there_is(tmp_path: Path, document: dict[str, Any]) -> None:
    assert refused(document, tmp_path) == ""
    assert not has_errors(document)


def test_what_flyctl_refuses_the_checker_refuses(tmp_path: Path) -> None:
    documents = list(spoiled())
    assert len(documents) > 2000
    with ThreadPoolExecutor(2) as workers:
        halves = workers.map(_verdicts, (documents[::2], documents[1::2]), (tmp_path / "a", tmp_path / "b"))
        verdicts = [verdict for half in halves for verdict in half]
    assert [each for each in verdicts if each[0] and not has_errors(each[1])] == []
    assert sum(bool(said) for said, _ in verdicts) > 1000


def _verdicts(documents: list[dict[str, Any]], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(refused(document, folder), document) for document in documents]


def texts(alphabet: str, *often: str) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, max_size=8) | st.lists(st.sampled_from(often), max_size=3).map("".join)


@given(
    texts("015.-+smhu\u00b5\u03bc n", "1s", "1.5m", "30", "ms", "0", ".", "-"),
    texts("015.-+kmgtpbiGB e", "10", "GB", "gib", " ", ".5", "1"),
    texts("ab'\"\\# \n", "'", '"', "\\", "#", "a", " "),
)
def test_both_read_durations_sizes_and_commands_alike(
    tmp_path_factory: pytest.TempPathFactory, duration: str, size: str, command: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "grammars"
    for document in ({"kill_timeout": duration}, {"mounts": [{**MOUNT, "initial_size": size}]}):
        assert has_errors(document) or not refused(document, folder)
    command_line = {"console_command": command}
    assert has_errors(command_line) == bool(refused(command_line, folder))


@pytest.mark.parametrize("document", MISSED)
def test_what_flyctl_misses_the_checker_refuses(tmp_path: Path, document: dict[str, Any]) -> None:
    assert refused(document, tmp_path) == ""
    assert any(each.severity == "error" for each in check(document))


def test_both_take_what_a_real_application_is_converted_to(workspace: Workspace, tmp_path: Path) -> None:
    for path in (DATA / "score/real/apps/onlineboutique").glob("*.yaml"):
        workspace.write(path.name, path.read_text())
    assert workspace.run("generate", "*.yaml", "--region", "ams").code == 0
    written = sorted((workspace.path / ".scorefly/out/local").glob("*/fly.toml"))
    assert len(written) == 12
    assert [refused_file(path, tmp_path) for path in written] == [""] * 12

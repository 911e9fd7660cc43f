"""Whatever is in a fly.toml or an app.yaml, convert ends with problems and never with a fault."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fly_documents import FULL, parent, paths, replaced
from scorefly.problems import InputError
from scorefly.unconvert.carried import Source
from scorefly.unconvert.fly_toml import convert_fly_toml, read_document, read_fly_toml
from scorefly.unconvert.flycd import Common, read_app
from workspaces import Workspace

DOCUMENT = {key: value for key, value in FULL.items() if key not in ("machine_config", "container", "files")}
PATHS = [path for path in paths(DOCUMENT) if path]
ODD: tuple[Any, ...] = (
    *("", "x", "é\0", "{{ x }}", -1, 0, 1.5, 10**30, True),
    *([], {}, [[]], [1], [{}], {"a": 1}, [{"name": 1}]),
)


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(ODD)), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_odd_values_are_problems(changes: list[tuple[Any, Any]]) -> None:
    document: dict[str, Any] = DOCUMENT
    for path, value in changes:
        try:
            if isinstance(path[-1], int) and not isinstance(parent(document, path), list):
                continue
            document = replaced(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue
    for file, text in (("fly.toml", tomli_w.dumps(document)), ("fly.json", json.dumps(document))):
        fly = read_fly_toml(text, file)
        convert_fly_toml(fly, Source("web", Path("/nowhere")))


FLYCD = {
    "app": "web",
    "org": "acme",
    "primary_region": "ams",
    "extra_regions": ["cdg"],
    "source": {"type": "git", "repo": "https://x/y", "ref": {"branch": "main"}, "path": "a", "inline": "FROM x"},
    "merge_cfg": {"all": True, "include": ["a"]},
    "machines": {"count": 1, "count_per_region": {"ams": 1}, "ram_mb": 256, "cpu_cores": 1, "cpu_type": "shared"},
    "volumes": [{"name": "data", "size_gb": 1, "count": 1}],
    "mounts": [{"source": "data", "destination": "/data"}],
    "secrets": [{"name": "A", "type": "env", "env": "B"}],
    "network": {"ips": [{"v": "v6", "private": True, "network": "n"}], "auto_prune_ips": True},
    "launch_params": ["--vm-size", "x"],
    "deploy_params": ["--strategy", "rolling", "--no-cache"],
    "services": [{"internal_port": 80, "protocol": "tcp", "min_machines_running": 1}],
    "kill_timeout": 3,
}
FLYCD_PATHS = [path for path in paths(FLYCD) if path]


@given(st.lists(st.tuples(st.sampled_from(FLYCD_PATHS), st.sampled_from(ODD)), min_size=1, max_size=4))
@settings(deadline=None)
def test_odd_values_of_flycd_are_problems(changes: list[tuple[Any, Any]]) -> None:
    document: dict[str, Any] = FLYCD
    for path, value in changes:
        try:
            if isinstance(path[-1], int) and not isinstance(parent(document, path), list):
                continue
            document = replaced(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue
    try:
        app = read_app(json.dumps(document), "app.yaml", PurePosixPath(), Common())
        fly = read_document(app.document, app.places, app.file)
    except InputError:
        return
    if not app.problems:
        convert_fly_toml(fly, Source("web", Path("/nowhere")))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a = " + b"[" * 5000, ""),
        (b'app = "a"\napp = "b"\n', "invalid TOML"),
        (b"", ""),
        (b'app = "web"\n[[files]]\nguest_path = "/a"\nlocal_path = "missing"\n', ""),
        (b'app = "web"\nmachine_config = "missing.json"\n', "missing.json"),
        (b'app = "web"\nmachine_config = "../../../etc/passwd.json"\n', "passwd.json"),
    ],
)
def test_unreadable_files_are_problems(workspace: Workspace, content: bytes, words: str) -> None:
    (workspace.path / "fly.toml").write_bytes(content)
    result = workspace.run("convert", "fly.toml")
    assert result.code in (0, 2)
    assert words in result.err
    assert "internal error" not in result.err
    assert "has a fault" not in result.err

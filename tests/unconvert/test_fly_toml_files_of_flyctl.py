"""The fly.toml files of flyctl's own tests: each comes back with the same meaning, or is refused at its line."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import tomli_w

from fly_toml_shapes import SHAPES
from scorefly.unconvert.build import without_build
from scorefly.unconvert.carried import Source, generated_app
from scorefly.unconvert.fly_toml import convert_fly_toml, read_fly_toml
from scorefly.unconvert.meaning import meaning
from scorefly.unconvert.names import workload_name
from scorefly.unconvert.reading import read_as_flyctl
from workspaces import DATA

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
FILES = sorted((DATA / "fly/toml").glob("*.toml"))

# What Fly refuses, and for Compose files what scorefly does: a line of each.
REFUSED = {
    "always-invalid-v2.toml": "always-invalid-v2.toml:24:3: services[0].concurrency is a whole number",
    "compose-autodetect.toml": "compose-autodetect.toml:3:1: build.compose makes flyctl read files",
    "compose.toml": "compose.toml:4:1: build.compose makes flyctl read files",
    "full-reference.toml": "full-reference.toml:40:3: deploy.strategy is 'rolling-eyes'",
    "setters-service.toml": "setters-service.toml:5:1: services[0].internal_port is missing",
    "tomachine-compute.toml": "tomachine-compute.toml:12:1: vm[0].gpu_kind asks for a GPU",
    "validate-groups.toml": "validate-groups.toml:36:1: mounts[0].destination 'bar' is no",
    "validate-mounts.toml": "validate-mounts.toml:12:1: mounts[0].initial_size is 0 GB",
    "validate-services.toml": "validate-services.toml:12:1: services[0].processes is missing",
}


@pytest.mark.parametrize("path", [each for each in FILES if each.name not in REFUSED], ids=lambda path: path.name)
def test_each_file_comes_back_with_the_same_meaning(path: Path) -> None:
    fly = read_fly_toml(path.read_text(), path.name)
    assert not fly.refused, fly.problems
    source = Source(workload_name(fly.app, PurePosixPath("app")), path.parent)
    carried = convert_fly_toml(fly, source)
    app = generated_app(carried, source)
    assert app is not None
    wanted = {**without_build(fly.document, carried.build), "app": source.workload}
    assert meaning(app.config) == meaning(wanted)


@pytest.mark.parametrize("name", REFUSED)
def test_each_file_that_fly_refuses_is_refused_at_its_line(name: str) -> None:
    fly = read_fly_toml((DATA / "fly/toml" / name).read_text(), name)
    assert any(str(each).startswith(REFUSED[name]) and each.severity == "error" for each in fly.problems), fly.problems


def flyctl_reading(path: Path, home: Path) -> dict[str, Any]:
    """What a real flyctl makes of a local fly.toml."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "FLY_CONFIG_DIR": str(home / "config"),
        "FLY_API_TOKEN": "fo1_dummy",
        "FLY_SEND_METRICS": "0",
        "FLY_NO_UPDATE_CHECK": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_COLOR": "1",
    }
    command = [FLYCTL, "config", "show", "--local", "--config", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return read_as_flyctl(found).document


@pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")
@pytest.mark.parametrize(
    "path",
    [each for each in FILES if each.name not in ("always-invalid-v2.toml", "old-processes.toml")],
    ids=lambda path: path.name,
)
def test_flyctl_reads_each_file_as_convert_does(tmp_path: Path, path: Path) -> None:
    ours = read_as_flyctl(tomllib.loads(path.read_text())).document
    assert meaning(flyctl_reading(path, tmp_path)) == meaning(ours)


@pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")
@pytest.mark.parametrize("name", SHAPES)
def test_flyctl_reads_both_documents_alike(tmp_path: Path, name: str) -> None:
    original = tmp_path / "fly.toml"
    original.write_text(SHAPES[name])
    fly = read_fly_toml(SHAPES[name], "fly.toml")
    source = Source("hello", tmp_path)
    carried = convert_fly_toml(fly, source)
    app = generated_app(carried, source)
    assert app is not None
    generated = tmp_path / "generated.toml"
    generated.write_text(tomli_w.dumps(dict(app.config)))

    def content(path: str) -> object:
        return app.files.get(path.partition("files/")[2], path)

    wanted = without_build(flyctl_reading(original, tmp_path), carried.build)
    assert meaning(flyctl_reading(generated, tmp_path), content) == meaning(wanted, content)

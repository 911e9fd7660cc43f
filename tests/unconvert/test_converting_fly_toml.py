"""`convert`: a fly.toml becomes a Score file, and `generate` gives back a fly.toml that means the same."""

from __future__ import annotations

import posixpath
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fly_toml_shapes import BUILT, LAUNCHED, SHAPES
from scorefly.unconvert.meaning import meaning
from scorefly.unconvert.reading import read_as_flyctl
from workspaces import Workspace


def round_trip(workspace: Workspace, text: str) -> dict[str, Any]:
    """The fly.toml that generate makes of what convert makes of a text."""
    workspace.write("fly.toml", "").write_text(text, encoding="utf-8")
    if "ockerfile" in text:
        workspace.write("docker/web.Dockerfile" if "docker/" in text else "Dockerfile", "FROM scratch\n")
    converted = workspace.run("convert", "fly.toml")
    assert converted.code == 0, converted.err
    generated = workspace.run("generate")
    assert generated.code == 0, generated.err
    toml = workspace.toml("hello")
    if dockerfile := toml.get("build", {}).get("dockerfile"):
        # There it is relative to the artefact.
        toml["build"]["dockerfile"] = posixpath.normpath(posixpath.join(".scorefly/out/local/hello", dockerfile))
    return toml


@pytest.mark.parametrize("name", SHAPES)
def test_a_generated_fly_toml_means_what_the_converted_one_does(workspace: Workspace, name: str) -> None:
    text = SHAPES[name]
    generated = round_trip(workspace, text)
    original = read_as_flyctl(tomllib.loads(text)).document
    artefact = workspace.path / ".scorefly/out/local/hello"

    def content(path: str) -> bytes:
        return (artefact / path).read_bytes()

    assert meaning(generated, content) == meaning(original, content)


@pytest.mark.parametrize("name", [name for name in SHAPES if "private services" not in name])
def test_what_convert_writes_is_without_warnings(workspace: Workspace, name: str) -> None:
    round_trip(workspace, SHAPES[name])
    result = workspace.run("generate")
    assert "warning:" not in result.err
    assert "notice:" not in result.err


def test_what_score_and_annotations_can_express_leaves_no_fragment(workspace: Workspace) -> None:
    round_trip(workspace, LAUNCHED)
    assert not list((workspace.path / ".scorefly").glob("overlay*"))
    score = (workspace.path / "score.yaml").read_text()
    for line in ("targetPort: 8080", "size_gb: 10", "scorefly/auto-stop: stop", "memory: 1024Mi", "path: /health"):
        assert line in score


def test_keys_that_flyctl_ignores_are_listed_and_left_out(workspace: Workspace) -> None:
    workspace.write("fly.toml", SHAPES["services as old files have them"])
    result = workspace.run("convert", "fly.toml")
    assert result.code == 0
    for line in (
        "fly.toml:6:1: processes",
        "fly.toml:9:3: experimental.allowed_public_ports",
        "services[0].script_checks",
    ):
        assert line in result.err
    written = (workspace.path / ".scorefly/overlay.hello.yaml").read_text()
    assert "script_checks" not in written
    assert "restart_limit" not in written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BUILT + "[[services]]\ninternal_port = 1\nconcurrency = 20\n", "fly.toml:5:1: services[0].concurrency"),
        (BUILT + '[deploy]\nstrategy = "rolling-eyes"\n', "fly.toml:4:1: deploy.strategy is 'rolling-eyes'"),
        (BUILT + "[env\n", "fly.toml:3:5: invalid TOML"),
        (
            'app = "{APP_NAME}"\nprimary_region = "{REGION}"\n',
            "fly.toml:2:1: primary_region has the placeholder {REGION}",
        ),
        (BUILT + '[build.compose]\nfile = "compose.yaml"\n', "fly.toml:3:1: build.compose makes flyctl read files"),
        (
            BUILT + '[[files]]\nguest_path = "/a"\nlocal_path = "a.conf"\n',
            "fly.toml:5:1: a.conf cannot be read: No such file",
        ),
        (
            BUILT + '[[files]]\nguest_path = "/a"\nlocal_path = "/etc/a"\n',
            "fly.toml:5:1: local_path '/etc/a' is absolute",
        ),
        ("app = {{ name }}\n", "fly.toml:1:7: the placeholder {{ name }} makes this file a template"),
    ],
)
def test_a_fly_toml_that_fly_refuses_is_refused_at_its_line(workspace: Workspace, text: str, problem: str) -> None:
    workspace.write("fly.toml", "").write_text(text)
    result = workspace.run("convert", "fly.toml")
    assert result.code == 2
    assert problem in result.err
    assert list(workspace.tree()) == ["fly.toml"]


def test_files_that_exist_are_never_overwritten(workspace: Workspace) -> None:
    workspace.write("fly.toml", BUILT)
    workspace.write("score.yaml", "mine: true\n")
    result = workspace.run("convert", "fly.toml")
    assert (result.code, result.problems) == (
        2,
        [
            "score.yaml:1:1: the file exists, and convert overwrites nothing (move it away, or give another folder with --output)"
        ],
    )
    assert (workspace.path / "score.yaml").read_text() == "mine: true\n"
    assert workspace.run("convert", "fly.toml", "--output", "converted").code == 0
    assert (workspace.path / "converted/score.yaml").exists()


def test_converting_again_changes_nothing(workspace: Workspace) -> None:
    workspace.write("fly.toml", LAUNCHED)
    assert workspace.run("convert", "fly.toml").code == 0
    before = workspace.tree()
    assert workspace.run("convert", "fly.toml").code == 0
    assert workspace.tree() == before


def test_a_folder_stands_for_every_fly_toml_below_it(workspace: Workspace) -> None:
    for name in ("web", "api"):
        workspace.write(f"services/{name}/fly.toml", BUILT.replace("hello", name))
    assert workspace.run("convert", ".").code == 0
    assert {path for path in workspace.tree() if path.endswith("score.yaml")} == {
        "services/web/score.yaml",
        "services/api/score.yaml",
    }
    assert workspace.run("generate").code == 0


def test_an_output_folder_has_all_that_the_score_files_name(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write("app/Dockerfile", "FROM scratch\n")
    workspace.write("app/nginx.conf", "server {}\n")
    files = '[[files]]\nguest_path = "/etc/nginx.conf"\nlocal_path = "nginx.conf"\n'
    workspace.write("app/fly.toml", 'app = "hello"\n' + files)
    assert workspace.run("convert", "app/fly.toml", "--output", str(tmp_path / "made")).code == 0
    made = Workspace(tmp_path / "made")
    assert made.run("generate").code == 0
    assert made.tree()[".scorefly/out/local/hello/files/etc/nginx.conf"] == b"server {}\n"


@pytest.mark.parametrize("named", ["docker-compose.yml", "."])
def test_compose_file_is_refused_with_the_command_that_reads_it(workspace: Workspace, named: str) -> None:
    workspace.write("docker-compose.yml", "services:\n  web:\n    image: nginx:1.27\n    ports: ['80:80']\n")
    result = workspace.run("convert", named)
    assert result.code == 2
    assert "docker-compose.yml:1:1: this is a Docker Compose file" in result.err
    command = result.err.split("`")[1].split()
    assert command[0] == "scorefly"
    assert workspace.run(*command[1:], "--yes").code == 0
    assert workspace.run("validate", "--app-prefix", "acme-").code == 0

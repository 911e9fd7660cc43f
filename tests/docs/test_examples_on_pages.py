"""The examples on pages: every block of YAML is of a known kind and valid, and the quick start works as it is written."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from git_servers import git
from killing import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, Workspace

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n((?:.*\n)*?)```", re.MULTILINE)
PROJECT = json.loads((REPOSITORY / "docs/project.schema.json").read_text())
PROVISIONERS = json.loads((REPOSITORY / "docs/provisioners.schema.json").read_text())
INPUTS = set(yaml.safe_load((REPOSITORY / "action.yml").read_text())["inputs"])
# What stands around an example that is only a part of a Score file.
SCORE = {
    "apiVersion": "score.dev/v1b1",
    "metadata": {"name": "web"},
    "containers": {"web": {"image": "nginx:1.27", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}},
    "service": {"ports": {"http": {"port": 80}, "grpc": {"port": 9000}}},
}
# Files of other programs, which only have to be YAML.
FOREIGN: dict[str, set[Any]] = {"from-flycd.md": {"app"}, "other-ci.md": {"deploy"}, "after-the-deploy.md": {True}}


def blocks(*languages: str) -> list[Any]:
    return [
        pytest.param(page.name, text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(FENCE.findall(page.read_text()))
        if language in languages
    ]


def kind_of(page: str, data: Any) -> str:
    """Return what an example is; empty if it is nothing known."""
    if isinstance(data, list):
        kinds = {"provisioners" if "uri" in each else "steps" for each in data if {"uri", "uses", "run"} & set(each)}
        return kinds.pop() if len(kinds) == 1 else ""
    if set(data) & {"jobs", "steps"}:
        return "workflow"
    if "apiVersion" in data or set(data) <= {"metadata", "containers", "service", "resources"}:
        return "score"
    if set(data) <= set(PROJECT["properties"]):
        return "project"
    return "foreign" if set(data) & FOREIGN.get(page, set()) else ""


def merge(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}


def complete(data: dict[str, Any]) -> Any:
    """Return a whole Score file; what is one already stays as it is."""
    if "apiVersion" in data:
        return data
    merged = merge(SCORE, data)
    for container in merged["containers"].values():
        container.setdefault("image", "nginx:1.27")
    return merged


def validate(workspace: Workspace, text: str) -> str:
    """Return what `validate` finds wrong; all names that could be secrets or variables are set."""
    names = dict.fromkeys(re.findall(r"\b[A-Z][A-Z_]{2,}\b", text), "s3cret-s3cret")
    names |= {name: "postgres://shop:s3cret-s3cret@db.example:5432/shop" for name in names if name.endswith("_URL")}
    result = workspace.run(
        "validate", SCOREFLY_SECRETS=json.dumps(names), SCOREFLY_VARIABLES=json.dumps(names), MODE="x"
    )
    return "" if result.code == 0 else result.err


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_an_example_in_yaml_is_of_a_known_kind_and_valid(page: str, text: str, workspace: Workspace) -> None:
    for data in yaml.safe_load_all(text):
        kind = kind_of(page, data)
        assert kind, f"{page} has an example of an unknown kind: {text}"
        if kind == "score":
            workspace.write("score.yaml", yaml.safe_dump(complete(data), sort_keys=False))
            workspace.write("app/api/score.yaml", yaml.safe_dump(merge(SCORE, {"metadata": {"name": "api"}})))
            assert validate(workspace, text) == ""
        elif kind == "project":
            jsonschema.validate(data, PROJECT)
        elif kind == "provisioners":
            workspace.write(".scorefly/a.provisioners.yaml", text)
            result = workspace.run("provisioners", "list")
            if "this is a provisioner file of score-compose" in result.err:
                assert page == "from-score-compose.md"  # the file that the page begins with
                continue
            assert result.code == 0, result.err
            jsonschema.validate(data, PROVISIONERS)
        elif kind in ("steps", "workflow"):
            steps = data if kind == "steps" else data.get("steps", [])
            steps = steps or [step for job in data["jobs"].values() for step in job.get("steps", [])]
            ours = [step for step in steps if str(step.get("uses", "")).startswith("scorefly/scorefly")]
            assert {name for step in ours for name in step.get("with", {})} <= INPUTS


@pytest.mark.parametrize(("page", "text"), blocks("json", "toml", "sh", "bash"))
def test_an_example_in_another_language_can_be_read(page: str, text: str) -> None:
    language = next(name for name, each in FENCE.findall(_text(page)) if each == text)
    if language == "json":
        json.loads(text)
    elif language == "toml":
        tomllib.loads(text)
    else:
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _text(page: str) -> str:
    return next(path.read_text() for path in PAGES if path.name == page)


def test_the_quick_start_works_as_it_is_written(workspace: Workspace, tmp_path: Path) -> None:
    """Every command of scorefly on the page, in its order, in an empty folder of a repository."""
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(workspace.path, "init", "--quiet")
    git(workspace.path, "remote", "add", "origin", str(tmp_path / "origin.git"))
    text = "".join(block for language, block in FENCE.findall(_text("quick-start.md")) if language == "sh")
    lines = [line for line in text.splitlines() if line.startswith("scorefly ")]
    assert len(lines) >= 9
    key = workspace.run("state", "new-key").out.strip()
    with Rehearsal(None) as fly:
        given = {**environment(tmp_path / "bin", fly), "SCOREFLY_STATE_KEY": key}
        given["HOME"] = str(tmp_path)
        for line in lines:
            # There is no terminal: nobody waits for more lines of a log, and nobody can be asked.
            more = {"logs": ["--no-follow"], "destroy": ["--yes"]}.get(line.split()[1], [])
            result = workspace.run(*shlex.split(line)[1:], *more, **given)
            assert result.code == 0, (line, result.out, result.err)
        assert "destroyed" in result.out

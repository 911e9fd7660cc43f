"""Every workflow of the repository, judged by GitHub's own parser and evaluator (tests/node; `make test` installs them)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from github_events import events
from github_server import GitHub
from runner import WORKFLOWS, evaluate, event_context, read
from workspaces import REPOSITORY

JUDGE = REPOSITORY / "tests/node"
SOURCES = [
    *WORKFLOWS.glob("*.yml"),
    *(REPOSITORY / ".github/workflows").glob("*.yml"),
    REPOSITORY / "scorefly/commands/samples/workflow.yml",
]
PAGES = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
STEP = "on: push\njobs:\n  job:\n    runs-on: ubuntu-24.04\n    steps:\n"


def judge(workflows: dict[str, str], expressions: list[dict[str, Any]]) -> tuple[dict[str, list[str]], list[Any]]:
    """What GitHub's packages find wrong with workflows, and the values of expressions in their contexts."""
    node = shutil.which("node")
    if node is None or not (JUDGE / "node_modules/.package-lock.json").exists():
        pytest.skip("GitHub's own packages need Node 20 and npm: run `make test`")
    asked = json.dumps({"workflows": workflows, "expressions": expressions})
    done = subprocess.run([node, "judge.mjs"], cwd=JUDGE, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return answer["problems"], answer["values"]


def in_pages() -> Iterator[tuple[str, str]]:
    """The workflows in pages, and their steps as a workflow around them."""
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```ya?ml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            if re.search(r"^jobs:", block, re.MULTILINE):
                yield f"{page.name} {number}", block
            elif block.startswith("- ") and "uses:" in block:
                yield f"{page.name} {number}", STEP + re.sub(r"^", "      ", block, flags=re.MULTILINE)


def test_github_finds_nothing_wrong_with_any_workflow() -> None:
    workflows = {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in SOURCES}
    workflows |= dict(in_pages())
    problems, _ = judge({**workflows, "wrong": f"{STEP}      - run: echo ${{{{ nothing.x }}}}\n"}, [])
    assert len(problems.pop("wrong")) == 1
    assert {name: found for name, found in problems.items() if found} == {}


def expressions(path: Path) -> set[str]:
    """The expressions of a workflow, those of conditions without their braces."""
    text = path.read_text(encoding="utf-8")
    conditions = {str(job["if"]) for job in read(path.name)["jobs"].values() if "if" in job}
    return {found.strip() for found in re.findall(r"\$\{\{(.*?)\}\}", text, re.DOTALL)} | conditions


def test_the_emulated_runner_evaluates_what_examples_say_as_github_does() -> None:
    asked: list[dict[str, Any]] = []
    with GitHub() as github:
        github.open_pull(7)
        happened = events(github)
    around = {
        "vars": {},
        "needs": {"plan": {"outputs": {"matrix": '{"include":[]}'}, "result": "success"}},
        "steps": {"code": {"outputs": {"ref": "refs/pull/7/head"}}, "build": {"outputs": {"digest": "sha256:a"}}},
        "matrix": {"workload": "web", "score-files": "score.yaml"},
        "jobs": {},
    }
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for event, payload in happened.values():
            context = {**event_context(read(path.name), "acme/shop", event, payload), **around}
            for secrets in ({}, {"SMTP_PASSWORD": 'a"b\\c', "FLY_API_TOKEN": "fo1"}):
                asked += [
                    {"text": text, "context": {**context, "secrets": secrets}} for text in sorted(expressions(path))
                ]
    _, values = judge({}, asked)
    ours = [evaluate(each["text"], each["context"]) for each in asked]
    different = [(each["text"], a, b) for each, a, b in zip(asked, ours, values, strict=True) if a != b]
    assert different == []

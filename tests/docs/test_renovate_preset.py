"""The preset for Renovate in docs/tree.md finds the images of scorefly.yaml, and nothing else in it."""

from __future__ import annotations

import json
import re

import pytest

from scorefly.config.project_file import read_project_file
from workspaces import REPOSITORY, Workspace

DIGEST = f"sha256:{'0a' * 32}"
PROJECT = f"""\
vars: {{tag: "1.2"}}
workloads:
  web:
    image: ghcr.io/acme/web:1.4.2@{DIGEST}
    source: {{repo: https://github.com/acme/web, tag: v1.*}}
  api: {{image: "acme/api:v7", source: {{repo: https://github.com/acme/api}}}}
  jobs:
    image: 'redis:7.4-alpine'
    score:
      containers:
        main:
          image: nginx:1.27   # a sidecar
  mail: {{image: acme/mail:$(tag)}}
  builds:
    image: .
environments: {{production: {{}}}}
"""


def preset() -> dict[str, list[str]]:
    (manager,) = json.loads(
        re.findall(r"```json\n(\{\n  \"customManagers\".*?)```", (REPOSITORY / "docs/tree.md").read_text(), re.DOTALL)[
            0
        ]
    )["customManagers"]
    assert manager["customType"] == "regex"
    assert manager["datasourceTemplate"] == "docker"
    found: dict[str, list[str]] = manager
    return found


def as_python(pattern: str) -> str:
    """A pattern of Renovate's: RE2 without lookarounds, with groups named as in JavaScript."""
    assert not re.search(r"\(\?(?:=|!|<[=!])|\\[1-9]", pattern)
    return pattern.replace("(?<", "(?P<")


def test_images_are_found_with_tag_and_digest(workspace: Workspace) -> None:
    workspace.write("scorefly.yaml", PROJECT)
    problems: list[object] = []
    read_project_file(workspace.path, "scorefly.yaml", named=True, outside=False, problems=problems)  # type: ignore[arg-type]
    assert problems == []
    (pattern,) = preset()["matchStrings"]
    found = [match.groupdict() for match in re.finditer(as_python(pattern), PROJECT)]
    assert [(each["depName"], each["currentValue"], each["currentDigest"]) for each in found] == [
        ("ghcr.io/acme/web", "1.4.2", DIGEST),
        ("acme/api", "v7", None),
        ("redis", "7.4-alpine", None),
        ("nginx", "1.27", None),
    ]


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [("scorefly.yaml", True), ("teams/shop/scorefly.yaml", True), ("notscorefly.yaml", False), ("score.yaml", False)],
)
def test_project_files_are_found_in_every_folder(path: str, is_ours: bool) -> None:
    (pattern,) = preset()["managerFilePatterns"]
    assert pattern.startswith("/")
    assert pattern.endswith("/")  # Renovate takes a pattern between slashes for a regular expression
    assert bool(re.search(as_python(pattern[1:-1]), path)) == is_ours

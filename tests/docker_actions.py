"""Docker's actions, as far as workflows in examples/ use them: they call docker with the words of the real ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from workspaces import REPOSITORY

ACTION = re.compile(r"docker/(setup-buildx|login|build-push)-action@[0-9a-f]{40}")
REGISTRY = "registry.fly.io"


def run_docker_action(uses: str, given: Mapping[str, str], workspace: Path, registry: str) -> dict[str, str]:
    """Run one step with the stand-in for docker, and return its outputs. `registry` takes the place of Fly's.

    Raises CalledProcessError when docker fails, and AssertionError for an input that is not known here.
    """
    match = ACTION.fullmatch(uses)
    assert match, f"nobody knows {uses}"
    if match[1] == "login":
        assert set(given) == {"registry", "username", "password"}
        words = ["login", "--username", given["username"], "--password-stdin", given["registry"]]
        _docker(words, workspace, registry, given["password"])
        return {}
    return _build(given, workspace, registry) if match[1] == "build-push" else {}


def _build(given: Mapping[str, str], workspace: Path, registry: str) -> dict[str, str]:
    """Secrets are files of the runner's temporary folder, as the action makes them."""
    assert set(given) <= {"context", "file", "push", "provenance", "tags", "target", "secrets", "secret-files"}
    folder = workspace.parent / "runner-temp"
    folder.mkdir(exist_ok=True)
    metadata = folder / "metadata.json"
    words = ["buildx", "build", "--metadata-file", str(metadata)]
    for number, line in enumerate(given.get("secrets", "").split("\n")):
        name, separator, value = line.strip().partition("=")
        if separator and value:
            path = folder / f"secret-{number}"
            path.write_text(value)
            words += ["--secret", f"id={name},src={path}"]
    for line in filter(None, given.get("secret-files", "").split("\n")):
        name, _, file = line.partition("=")
        words += ["--secret", f"id={name},src={file}"]
    context = workspace / given["context"]
    words += ["--file", str(context / given.get("file", "Dockerfile"))]
    words += ["--target", given["target"]] if given.get("target") else []
    words += ["--tag", given["tags"]]
    words += ["--push"] if given.get("push") == "true" else []
    _docker([*words, str(context)], workspace, registry)
    return {"digest": json.loads(metadata.read_text())["containerimage.digest"]}


def _docker(words: list[str], workspace: Path, registry: str, question: str = "") -> None:
    home = workspace.parent
    (home / ".docker").mkdir(exist_ok=True)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "DOCKER_CONFIG": str(home / ".docker"),
        "PYTHONPATH": str(REPOSITORY / "tests"),
    }
    command = [sys.executable, str(REPOSITORY / "tests/docker_standin.py")]
    words = [word.replace(REGISTRY, registry) for word in words]
    subprocess.run([*command, *words], input=question, text=True, check=True, env=environment, capture_output=True)

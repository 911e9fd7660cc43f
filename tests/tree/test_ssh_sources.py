"""Repositories over SSH: the key and the host keys of a secret, and nothing of the machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-8c1f3b7e5d\n-----END OPENSSH PRIVATE KEY-----"
HOSTS = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"
TREE = """\
access:
  git.example.com/acme: {ssh-key: DEPLOY_KEY, known-hosts: "HOSTS"}
workloads:
  web: {source: {repo: git@git.example.com:acme/web.git, branch: main}}
  api: {source: {repo: ssh://git@git.example.com/acme/web, branch: main}}
environments: {production: {}}
"""
# Stands for ssh: records its arguments and files, and serves the repository that git asks for.
SSH = """\
#!PYTHON
import os, pathlib, sys
arguments = sys.argv[1:]
record = pathlib.Path("RECORD")
key = pathlib.Path(arguments[arguments.index("-i") + 1]) if "-i" in arguments else None
hosts = next((each.partition("=")[2] for each in arguments if each.startswith("UserKnownHostsFile=")), "")
with record.open("a") as file:
    mode = oct(key.stat().st_mode & 0o777) if key else ""
    print(repr((arguments, key.read_text() if key else "", mode, pathlib.Path(hosts).read_text() if hosts else "")), file=file)
program, _, path = arguments[-1].partition(" ")
path = "ROOT/" + path.strip("'").strip("/").removesuffix(".git") + ".git"
os.execvp("git", ["git", "-c", "safe.directory=*", program.removeprefix("git-"), path])
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        script = SSH.replace("PYTHON", sys.executable).replace("RECORD", str(tmp_path / "record"))
        program = tmp_path / "bin" / "ssh"
        program.parent.mkdir()
        program.write_text(script.replace("ROOT", str(tree.repositories.root)))
        program.chmod(0o755)
        tree.workspace.write("scorefly.yaml", TREE.replace("HOSTS", HOSTS))
        tree.secrets = {"DEPLOY_KEY": KEY}
        tree.variables = {"PATH": f"{program.parent}:/usr/bin:/bin"}
        yield tree


def test_key_and_host_keys_come_from_secrets(tree: TreeWorkspace, tmp_path: Path) -> None:
    result = tree.sync()
    assert result.code == 0, result.err
    calls = [eval(line) for line in (tmp_path / "record").read_text().splitlines()]
    # Both workloads name one repository: one process lists its refs, and one fetches.
    assert len(calls) == 2
    for arguments, key, mode, hosts in calls:
        assert "StrictHostKeyChecking=yes" in arguments
        assert "IdentitiesOnly=yes" in arguments
        assert "BatchMode=yes" in arguments
        assert key == f"{KEY}\n"
        assert mode == "0o600"
        assert hosts == f"{HOSTS}\n"
        assert "canary" not in " ".join(arguments)
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "record" and b"canary" in path.read_bytes()
    ]


def test_missing_key_is_named_with_its_place(tree: TreeWorkspace) -> None:
    tree.secrets = {}
    result = tree.sync("--progress", "json")
    assert result.code == 2
    problem = json.loads(result.out.splitlines()[0])
    assert problem["message"] == "access: secret DEPLOY_KEY is not set"
    assert problem["place"] == "scorefly.yaml:2:3"

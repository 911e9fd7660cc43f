"""Sources behind a real sshd: the key and the host key of secrets are what decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ssh_servers import REASON, SSHD, SshServer, ssh_server
from tree_repositories import TreeWorkspace, tree_workspace

pytestmark = pytest.mark.skipif(SSHD is None, reason=REASON)
TREE = """\
access:
  HOST/acme: {ssh-key: DEPLOY_KEY, known-hosts: KNOWN_HOSTS}
workloads:
  web: {source: {repo: ADDRESS/acme/web.git, branch: main}}
  jobs: {source: {repo: ADDRESS/acme/web, tag: v1.*, path: jobs}}
environments: {production: {}}
"""


@pytest.fixture
def server(tree: TreeWorkspace, tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tree.repositories.root, tmp_path / "sshd") as server:
        text = TREE.replace("HOST/", f"{server.host}/").replace("ADDRESS", server.address)
        tree.workspace.write("scorefly.yaml", text)
        tree.secrets = {"DEPLOY_KEY": server.key, "KNOWN_HOSTS": server.known_hosts}
        yield server


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web", image="nginx:1.26", path="jobs/score.yaml")
        tree.repositories.tag("web", "v1.9")
        tree.repositories.workload("web", image="nginx:1.27", path="jobs/score.yaml")
        tree.repositories.tag("web", "v1.10")
        tree.repositories.workload("web")
        yield tree


def test_sources_are_read_and_followed(tree: TreeWorkspace, server: SshServer) -> None:
    assert tree.statuses() == {"web": "created", "jobs": "created"}
    images = {each["config"]["image"] for each in tree.workspace.world["apps"]["jobs"]["machines"].values()}
    assert images == {"nginx:1.27"}
    assert tree.statuses() == {"web": "unchanged", "jobs": "unchanged"}
    tree.repositories.workload("web", image="nginx:1.28")
    assert tree.statuses() == {"web": "deployed", "jobs": "unchanged"}
    written = b"".join(path.read_bytes() for path in tree.workspace.path.rglob("*") if path.is_file())
    assert server.key.splitlines()[2].encode() not in written


def test_key_that_the_server_does_not_know_is_refused(tree: TreeWorkspace, server: SshServer) -> None:
    tree.secrets["DEPLOY_KEY"] = server.other_key
    result = tree.sync()
    assert result.code == 1
    assert "access denied (name a secret with an SSH key for it below access in scorefly.yaml)" in result.err


def test_host_with_another_key_than_the_pinned_one_is_refused(tree: TreeWorkspace, server: SshServer) -> None:
    kind, key = server.known_hosts.split()[1:]
    tree.secrets["KNOWN_HOSTS"] = server.known_hosts.replace(f"{kind} {key}", f"{kind} {key[:-6]}AAAAAA")
    result = tree.sync()
    assert result.code == 1
    assert "the server's SSH host key is unknown" in result.err

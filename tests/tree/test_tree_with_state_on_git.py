"""Jobs that sync a tree with state on a git ref: each has a fresh checkout and an empty cache."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flyctl_programs import write_stand_in
from git_servers import HttpServer, git, http_server
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key
from tree_repositories import SCORE, Repositories
from workspaces import ActionResult, Workspace

TREE = """\
app-prefix: acme-
workloads:
  web: {source: {repo: URL/web.git, branch: main}}
  api: {source: {repo: URL/mono.git, branch: main, path: api}}
environments:
  production: {}
  staging: {app-suffix: -staging}
"""


@dataclass
class Jobs:
    """The environments' repository, those of applications, Fly, and jobs that sync."""

    root: Path
    repositories: Repositories
    server: HttpServer
    fly: Rehearsal
    key: str = field(default_factory=new_key)
    count: int = 0

    def sync(self, **inputs: str) -> ActionResult:
        """A job: a checkout of the environments' repository, and the Action."""
        self.count += 1
        folder = self.root / f"job{self.count}"
        folder.mkdir()
        home = self.root / "server/acme/shop.git"
        git(folder, "clone", "--quiet", "--depth=1", "--branch=main", home.as_uri(), "workspace")
        workspace = Workspace(folder / "workspace")
        given = {"command": "sync", "fly-api-token": "fo1_token", "github-token": self.server.token}
        variables = {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "HOME": str(folder),
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": str(self.count),
            "GITHUB_SHA": git(workspace.path, "rev-parse", "HEAD"),
            **dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url),
        }
        return workspace.action({**given, "state-key": self.key, **inputs}, **variables)

    def refs(self) -> str:
        """All refs of the environments' repository."""
        return git(self.root / "server/acme/shop.git", "for-each-ref")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    root = tmp_path / "server"
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    write_stand_in(flyctl)
    root.mkdir()
    with http_server(root) as server, Rehearsal(None) as fly:
        repositories = Repositories(root, server)
        repositories.workload("web")
        repositories.workload("mono", path="api/score.yaml")
        repositories.commit("shop", {"scorefly.yaml": TREE.replace("URL", f"{server.url}/acme")})
        git(root / "acme/shop.git", "config", "http.receivepack", "true")
        yield Jobs(tmp_path, repositories, server, fly)


def test_nothing_is_pushed_fetched_or_locked_when_nothing_changed(jobs: Jobs) -> None:
    first = jobs.sync()
    assert first.code == 0, first.out
    assert sorted(jobs.fly.world.data["apps"]) == ["acme-api", "acme-api-staging", "acme-web", "acme-web-staging"]
    before = jobs.refs()
    assert "refs/scorefly/staging" in before
    jobs.fly.requests.clear()
    jobs.repositories.take_requests()
    second = jobs.sync()
    assert second.code == 0, second.out
    assert second.outputs["changed"] == "false"
    requests = jobs.repositories.take_requests()
    assert not [path for path in requests if "receive-pack" in path]
    # A listing of refs is one POST, and so is each fetch.
    assert sum(path == "/acme/web.git/git-upload-pack" for path in requests) == 1
    assert sum(path == "/acme/mono.git/git-upload-pack" for path in requests) == 1
    assert jobs.refs() == before
    assert [path for _, path in jobs.fly.requests if "/orgs/" in path] == [path for _, path in jobs.fly.requests], (
        jobs.fly.requests
    )


def test_commit_of_an_application_is_deployed_by_the_next_job(jobs: Jobs) -> None:
    jobs.sync()
    jobs.repositories.commit("web", {"score.yaml": SCORE.format(name="web", image="nginx:1.28")})
    result = jobs.sync()
    assert result.code == 0, result.out
    assert sorted(json.loads(result.outputs["deployed"])) == ["acme-web", "acme-web-staging"]
    assert jobs.sync(environment="staging").outputs["changed"] == "false"

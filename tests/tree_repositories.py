"""Git repositories with workloads on loopback, and a workspace whose scorefly.yaml names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from git_servers import HttpServer, git, http_server
from workspaces import Result, Workspace

SCORE = """\
apiVersion: score.dev/v1b1
metadata: {{name: {name}}}
containers:
  main:
    image: {image}
"""


@dataclass(frozen=True)
class Repositories:
    """Bare repositories below a folder, served at `server.url`."""

    root: Path
    server: HttpServer

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"{self.server.url}/acme/{name}.git"

    def commit(self, name: str, files: dict[str, str | None], *, branch: str = "main", tag: str = "") -> str:
        """Commit files (None removes one) to a branch of a repository, which is created; return the commit."""
        bare, clone = self.root / "acme" / f"{name}.git", self.root / "clones" / name
        if not bare.exists():
            bare.mkdir(parents=True)
            git(bare, "init", "--bare", "--quiet")
            clone.mkdir(parents=True)
            git(clone, "init", "--quiet")
            git(clone, "remote", "add", "origin", bare.as_uri())
        for path, text in files.items():
            file = clone / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                file.unlink()
            else:
                file.write_text(text, encoding="utf-8")
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--allow-empty", "-m", "change")
        git(clone, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        if tag:
            self.tag(name, tag)
        return git(clone, "rev-parse", "HEAD")

    def tag(self, name: str, tag: str) -> None:
        """Create or move a tag to the last commit."""
        clone = self.root / "clones" / name
        git(clone, "tag", "--force", "-a", tag, "-m", tag)
        git(clone, "push", "--quiet", "--force", "origin", f"refs/tags/{tag}")

    def reset(self, name: str, commit: str) -> None:
        """Set the main branch to an earlier commit, with a force-push."""
        clone = self.root / "clones" / name
        git(clone, "reset", "--quiet", "--hard", commit)
        git(clone, "push", "--quiet", "--force", "origin", "HEAD:main")

    def workload(self, name: str, image: str = "nginx:1.27", path: str = "score.yaml", **more: str) -> str:
        """Commit a Score file."""
        return self.commit(name, {path: SCORE.format(name=name, image=image), **more})

    def take_requests(self) -> list[str]:
        """The paths that were asked for since the last call."""
        paths = [path for path, _ in self.server.requests]
        self.server.requests.clear()
        return paths


@dataclass
class TreeWorkspace:
    """A workspace with a tree, and its repositories."""

    workspace: Workspace
    repositories: Repositories
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def project(self, text: str, name: str = "scorefly.yaml") -> None:
        """Write a project file; URL stands for the address of repositories, HOST for their host."""
        url = f"{self.repositories.server.url}/acme"
        host = self.repositories.server.url.partition("://")[2]
        access = f"access: {{{host}: {{token: READ}}}}\n" if name == "scorefly.yaml" else ""
        self.workspace.write(name, access + text.replace("URL", url).replace("HOST", host))

    def sync(self, *arguments: str, command: str = "sync") -> Result:
        """`scorefly sync --rehearse`."""
        secrets = {"READ": self.repositories.server.token, **self.secrets}
        return self.workspace.run(
            command,
            "--rehearse",
            *arguments,
            SCOREFLY_SECRETS=json.dumps(secrets),
            SCOREFLY_SOURCE_CACHE=str(self.workspace.path.parent / "cache"),
            **self.variables,
        )

    def statuses(self, *arguments: str) -> dict[str, str]:
        """The status of each app in a sync that succeeds."""
        result = self.sync(*arguments)
        assert result.code == 0, result.err
        return statuses(result)


def statuses(result: Result) -> dict[str, str]:
    """The status of each app in the tables of an outcome."""
    words = ("created", "deployed", "unchanged", "failed", "skipped", "destroyed")
    rows = [line.split() for line in result.out.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1] in words and not row[0].endswith(":")}


@contextmanager
def tree_workspace(path: Path, **options: str) -> Iterator[TreeWorkspace]:
    """A workspace, and a server for repositories with options."""
    root, home = path / "server", path / "workspace"
    root.mkdir()
    home.mkdir()
    with http_server(root, **options) as server:
        yield TreeWorkspace(Workspace(home), Repositories(root, server))

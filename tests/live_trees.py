"""A tree that is synced to a simulated Fly which outlives the runs, with a stand-in for flyctl."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scorefly.rehearsal.server import Rehearsal
from tree_repositories import TreeWorkspace, tree_workspace
from workspaces import REPOSITORY, Result

STAND_IN = f'exec {sys.executable} {REPOSITORY / "tests/flyctl_standin.py"} "$@"'


@dataclass
class LiveTree:
    """A tree, the simulated Fly, and the environment of its runs."""

    tree: TreeWorkspace
    fly: Rehearsal
    bin: Path
    variables: dict[str, str] = field(default_factory=dict)

    def flyctl(self, before: str = "") -> None:
        """Write the program flyctl; `before` are lines of shell that come first."""
        self.bin.mkdir(exist_ok=True)
        program = self.bin / "flyctl"
        program.write_text(f"#!/bin/sh\n{before}\n{STAND_IN}\n")
        program.chmod(0o755)

    def sync(self, *arguments: str, **variables: str) -> Result:
        """`scorefly sync` with state in a file."""
        secrets = {"READ": self.tree.repositories.server.token, **self.tree.secrets}
        fly = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url)
        given = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "FLY_API_TOKEN": "fo1_token",
            "SCOREFLY_SECRETS": json.dumps(secrets),
            "SCOREFLY_SOURCE_CACHE": str(self.bin.parent / "cache"),
            **fly,
        }
        return self.tree.workspace.run("sync", *arguments, **{**given, **self.variables, **variables})


@contextmanager
def live_tree(path: Path, **options: str) -> Iterator[LiveTree]:
    """A tree without projects and repositories yet. `options` are those of the git server."""
    with tree_workspace(path, **options) as tree, Rehearsal(None) as fly:
        live = LiveTree(tree, fly, path / "bin")
        live.flyctl()
        yield live

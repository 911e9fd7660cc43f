"""A sync that is killed at any point is finished by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import SCORE, TreeWorkspace, tree_workspace

NAMES = ("web", "api", "jobs", "mail")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        lines = [f"  {name}: {{source: {{repo: URL/mono.git, path: {name}}}}}\n" for name in NAMES]
        tree.project(f"workloads:\n{''.join(lines)}environments: {{production: {{}}}}\n")
        yield tree


def _kill(tree: TreeWorkspace, lines: int) -> None:
    """Start a sync, and kill it after some lines of its progress."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("scorefly")), "sync", "--rehearse", "--progress", "json"],
        cwd=tree.workspace.path,
        env={
            "PATH": os.environ["PATH"],
            "SCOREFLY_SECRETS": json.dumps({"READ": tree.repositories.server.token}),
            "SCOREFLY_SOURCE_CACHE": str(tree.workspace.path.parent / "cache"),
        },
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    for _ in range(lines):
        process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("lines", [1, 2, 4, 6, 8])
def test_next_sync_converges(tree: TreeWorkspace, lines: int) -> None:
    for image in ("nginx:1.26", "nginx:1.27"):
        files: dict[str, str | None] = {f"{name}/score.yaml": SCORE.format(name=name, image=image) for name in NAMES}
        tree.repositories.commit("mono", files)
        _kill(tree, lines)
        tree.statuses()
        apps = tree.workspace.world["apps"]
        assert set(apps) == set(NAMES)
        images = {each["config"]["image"] for app in apps.values() for each in app["machines"].values()}
        assert images == {image}
    assert set(tree.statuses().values()) == {"unchanged"}

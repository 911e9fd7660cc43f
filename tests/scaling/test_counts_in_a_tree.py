"""Counts of workloads whose source is another repository."""

from __future__ import annotations

from pathlib import Path

from tree_repositories import statuses, tree_workspace

PROJECT = "workloads: {{web: {{source: {{repo: URL/web.git, branch: main}}, count: {count}}}}}\n"


def test_sync_follows_a_changed_count_and_skips_an_unchanged_one(tmp_path: Path) -> None:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        for count, first in ((3, "created"), (1, "deployed")):
            tree.project(PROJECT.format(count=count))
            assert tree.statuses() == {"web": first}
            again = tree.sync()
            assert statuses(again) == {"web": "unchanged"}
            assert "1 workload, 0 resources" not in again.err  # which a run says that computes the desired apps
            assert len(tree.workspace.world["apps"]["web"]["machines"]) == count

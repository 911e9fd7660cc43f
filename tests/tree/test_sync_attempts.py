"""`attempts` and `attempt-timeout`: what failed outside is tried again, and silence ends an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_trees import LiveTree, live_tree
from tree_repositories import statuses

TREE = """\
workloads:
  web: {source: {repo: URL/web.git}}
  api: {source: {repo: URL/api.git}}
environments: {production: {}}
"""
# Fails the first deploy of web, with words that do not say that trying again helps.
FAIL_ONCE = """\
case "$*" in *"--app web"*)
  if [ "$1" = deploy ] && [ ! -e "MARK" ]; then touch "MARK"; echo "Error: out of luck" >&2; exit 1; fi ;;
esac
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTree]:
    with live_tree(tmp_path) as live:
        for name in ("web", "api"):
            live.tree.repositories.workload(name)
        live.tree.project(TREE)
        yield live


def test_failed_app_is_tried_again_and_the_others_are_not(live: LiveTree, tmp_path: Path) -> None:
    live.flyctl(FAIL_ONCE.replace("MARK", str(tmp_path / "mark")))
    result = live.sync("--attempts", "2")
    assert result.code == 0, result.err
    assert statuses(result) == {"web": "deployed", "api": "created"}
    assert len(live.fly.world.data["apps"]["api"]["machines"]) == 2
    assert statuses(live.sync()) == {"web": "unchanged", "api": "unchanged"}


def test_without_attempts_a_failure_is_left_to_the_next_sync(live: LiveTree, tmp_path: Path) -> None:
    live.flyctl(FAIL_ONCE.replace("MARK", str(tmp_path / "mark")))
    result = live.sync()
    assert (result.code, statuses(result)) == (1, {"web": "failed", "api": "created"})
    assert statuses(live.sync()) == {"web": "deployed", "api": "unchanged"}


def test_output_extends_an_attempt(live: LiveTree) -> None:
    lines = "for line in 1 2 3 4 5 6; do echo layer $line; sleep 1; done; echo 'Error: out of luck' >&2; exit 1"
    live.flyctl(f'case "$*" in deploy*) {lines};; esac')
    result = live.sync("--attempt-timeout", "4s")
    assert "out of luck" in result.err
    assert "wrote nothing" not in result.err


def test_silence_ends_an_attempt(live: LiveTree) -> None:
    live.flyctl('case "$*" in deploy*) exec sleep 60;; esac')
    result = live.sync("--attempt-timeout", "2s")
    assert result.code == 1
    assert "web: flyctl wrote nothing for 2 s, and was ended" in result.err
    assert statuses(result) == {"web": "failed", "api": "failed"}

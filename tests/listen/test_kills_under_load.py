"""Nothing accepted is lost and nothing forged is accepted, while the listener and its runs are killed."""

from __future__ import annotations

from pathlib import Path

from listen_load import Load


def test_nothing_is_lost_under_load_and_kills(tmp_path: Path) -> None:
    load = Load(tmp_path, deliveries=400, kills=2, seconds=6)
    load.run()
    assert load.killed == 2
    assert len(load.accepted) > 50
    assert (load.lost, load.forged_accepted) == (set(), 0)
    assert [name for name, times in load.deploys.items() if times > 1] == []
    # One run for each push, one for each that was killed, one for each start, and one more.
    assert max(load.runs.values()) <= load.pushes + load.killed_children + 2 * load.killed + 2

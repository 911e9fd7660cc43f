"""A day of a tree: hosts that are down, slow or rename a repository, lost and late webhooks, and restarts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from listen_day import Day
from scorefly.listen import overview
from scorefly.listen.page.render import render


def test_a_day_ends_with_everything_deployed_and_no_unit_left_behind(tmp_path: Path) -> None:
    day = Day(tmp_path, 1)
    during: dict[str, Any] = {}

    def look_at_the_page() -> None:
        during["repositories"] = {each["key"]: each for each in overview.repositories(day.ledger)}
        during["units"] = {each["unit"]: each for each in overview.units(day.ledger)}
        during["runs"] = dict(day.runs)
        during["page"] = render(
            "overview.html", units=list(during["units"].values()), summary=[], tree=overview.tree(day.ledger),
            repositories=list(during["repositories"].values()), history=[], level="read", form_token="",
            now=day.now, version="1",
        )  # fmt: skip

    moved: list[str] = []
    day.seen = {
        27_000.0: look_at_the_page,
        80_000.0: lambda: moved.extend(each["moved_to"] for each in overview.repositories(day.ledger)),
    }
    day.run()
    assert day.behind == []
    assert [address for address in moved if address] == [day.repositories[0].renamed_to]
    assert max(day.waits.values()) < day.longest_wait()
    assert day.verdicts["accepted"] > day.pushes / 2

    # While GitLab was down: its repositories and units backed off, visibly, and all others went on.
    down = [key for key in during["repositories"] if key.startswith("gitlab")]
    for key in down:
        assert during["repositories"][key]["attempts"] >= 5
        assert during["repositories"][key]["next_look"] > 27_000
        assert f"<h2>{key}</h2><p>the repository cannot be read: HTTP 503</p>" in during["page"]
    assert during["page"].count("attempts failed, again") == len(down)
    assert [key for key, each in during["repositories"].items() if each["error"]] == down
    failed = {name for name, unit in during["units"].items() if unit["state"] == "failed"}
    waiting = {name for name in failed if during["units"][name]["retry_at"] > 27_000}
    behind_gitlab = {name for name, of in day.follows.items() if any(each.host.down for each in of)}
    assert waiting & behind_gitlab
    healthy = [name for name in day.follows if name not in behind_gitlab]
    assert all(during["units"][name]["last_run"]["ended"] > 27_000 - 3 * 3600 for name in healthy)


def test_a_host_that_is_down_is_asked_less_and_less(tmp_path: Path) -> None:
    day = Day(tmp_path, 4, pushes=30)
    counts: list[int] = []
    key = next(each.key for each in day.repositories if each.host.sender == "gitlab")
    day.hosts["gitlab"].down = [(30_000.0, 60_000.0)]
    day.seen = {at: lambda: counts.append(day.looks[key]) for at in (30_000.0, 31_000.0, 59_000.0)}
    day.run()
    first, last = (after - before for before, after in itertools.pairwise(counts))
    assert first <= 8
    assert last <= 28_000 / 900 + 8  # a restart begins with short pauses again
    assert day.behind == []

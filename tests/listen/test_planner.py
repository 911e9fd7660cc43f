"""What a listener starts next, for any rows of the ledger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scorefly.listen.planner import (
    MAX_DELAY,
    MIN_INTERVAL,
    RESYNC,
    RepositoryRow,
    UnitRow,
    backoff,
    look_time,
    looks_to_start,
    runs_to_start,
)

NOW = 100_000.0
times = st.floats(NOW - 2 * RESYNC, NOW + 2 * RESYNC)
generations = st.integers(0, 3)
units = st.lists(
    st.builds(
        UnitRow,
        st.sampled_from("abcdef"), generations, generations, st.booleans(), times, times, st.booleans(),
        st.lists(st.sampled_from("abcdefx"), max_size=2).map(tuple),
    ),
    unique_by=lambda row: row.name,
)  # fmt: skip
repositories = st.lists(
    st.builds(RepositoryRow, st.sampled_from("abcdef"), generations, generations, times, times, times),
    unique_by=lambda row: row.key,
)


def unit(name: str, *after: str, wanted: int = 1, running: bool = False, is_failing: bool = False) -> UnitRow:
    return UnitRow(name, wanted, 0 if wanted else 1, running, 0, NOW, is_failing, after)


@given(units, st.integers(-1, 3))
def test_only_what_is_due_starts_in_the_slots_there_are(rows: list[UnitRow], slots: int) -> None:
    start = runs_to_start(rows, slots, NOW)
    chosen = [row for row in rows if row.name in start.names]
    assert len(start.names) == len(chosen) <= max(slots, 0)
    for row in chosen:
        assert not row.running
        assert row.not_before <= NOW
        assert row.is_due or row.ended + RESYNC <= NOW
    assert NOW < start.wake_at <= NOW + MAX_DELAY or start.wake_at > NOW


@given(units)
def test_a_unit_that_is_due_is_not_forgotten(rows: list[UnitRow]) -> None:
    start = runs_to_start(rows, len(rows), NOW)
    idle = not any(row.running or row.is_failing for row in rows)
    if (
        idle
        and any(row.is_due and row.not_before <= NOW for row in rows)
        and not any(row.not_before > NOW for row in rows)
    ):
        assert start.names


@given(repositories, st.integers(0, 5), st.floats(1, 600))
def test_hints_cause_a_look_at_most_once_in_five_seconds(rows: list[RepositoryRow], slots: int, poll: float) -> None:
    start = looks_to_start(rows, {"a"}, slots, poll, NOW)
    assert "a" not in start.names
    for row in rows:
        if row.key in start.names:
            is_hinted = row.hinted > row.looked and row.next_hint <= NOW
            assert row.next_look <= NOW if row.next_look else is_hinted or row.looked_at + poll <= NOW


def test_a_hint_does_not_wait_for_the_poll_and_a_broken_repository_waits() -> None:
    row = RepositoryRow("a", 2, 1, NOW + MIN_INTERVAL, NOW, 0)
    assert look_time(row, 180) == NOW + MIN_INTERVAL
    assert look_time(RepositoryRow("a", 1, 1, 0, NOW, 0), 180) == NOW + 180
    assert look_time(RepositoryRow("a", 2, 1, 0, NOW, NOW + 60), 180) == NOW + 60


def test_a_unit_waits_for_those_it_comes_after() -> None:
    staging, production = unit("staging"), unit("production", "staging")
    assert runs_to_start([staging, production], 2, NOW).names == ("staging",)
    for blocker in (unit("staging", running=True), unit("staging", wanted=0, is_failing=True)):
        assert runs_to_start([blocker, production], 2, NOW).names == ()
    assert runs_to_start([unit("staging", wanted=0), production], 2, NOW).names == ("production",)


def test_units_that_come_after_each_other_start_all_the_same() -> None:
    assert runs_to_start([unit("a", "b"), unit("b", "a")], 1, NOW).names == ("a",)


def test_delays_grow_to_a_quarter_of_an_hour() -> None:
    assert [backoff(attempts) for attempts in (0, 1, 2, 3, 7, 8, 1000)] == [0, 10, 20, 40, 640, 900, 900]

"""Two runs that changed one state: nothing of either is lost, and what cannot be both is named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scorefly.state.document import AppState, EnvironmentState
from scorefly.state.merge import merge
from struct_strategies import structs

apps = st.dictionaries(
    st.sampled_from("abcd"), structs(AppState, st.just("x"), st.just("x"), digest=st.sampled_from("123"))
)
states = structs(EnvironmentState, st.just("e"), st.just("00"), apps=apps)


@given(st.none() | states, states)
def test_what_only_we_changed_is_as_we_say(base: EnvironmentState | None, ours: EnvironmentState) -> None:
    assert merge(base, ours, base) == (ours, ())


@given(states, states)
def test_what_only_they_changed_is_as_they_say(base: EnvironmentState, theirs: EnvironmentState) -> None:
    assert merge(base, base, theirs) == (theirs, ())


@given(states, states, states)
def test_every_entry_comes_from_the_run_that_changed_it_and_else_from_theirs_by_name(
    base: EnvironmentState, ours: EnvironmentState, theirs: EnvironmentState
) -> None:
    merged, conflicts = merge(base, ours, theirs)
    for name in "abcd":
        was, our, their, now = (each.apps.get(name) for each in (base, ours, theirs, merged))
        assert now == (our if their == was else their)
        assert (name in conflicts) == (our not in (was, their) and their != was)


@given(states, states)
def test_the_first_runs_of_an_environment_lose_nothing(ours: EnvironmentState, theirs: EnvironmentState) -> None:
    merged, conflicts = merge(None, ours, theirs)
    assert set(merged.apps) == {*ours.apps, *theirs.apps}
    assert set(conflicts) == {name for name in ours.apps if theirs.apps.get(name, ours.apps[name]) != ours.apps[name]}

"""JSON merge patch, by the RFC's own examples and by its laws."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.values import merge_patch

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
names = st.sampled_from("abc")
trees = st.recursive(
    leaves, lambda below: st.lists(below, max_size=2) | st.dictionaries(names, below, max_size=3), max_leaves=12
)
patches = st.dictionaries(names, trees, max_size=3)


def without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_nulls(value) for key, value in tree.items() if value is not None}
    return tree


targets = patches.map(without_nulls)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7396_appendix_a(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(targets, patches)
def test_a_patch_applied_twice_is_applied_once_and_leaves_its_arguments_alone(target: Any, patch: Any) -> None:
    before = deepcopy((target, patch))
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
    assert (target, patch) == before


@given(targets, patches)
def test_what_a_patch_does_not_name_stays_and_what_it_sets_to_null_goes(target: Any, patch: Any) -> None:
    merged = merge_patch(target, patch)
    assert {name: merged.get(name) for name in target if name not in patch} == {
        name: value for name, value in target.items() if name not in patch
    }
    assert not {name for name, value in patch.items() if value is None} & merged.keys()


@given(targets, targets)
def test_there_is_a_patch_from_anything_to_anything(source: Any, wanted: Any) -> None:
    def difference(old: Any, new: Any) -> Any:
        return {
            **{name: None for name in old if name not in new},
            **{
                name: difference(old[name], value)
                if isinstance(value, dict) and isinstance(old.get(name), dict)
                else value
                for name, value in new.items()
            },
        }

    assert merge_patch(source, difference(source, wanted)) == wanted

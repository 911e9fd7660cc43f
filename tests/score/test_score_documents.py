"""YAML with positions."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scorefly.problems import InputError
from scorefly.score.document import parse, parse_any

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
trees = st.recursive(
    texts | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(texts, trees, max_size=4))
def test_what_yaml_writes_is_read_back(tree: dict[str, object]) -> None:
    assert parse(yaml.safe_dump(tree), "f").data == tree


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_anything_at_all_is_read_or_refused_with_a_place(content: bytes | str) -> None:
    try:
        parse_any(content, "f")
    except InputError as error:
        assert str(error.problems[0].place).startswith("f:")


def test_every_element_keeps_its_place() -> None:
    places = parse("a:\n  b: [1,\n    2]\n  c: {d: e}\n", "f").places
    found = [
        str(places.at(*path)) for path in ((), ("a",), ("a", "b"), ("a", "b", 1), ("a", "c", "d"), ("a", "c", "x", "y"))
    ]
    assert found == ["f:1:1", "f:1:1", "f:2:3", "f:3:5", "f:4:7", "f:4:3"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("1:30", "1:30"), ("2001-01-01", "2001-01-01"), ("0600", 600),
        ("0o17", 15), ("0x1F", 31), ("1_000", "1_000"), ("~", None), ("", None), ("null", None), ("True", True),
        ("1e3", 1000.0), (".5", 0.5), ("+12", 12), ("'12'", "12"), ("!!str 12", "12"), ("!!int 12", 12), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_have_the_types_of_yaml_1_2(text: str, value: object) -> None:
    assert parse(f"a: {text}", "f").data["a"] == value
    assert type(parse(f"a: {text}", "f").data["a"]) is type(value)


@pytest.mark.parametrize(
    "text", ["!!int x", "!!binary aGk=", "!!set {x: null}", "!mine x", "!!python/name:os.system", ".nan", "-.inf"]
)
def test_other_tags_and_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(f"a: {text}", "f")


def test_merge_keys_give_way_to_what_is_written() -> None:
    assert parse("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", "f").data["d"] == {"b": 1, "c": 3}


def test_aliases_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InputError, match="aliases make this document larger"):
        parse("\n".join(lines), "f")


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "- " * 100_000, "{a: " * 50_000 + "}" * 50_000])
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(InputError, match="nested deeper than 100"):
        parse_any(text, "f")

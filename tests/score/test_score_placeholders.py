"""Placeholders and overrides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.problems import InputError
from scorefly.score.document import parse
from scorefly.score.overrides import apply_fragment, apply_property
from scorefly.score.placeholders import UnknownReference, references, substitute, substitute_tree
from scorefly.values import Secret, Tree, holds_secret, reveal, reveal_text


def lookup(reference: tuple[str, ...]) -> Tree:
    values: dict[str, Tree] = {"plain": "text", "number": 5432, "tree": {"a": [1, "x"]}, "secret": Secret("hidden")}
    try:
        return values[reference[1]]
    except KeyError:
        raise UnknownReference(f"no {reference[1]}") from None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("no dollar", "no dollar"),
        ("${resources.plain}", "text"),
        ("a ${resources.plain}:${resources.number} b", "a text:5432 b"),
        ("${resources.tree}", '{"a":[1,"x"]}'),
        ("$${resources.plain}", "${resources.plain}"),
        ("$$${resources.plain}", "$text"),
        ("$$", "$"),
        ("$", "$"),
        ("cost: 5$", "cost: 5$"),
        ("$(VAR) $VAR", "$(VAR) $VAR"),
        ("${unclosed", "${unclosed"),
    ],
)
def test_substitution_follows_score_go(text: str, result: str) -> None:
    assert substitute(text, lookup) == result


def test_a_dot_in_a_key_is_escaped() -> None:
    assert references(r"${metadata.annotations.example\.com/a}") == (("metadata", "annotations", "example.com/a"),)


@given(st.text())
def test_a_text_with_its_dollars_doubled_comes_back_as_it_was(text: str) -> None:
    assert substitute(text.replace("$", "$$"), lookup) == text


@given(st.lists(st.sampled_from(["${resources.secret}", "${resources.plain}", "x", "$$"]), max_size=6))
def test_a_text_is_secret_exactly_when_a_part_of_it_is(parts: list[str]) -> None:
    result = substitute("".join(parts), lookup)
    assert isinstance(result, Secret) == ("${resources.secret}" in parts)
    assert reveal_text(result).count("hidden") == parts.count("${resources.secret}")


@given(
    st.recursive(
        st.sampled_from(["${resources.secret}", "x"]), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_params_keep_secrecy_leaf_by_leaf(tree: Any) -> None:
    result = substitute_tree(tree, lookup)
    assert holds_secret(result) == ("hidden" in str(reveal(result)))


keys = st.sampled_from(["a", "b.c", "d\\e", "f"])
leaves = st.none() | st.integers() | st.text(max_size=3)
maps = st.recursive(
    st.dictionaries(keys, leaves, max_size=3), lambda inner: st.dictionaries(keys, leaves | inner, max_size=3)
)


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The rule of score-compose, written down once more."""
    result = dict(old)
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


@given(maps, maps)
def test_a_fragment_merges_as_in_score_compose(old: dict[str, Any], new: dict[str, Any]) -> None:
    import yaml

    documents = [parse(yaml.safe_dump(each), f) for each, f in ((old, "score.yaml"), (new, "more.yaml"))]
    assert apply_fragment(*documents).data == merged(old, new)


@given(
    maps.filter(bool),
    st.lists(keys, min_size=1, max_size=3),
    st.text(alphabet=st.characters(max_codepoint=0xFFF), max_size=5),
)
def test_a_property_that_was_set_is_there(old: dict[str, Any], path: list[str], value: str) -> None:
    import json

    import yaml

    written = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)
    try:
        data: Any = apply_property(parse(yaml.safe_dump(old), "f"), f"{written}={json.dumps(value)}").data
    except InputError as error:
        assert "no mapping and no list" in str(error)
        return
    for key in path:
        data = data[key]
    assert data == value


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("a.1=x", {"a": [1, "x", 3]}),
        ("a.-1=4", {"a": [1, 2, 3, 4]}),
        ("a.0=", {"a": [2, 3]}),
        ("a=", {}),
        ("a=null", {}),
        ("b.c={d: [1]}", {"a": [1, 2, 3], "b": {"c": {"d": [1]}}}),
        ("b=a=b", {"a": [1, 2, 3], "b": "a=b"}),
    ],
)
def test_properties(line: str, result: dict[str, Any]) -> None:
    assert apply_property(parse("a: [1, 2, 3]", "f"), line).data == result


@pytest.mark.parametrize("line", ["a.3=x", "a.-2=x", "a.x=1", "a.0.b=1", "=x", "b"])
def test_properties_that_cannot_be_are_refused(line: str) -> None:
    with pytest.raises(InputError):
        apply_property(parse("a: [1, 2, 3]", "f"), line)


def test_what_an_override_says_stands_where_the_override_does() -> None:
    document = parse("a: {b: 1, c: 2}\n", "score.yaml")
    changed = apply_fragment(document, parse("a:\n  b: 3\n", "more.yaml"))
    assert (str(changed.places.at("a", "b")), str(changed.places.at("a", "c"))) == ("more.yaml:2:3", "score.yaml:1:11")

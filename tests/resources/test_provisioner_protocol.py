"""What becomes of an answer, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scorefly.problems import Place
from scorefly.resources.protocol import Answer, provisioned, question, read_answer
from scorefly.resources.provisioner import Request, WorkloadView
from scorefly.values import Secret, Tree, conceal, holds_secret, redact, reveal

SECRET = "s3cret"

names = st.sampled_from("abc")
texts = st.text(max_size=5) | st.builds("{}{}{}".format, st.text(max_size=3), st.just(SECRET), st.text(max_size=3))
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
trees = st.recursive(
    leaves,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(names, trees, max_size=3)
parts = st.none() | objects


def request(**known: Any) -> Request:
    return Request(
        uid="queue.default#web.queue",
        guid="guid",
        type="queue",
        class_="default",
        id="web.queue",
        name="queue",
        metadata={},
        owner=WorkloadView("web", "web"),
        place=Place("score.yaml"),
        **{"params": {"from": Secret(SECRET)}, **known},
    )


def concealed(tree: dict[str, Any]) -> dict[str, Tree]:
    return {name: conceal(value) for name, value in tree.items()}


def without_nulls(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if value is not None}


@given(st.binary(max_size=60) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_any_output_is_an_answer_or_told_in_words_of_ours(content: bytes) -> None:
    answer, wrong = read_answer(content)
    assert answer is not None or wrong
    assert SECRET not in wrong.replace("unknown key", "")


@given(state=parts, values=parts, secrets=parts, shared=parts)
def test_an_answer_is_read_as_it_is_written(**given_parts: Any) -> None:
    written = without_nulls(given_parts)
    assert read_answer(json.dumps(written).encode()) == (Answer(**written), "")


@given(values=objects, secrets=objects, shared=objects, state=objects)
def test_nothing_that_holds_a_secret_is_plain_and_nothing_is_changed(**given_parts: Any) -> None:
    result = provisioned(request(), Answer(**given_parts), ())
    shown = redact({"outputs": dict(result.outputs), "shared": dict(result.shared)})
    assert SECRET not in json.dumps(shown, ensure_ascii=False)
    assert reveal(dict(result.outputs)) == {**without_nulls(given_parts["values"]), **given_parts["secrets"]}
    assert reveal(dict(result.shared)) == given_parts["shared"]
    assert result.state == concealed(given_parts["state"])


@given(values=objects)
def test_what_holds_no_secret_stays_plain(values: Any) -> None:
    result = provisioned(request(params={}), Answer(values=values, secrets={"short": "s3c"}), ())
    assert {name for name, value in result.outputs.items() if holds_secret(value)} == {"short"}


@given(state=objects, values=objects, secrets=objects)
def test_an_empty_answer_changes_nothing(**given_parts: Any) -> None:
    first = provisioned(request(), Answer(**given_parts), ())
    again = provisioned(request(state=first.state, outputs=first.outputs), Answer(), ())
    assert (again.state, again.outputs, again.shared) == (first.state, first.outputs, {})


@given(objects, objects)
def test_the_question_is_json_with_every_secret_revealed(params: Any, state: Any) -> None:
    asked = json.loads(question(request(params=concealed(params), state=concealed(state))))
    assert (asked["resource_params"], asked["state"]) == (params, state)

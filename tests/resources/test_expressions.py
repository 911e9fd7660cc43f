"""Templates: types, the sandbox, and secrecy that nothing gets round."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.resources.expressions import ExpressionError, evaluate
from scorefly.resources.randoms import Randoms
from scorefly.values import Secret, Tree, holds_secret, reveal

CANARY = "canary9f"
CONTEXT: dict[str, Tree] = {
    "params": {
        "plain": "text",
        "number": 3,
        "list": ["a", Secret(CANARY)],
        "open": ["a", "b"],
        "deep": {"pass": Secret(CANARY), "host": "h"},
    },
    "state": {"password": Secret(CANARY), "port": 6379},
    "secrets": {"TOKEN": Secret(CANARY)},
    "name": "web",
}


def value(source: str) -> Tree:
    return evaluate(source, CONTEXT, {"random_password": lambda length=24: Secret("p" * length)})


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("text", "text"),
        ("{{ params.number }}", 3),
        ("{{ params.number + 1 }}", 4),
        ("{{-1}}", 1),
        ("{{ -1 }}", -1),
        ("{{ params.open }}", ["a", "b"]),
        ("{{ {'a': [1, true, none]} }}", {"a": [1, True, None]}),
        ("{{ params.number }}-{{ name }}", "3-web"),
        ("{{ '123' }}", "123"),
        ("{{ '[1]' }}", "[1]"),
        ("{{ '{{' }}", "{{"),
        ("a\n{{ name }}\n", "a\nweb\n"),
        ("{{ state.nothing or 5 }}", 5),
        ("{{ params.nothing | default('x') }}", "x"),
        ("{{ params.nothing is defined }}", False),
    ],
)
def test_one_expression_has_its_own_type_and_anything_else_is_text(source: str, result: Tree) -> None:
    assert value(source) == result


@pytest.mark.parametrize(
    "source",
    [
        "{{ secrets.TOKEN }}", "{{ secrets['TOKEN'] }}", "x{{ secrets.TOKEN }}", "{{ secrets }}", "{{ secrets | tojson }}",
        "{{ secrets.values() | list }}", "{{ secrets.get('TOKEN') }}", "{{ params.list[1] }}", "{{ params.list | join }}",
        "{{ params.list | last }}", "{{ params | string }}", "{{ params[('de' ~ 'ep')].pass }}", "{{ secrets.TOKEN | upper }}",
        "{{ secrets.TOKEN[0] }}", "{{ secrets.TOKEN | length }}", "{% for x in params.list %}{{ x }}{% endfor %}",
        "{% set x = secrets %}{{ x.TOKEN }}", "{{ 'a' if secrets.TOKEN == 'x' else 'b' }}", "{{ params.deep.items() | list }}",
        "{{ params.deep | map('upper') | list }}", "{{ (params | dictsort)[0] }}", "{{ [state] | map(attribute='password') | list }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(secrets.TOKEN) }}", "{{ random_password() }}", "{{ random_password() ~ 'x' }}",
        "{% set ns = namespace(v='') %}{% for s in secrets %}{% set ns.v = secrets[s] %}{% endfor %}{{ ns.v }}",
        "{{ '%s' | format(secrets.TOKEN) }}", "{{ secrets.TOKEN and 1 }}",
    ],
)  # fmt: skip
def test_what_reads_a_secret_is_secret(source: str) -> None:
    result = value(source)
    assert holds_secret(result)
    assert isinstance(result, Secret | list | dict)


@pytest.mark.parametrize(
    "source",
    [
        "{{ params.plain }}",
        "{{ params.deep.host }}",
        "{{ state.port }}",
        "{{ state.nothing or 1 }}",
        "{{ params.list[0] }}",
        "{{ name | upper }}",
    ],
)
def test_what_stands_beside_a_secret_is_not_secret(source: str) -> None:
    assert not holds_secret(value(source))


names = st.sampled_from(["params", "state", "secrets", "name"])
keys = st.sampled_from(
    [".plain", ".deep", ".deep.pass", ".list", "['list'][1]", ".password", ".TOKEN", ".port", ".open", "", ".items()"]
)
filters = st.sampled_from(
    [
        "",
        " | string",
        " | tojson",
        " | list",
        " | upper",
        " | first",
        " | length",
        " | reverse | list",
        " | default('')",
    ]
)
frames = st.sampled_from(
    [
        "{{{{ {} }}}}",
        "a{{{{ {} }}}}b",
        "{{% set x = {} %}}{{{{ x }}}}",
        "{{% for x in {} %}}{{{{ x }}}}{{% endfor %}}",
        "{{{{ [{}] }}}}",
    ]
)


@given(names, keys, filters, frames)
def test_no_expression_takes_the_canary_out(name: str, key: str, filter_: str, frame: str) -> None:
    try:
        result = value(frame.format(name + key + filter_))
    except ExpressionError:
        return
    if CANARY in str(reveal(result)).lower():
        assert holds_secret(result)


@pytest.mark.parametrize(
    "source",
    [
        "{{ nothing }}", "{{ nothing.more }}", "{{ params.nothing }}", "x{{ params.nothing }}", "{{ params.plain.upper.__globals__ }}",
        "{{ ''.__class__.__mro__ }}", "{{ self }}", "{{ 1 / 0 }}", "{{ range(1000000) }}", "{% include 'x' %}", "{{ 'x' * 2000000 }}",
        "{{ cycler }}", "{{ params.open.append('x') }}", "{{ name.upper }}", "{{",
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_allowed_is_an_error_of_one_line(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(source)
    assert "\n" not in str(caught.value)


def test_a_random_value_is_made_once_and_kept() -> None:
    def ask(known: dict[str, Any]) -> tuple[Secret, Tree, dict[str, Tree]]:
        randoms = Randoms(known)
        randoms.at("secrets.password")
        return randoms.password(), randoms.name(), randoms.all

    first = ask({})
    assert ask(first[2])[:2] == first[:2]
    assert ask({})[0] != first[0]


@given(st.integers(12, 256))
def test_a_password_has_the_length_that_was_asked_and_is_safe_in_a_url(length: int) -> None:
    password = str(Randoms({}).password(length).value)
    assert (len(password), password.isalnum(), password.isascii()) == (length, True, True)


@pytest.mark.parametrize("length", [0, 11, 257, "x", None])
def test_a_password_that_would_be_weak_is_refused(length: Any) -> None:
    with pytest.raises(ExpressionError):
        Randoms({}).password(length)

"""Templates and placeholders end within bounds, whatever they compute."""

from __future__ import annotations

import pytest

from scorefly.resources.expressions import MAX_RESULT, ExpressionError, evaluate
from scorefly.score.placeholders import references, substitute
from workspaces import Workspace

HOSTILE = [
    "{{ 9**(9**9) }}",
    "{{ 9**9**9**9**9**9 }}",
    "{{ 'a'*10**9 }}",
    "{{ 10**9*'a' }}",
    "{{ [0]*10**9 }}",
    "{{ ([0]*1000)*1000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '%*d' % (10**9, 1) }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:>{}}'.format(1, 10**9) }}",
    "{{ '{x:>1000000000}'.format_map({'x': 1}) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ 'a'.ljust(width=10**9) }}",
    "{{ '\t'.expandtabs(10**9) }}",
    "{{ ('a\n'*1000)|indent(10**6) }}",
    "{{ ('a\n'*1000)|indent(width='x'*10**5) }}",
    "{{ 1.5|round(10**9, 'ceil') }}",
    "{{ [1]|batch(10**9, 0)|list }}",
    "{{ [1]|slice(10**9)|list }}",
    "{{ [[1]*1000]|tojson(indent=10**6) }}",
    "{{ (1).to_bytes(10**9, 'big') }}",
    "{{ ('a'*10**6)|replace('a', 'b'*10**6) }}",
    "{{ ('a'*10**6).replace('', 'b'*10**6) }}",
    "{{ ('a'*10**5)|list|join('b'*10**5) }}",
    "{{ ('b'*10**5).join('a'*10**5) }}",
    "{{ ('a'*10**6).translate({97: 'b'*10**6}) }}",
    "{{ ([[0]*300]*300)|sum(start=[]) }}",
    "x{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "x{% for a in range(99999) %}{% for b in range(99999) if b == 0 and a == 0 %}1{% endfor %}{% endfor %}",
    "x{% for a in [[1]*50000]*1 recursive %}{{ loop(a) }}{% endfor %}",
    "x{% set n = namespace(x='ab') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "x{% set n = namespace(x='ab') %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "x{% set n = namespace(x=[1]) %}{% for a in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "x{% set n = namespace(x=1) %}{% for a in range(99) %}{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}{{ n.x|tojson }}",
    "x{% set n = namespace(x=3) %}{% for a in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
    "x{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "x{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "x{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}{{ d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d(d('a'))))))))))))))))))))) }}",
    "x{% for a in range(99999) %}" + "y" * 10_000 + "{% endfor %}",
    "x{% block b %}{{ self.b() }}{% endblock %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "1+" * 20000 + "1 }}",
    "{{ " + "9" * 100_000 + " }}",
    "x" * 300_000 + "{{ 1 }}",
    "x" + "{% for a in [1] %}" * 60 + "{% endfor %}" * 60,
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_template_is_refused_with_a_reason(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"too large|too slow|nested|maximum|digits"):
        evaluate(source, {}, {})


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{ 2**40 }}", 2**40),
        ("{{ 'ab'*1000 }}", "ab" * 1000),
        ("{{ int_text|int }}", 0),
        ("{{ '%05d %s' % (7, 'x') }}", "00007 x"),
        ("{{ '%s-%s'|format('a', 'b') }}", "a-b"),
        ("{{ '{:>5}|{x}'.format(1, x='y') }}", "    1|y"),
        ("{{ ['a', 1] | join(',') }}", "a,1"),
        ("{{ 'a' ~ 1 ~ none }}", "a1None"),
        ("{{ range(5)|map('string')|join('-') }}", "0-1-2-3-4"),
        ("{{ [3, 1, 2]|sort|first + ([1, 2]|sum) }}", 4),
        ("{{ {'a': [1]}|tojson }}", '{"a": [1]}'),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{{ loop.length }}{% endfor %}", "a=11"),
        ("{% for a in range(2000) if a % 2 %}{{ loop.first and 'y' or '' }}{% endfor %}", "y"),
        ("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(1) }}{{ m('b') }}", "[1][b]"),
        ("{% set x, y = 1, 2 %}{{ x }}{{ y }}", "12"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ '%s' % 'x' * 3 }}", "xxx"),
        ("{{ [1, [2]] + [(3, 4)] }}", [1, [2], [3, 4]]),
    ],
)
def test_ordinary_templates_are_within_the_bounds(source: str, result: object) -> None:
    assert evaluate(source, {"int_text": "9" * 10**6}, {}) == result


def test_result_of_the_largest_allowed_size_is_accepted() -> None:
    assert len(str(evaluate("{{ 'a' * 2**20 }}", {}, {}))) == MAX_RESULT


@pytest.mark.parametrize("command", ["validate", "generate", "plan"])
def test_hostile_provisioner_is_refused_at_its_leaf_by_every_command(workspace: Workspace, command: str) -> None:
    workspace.workload("web", "resources: {queue: {type: queue}}\n")
    workspace.write(
        ".scorefly/q.provisioners.yaml", "- uri: template://q\n  type: queue\n  outputs:\n    x: '{{ 9**(9**9) }}'\n"
    )
    result = workspace.run(command, *(("--rehearse",) if command == "plan" else ()))
    assert result.code == 2
    assert ".scorefly/q.provisioners.yaml:4:5: " in result.err
    assert "the expression is too large: it makes a number of more than" in result.err


@pytest.mark.parametrize("unit", ["${", "$${", "$$${", "${a", "$"])
def test_unclosed_placeholders_cost_linear_work(unit: str) -> None:
    text = unit * 400_000
    assert references(text) == ()
    assert isinstance(substitute(text, lambda _: ""), str)


def test_placeholders_before_and_escapes_after_the_last_brace_keep_their_meaning() -> None:
    assert substitute("$$-${metadata.x}-$${y}-$$-${z", lambda _: "1") == "$-1-${y}-$-${z"

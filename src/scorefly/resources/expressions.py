"""Templates: YAML whose string leaves are Jinja expressions or text, evaluated in a sandbox.

A leaf that is one expression (`"{{ params.size }}"`) has the expression's own type; any other leaf is text.
A result is secret when the leaf reads anything secret: which parts of its surroundings a leaf can read is
seen in its syntax tree, so no filter, loop or method call gets round it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes

from scorefly.resources.bounded_jinja import MAX_ITEMS, MAX_SOURCE, BoundedEnvironment, TooLargeError, bounded, weigh
from scorefly.values import Tree, conceal, holds_secret, reveal

Chain = tuple[str | int, ...]

MAX_RESULT = 1 << 20  # characters of one leaf


class ExpressionError(Exception):
    """A leaf that cannot be evaluated, said in one line."""


class _Missing(StrictUndefined):
    """An unknown name is false, so that `state.password or …` works, and an error wherever it is used."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # the base class never answers
        return False

    @property
    def _undefined_message(self) -> str:
        return f"{self._undefined_name!r} is not there"


def _environment() -> BoundedEnvironment:
    environment = BoundedEnvironment(undefined=_Missing, autoescape=False, keep_trailing_newline=True, extensions=[])
    for name in set(environment.globals) - {"range", "dict", "namespace"}:
        del environment.globals[name]
    return environment


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A compiled leaf: how to evaluate it, and the chains of names it may read."""

    evaluate: Callable[[Mapping[str, Any]], Any]
    reads: tuple[Chain, ...]


@lru_cache(maxsize=4096)
def compile_leaf(source: str) -> Leaf:
    """The compiled leaf. Raises ExpressionError for bad syntax."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the expression is too large: it has more than {MAX_SOURCE} characters")
    try:
        tree = _ENVIRONMENT.parse(source)
        if source.startswith("{{") and source.endswith("}}") and _is_one_expression(tree):
            expression = _ENVIRONMENT.compile_expression(_inner(source), undefined_to_none=False)
            return Leaf(lambda context: expression(**context), _reads(tree))
        template = _ENVIRONMENT.from_string(source)
        return Leaf(lambda context: template.render(**context), _reads(tree))
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("the expression is too large: it is nested too deeply") from error
    except (TemplateError, SyntaxError, ValueError, OverflowError) as error:
        raise ExpressionError(_one_line(error)) from error


def evaluate(source: str, context: Mapping[str, Tree], functions: Mapping[str, Callable[..., Any]]) -> Tree:
    """The leaf's value in a context of trees and functions.

    A function named in `functions` that returns a Secret makes the result secret. Raises ExpressionError.
    """
    if "{" not in source:
        return source
    leaf = compile_leaf(source)
    secret = any(_holds_secret_at(context, chain) for chain in leaf.reads)
    met_secret = False

    def plain_result(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal met_secret
            result = function(*args, **kwargs)
            met_secret = met_secret or holds_secret(result)
            return reveal(result)

        return call

    wanted = {chain[0] for chain in leaf.reads}
    plain: dict[str, Any] = {name: reveal(value) for name, value in context.items() if name in wanted}
    plain.update({name: plain_result(call) for name, call in functions.items() if name in wanted})
    try:
        with bounded():
            found = leaf.evaluate(plain)
            weigh(found)
            result = _as_plain(found)
    except ExpressionError:
        raise
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("the expression is too large: it is nested too deeply") from error
    except TooLargeError as error:
        raise ExpressionError(str(error)) from error
    except Exception as error:
        raise ExpressionError(_one_line(error)) from error
    return conceal(result) if secret or met_secret else result


def _is_one_expression(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = tree.body[0].nodes
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def _inner(source: str) -> str:
    """What stands between `{{` and `}}`, without the marks that trim white space there."""
    inner = source[2:-2]
    inner = inner[1:] if inner.startswith(("-", "+")) else inner
    return inner[:-1] if inner.endswith(("-", "+")) else inner


def _reads(tree: nodes.Node) -> tuple[Chain, ...]:
    found: dict[Chain, None] = {}
    _collect(tree, found)
    return tuple(found)


def _collect(node: nodes.Node, found: dict[Chain, None]) -> None:
    chain, rest = _chain(node)
    if chain:
        found[chain] = None
    for child in rest if chain else node.iter_child_nodes():
        _collect(child, found)


def _chain(node: nodes.Node) -> tuple[Chain, Iterable[nodes.Node]]:
    """The longest constant chain of names from a Name up to `node`, and the nodes met beside it."""
    if isinstance(node, nodes.Name):
        return ((node.name,), ()) if node.ctx == "load" else ((), ())
    if isinstance(node, nodes.Getattr):
        chain, rest = _chain(node.node)
        return ((*chain, node.attr), rest) if chain else ((), ())
    if isinstance(node, nodes.Getitem):
        chain, rest = _chain(node.node)
        if chain and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int):
            return (*chain, node.arg.value), rest
        # An index known only when it runs: everything below the chain may be read.
        return ((*chain, "keys"), (*rest, node.arg)) if chain else ((), ())
    return (), ()


def _holds_secret_at(context: Mapping[str, Tree], chain: Chain) -> bool:
    """Whether what a chain reads is secret: the part it names, or the whole of what it calls a method of."""
    if chain[0] not in context:
        return False
    tree: Tree = context[str(chain[0])]
    for key in chain[1:]:
        if isinstance(tree, dict):
            if str(key) in tree and not hasattr(dict, str(key)):
                tree = tree[str(key)]
            elif hasattr(dict, str(key)):
                return holds_secret(tree)
            else:
                return False
        elif isinstance(tree, list) and isinstance(key, int) and -len(tree) <= key < len(tree):
            tree = tree[key]
        else:
            break
    return holds_secret(tree)


def _as_plain(value: Any) -> Tree:
    if isinstance(value, StrictUndefined):
        raise ExpressionError(value._undefined_message)  # noqa: SLF001 - Jinja's name for it
    if isinstance(value, str):
        if len(value) > MAX_RESULT:
            raise ExpressionError(f"the result has {len(value)} characters, and {MAX_RESULT} are allowed")
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_plain(each) for key, each in value.items()}
    if isinstance(value, Iterable):
        return [_as_plain(each) for each in islice(value, MAX_ITEMS)]
    raise ExpressionError(f"the result is a {type(value).__name__}, which YAML has no form for")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, TemplateError) else f"{type(error).__name__}: {text}"

"""Templates: YAML whose string leaves are Jinja expressions or text, evaluated in a sandbox.

A leaf that is one expression (`"{{ params.size }}"`) has the expression's own type; any other leaf is text.
A result is one secret as a whole when the leaf reads anything secret: which parts of its surroundings a leaf can
read is seen in its syntax tree, so no filter, loop, condition or method call gets round it. Errors of such a leaf
show no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, UndefinedError, nodes
from msgspec import Struct

from scorefly.resources.bounded_jinja import MAX_SOURCE, BoundedEnvironment
from scorefly.resources.bounds import MAX_ITEMS, weigh
from scorefly.resources.budget import TooLargeError, bounded, spend
from scorefly.values import Plain, Secret, Tree, holds_given, holds_secret, reveal

Chain = tuple[str | int, ...]

MAX_RESULT = 1 << 20  # characters of one leaf
_TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_COMPILING = 20  # steps for a character of Jinja
_REVEALED = 8  # elements of what a leaf reads that are revealed in one step
_TOO_LARGE = "the expression is too large"
HIDDEN = "the value is hidden because the expression reads a secret"


class ExpressionError(Exception):
    """A leaf that cannot be evaluated, said in one line. `kind` says it without any value; `hint` what to do."""

    def __init__(self, message: str, kind: str = "invalid value", hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint


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


class Leaf(Struct, frozen=True):
    """A compiled leaf: how to evaluate it, and the chains of names it may read.

    `whole` is the chain when the leaf is nothing else, and `call` the function when it is one call of it. With
    `fixed_keys` the result is a mapping whose keys are written in the leaf.
    """

    evaluate: Callable[[Mapping[str, Any]], Any]
    reads: tuple[Chain, ...]
    whole: Chain = ()
    call: str = ""
    fixed_keys: bool = False


@lru_cache(maxsize=4096)
def compile_leaf(source: str) -> Leaf:
    """The compiled leaf. Raises ExpressionError for bad syntax."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"{_TOO_LARGE}: it has more than {MAX_SOURCE} characters")
    try:
        spend(_COMPILING * sum(len(tag) for tag in _TAG.findall(source)))
        tree = _ENVIRONMENT.parse(source)
        if source.startswith("{{") and source.endswith("}}") and _is_one_expression(tree):
            expression = _ENVIRONMENT.compile_expression(_inner(source), undefined_to_none=False)
            return Leaf(lambda context: expression(**context), _reads(tree), **_form(tree))
        template = _ENVIRONMENT.from_string(source)
        return Leaf(lambda context: template.render(**context), _reads(tree))
    except (RecursionError, MemoryError, TooLargeError) as error:
        raise ExpressionError(_explain(error)) from error
    except (TemplateError, SyntaxError, ValueError, OverflowError) as error:
        raise ExpressionError(_one_line(error)) from error


def evaluate(source: str, context: Mapping[str, Tree], functions: Mapping[str, Callable[..., Any]]) -> Tree:
    """The leaf's value in a context of trees and functions.

    A function named in `functions` that returns a Secret makes the result secret. Raises ExpressionError; its message
    shows no value where the leaf reads a secret.
    """
    if "{" not in source:
        return source
    leaf = compile_leaf(source)
    if leaf.whole and (marked := _marked_at(context, leaf.whole)) is not None:
        return marked
    taint = _Taint()
    for chain in leaf.reads:
        taint.meet(_read_by(context, chain))

    expected = {chain[0] for chain in leaf.reads}
    plain: dict[str, Any] = {name: reveal(value) for name, value in context.items() if name in expected}
    plain.update({name: taint.watch(name, call) for name, call in functions.items() if name in expected})
    try:
        spend(sum(_elements(value) for value in plain.values()) // _REVEALED)
        with bounded():
            value = leaf.evaluate(plain)
            weigh(value)
            result = _as_plain(value)
    except Exception as error:
        if taint.secret:
            kind = _kind(error)
            raise ExpressionError(f"{kind} ({HIDDEN})", kind) from None
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(_explain(error)) from error
    return taint.mark(leaf, result)


class _Taint(Struct):
    """A record of what one evaluation has read: anything secret, and anything made from a secret that was given.

    `last` is the last function that was called, its result, and whether anything secret was read before.
    """

    secret: bool = False
    given: bool = False
    last: tuple[str, Tree, bool] = ("", None, False)

    def meet(self, tree: Tree) -> None:
        self.secret = self.secret or holds_secret(tree)
        self.given = self.given or holds_given(tree)

    def watch(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            before = self.secret
            result = function(*args, **kwargs)
            self.last = (name, result, before)
            self.meet(result)
            return reveal(result)

        return call

    def mark(self, leaf: Leaf, result: Plain) -> Tree:
        """The result with its marks: one secret, unless the leaf shows that its keys come from no secret."""
        if not self.secret:
            return cast("Tree", result)
        name, returned, before = self.last
        if leaf.call == name != "" and not before:
            return returned
        if leaf.fixed_keys and isinstance(result, dict):
            return {key: Secret(value, self.given) for key, value in result.items()}
        return Secret(result, self.given)


def _elements(tree: Any) -> int:
    if isinstance(tree, dict):
        return 1 + sum(map(_elements, tree.values()))
    return 1 + sum(map(_elements, tree)) if isinstance(tree, list) else 1


def _is_one_expression(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = tree.body[0].nodes
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def _form(tree: nodes.Template) -> dict[str, Any]:
    """Return what is seen of a leaf that is one expression: see Leaf."""
    output = tree.body[0]
    node = output.nodes[0] if isinstance(output, nodes.Output) else output
    chain, rest = _chain(node)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return {"call": node.node.name, "fixed_keys": node.node.name == "url_parts"}
    if isinstance(node, nodes.Dict):
        keys = (pair.key for pair in node.items)
        return {"fixed_keys": all(isinstance(key, nodes.Const) and isinstance(key.value, str) for key in keys)}
    return {"whole": chain} if chain and not tuple(rest) else {}


def _inner(source: str) -> str:
    """Return what stands between `{{` and `}}`, without the marks that trim white space there."""
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


def _marked_at(context: Mapping[str, Tree], chain: Chain) -> Tree:
    """The mapping that a chain of keys names, its marks kept; None where it is none."""
    tree: Tree = dict(context)
    for key in chain:
        if not isinstance(tree, dict) or not isinstance(key, str) or key not in tree or hasattr(dict, key):
            return None
        tree = tree[key]
    return tree if isinstance(tree, dict | list) and tree else None


def _read_by(context: Mapping[str, Tree], chain: Chain) -> Tree:
    """Return what a chain reads: the part it names, or the whole of what it calls a method of."""
    if chain[0] not in context:
        return None
    tree: Tree = context[str(chain[0])]
    for key in chain[1:]:
        if isinstance(tree, dict):
            if str(key) in tree and not hasattr(dict, str(key)):
                tree = tree[str(key)]
            elif hasattr(dict, str(key)):
                return tree
            else:
                return None
        elif isinstance(tree, list) and isinstance(key, int) and -len(tree) <= key < len(tree):
            tree = tree[key]
        else:
            break
    return tree


def _as_plain(value: Any) -> Plain:
    if isinstance(value, StrictUndefined):
        raise ExpressionError(value._undefined_message, "undefined value")  # noqa: SLF001 - Jinja's name for it
    if isinstance(value, str):
        if len(value) > MAX_RESULT:
            raise ExpressionError(
                f"the result has {len(value)} characters, and {MAX_RESULT} are allowed", "result too long"
            )
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_plain(each) for key, each in value.items()}
    if isinstance(value, Iterable):
        return [_as_plain(each) for each in islice(value, MAX_ITEMS)]
    raise ExpressionError(f"the result is a {type(value).__name__}, which YAML has no form for", "invalid result")


def _kind(error: Exception) -> str:
    """Name the kind of error without any value."""
    if isinstance(error, ExpressionError):
        return error.kind
    if isinstance(error, TooLargeError | RecursionError | MemoryError):
        return _TOO_LARGE
    return "undefined value" if isinstance(error, UndefinedError) else type(error).__name__


def _explain(error: Exception) -> str:
    """Describe an error of an expression that reads no secret, in one line."""
    if isinstance(error, RecursionError | MemoryError):
        return f"{_TOO_LARGE}: it is nested too deeply"
    return str(error) if isinstance(error, TooLargeError) else _one_line(error)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, TemplateError) else f"{type(error).__name__}: {text}"

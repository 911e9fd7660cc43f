"""A Jinja sandbox that bounds what an expression may compute: steps, sizes and widths, checked before the work is done.

Nothing here measures time, so that a template is refused everywhere or nowhere. Every operation costs steps by
the size of its operands; a step takes some microseconds at most.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import islice
from types import BuiltinMethodType
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.visitor import NodeTransformer

from scorefly.resources.budget import TooLargeError, spend

MAX_TEXT = 1 << 20  # characters of a string
MAX_ITEMS = 100_000  # elements of a value, nested ones included
MAX_BITS = 1 << 13  # of an integer
MAX_SOURCE = 1 << 18  # characters of a template
_STEP = 128  # characters that are handled in one step
_SLOW_TEXT = 20_000  # characters for filters whose time may grow faster than their input
_SLOW = frozenset({"urlize", "wordwrap", "striptags", "xmlattr", "pprint"})
_WIDTHS = frozenset({"center", "indent", "wordwrap", "truncate", "batch", "slice", "tojson", "urlize"})
_PRECISION = 100
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")


def _refuse_text(length: int) -> None:
    if length > MAX_TEXT:
        raise TooLargeError(f"the expression is too large: it makes a text of more than {MAX_TEXT} characters")


def _refuse_items(count: int) -> None:
    if count > MAX_ITEMS:
        raise TooLargeError(f"the expression is too large: it makes a list of more than {MAX_ITEMS} elements")


def _refuse_bits(bits: float) -> None:
    if bits > MAX_BITS:
        raise TooLargeError(f"the expression is too large: it makes a number of more than {MAX_BITS} bits")


def _refuse_width(value: object) -> None:
    if isinstance(value, int) and abs(value) > MAX_TEXT:
        raise TooLargeError(f"the expression is too large: widths and counts go up to {MAX_TEXT}")


def weigh(value: Any) -> int:
    """Count a value's elements, and its characters in units of a step. Raises TooLargeError beyond the limits.

    An element that is in a value several times counts each time, as it would when it is written out.
    """
    stack, items, characters = [value], 0, 0
    while stack:
        each = stack.pop()
        items += 1
        if isinstance(each, str | bytes):
            _refuse_text(len(each))
            characters += len(each)
        elif isinstance(each, Mapping):
            _refuse_items(items + len(stack) + 2 * len(each))
            stack.extend(each.keys())
            stack.extend(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            _refuse_items(items + len(stack) + len(each))
            stack.extend(each)
        elif isinstance(each, range):
            items += len(each)
        elif isinstance(each, int):
            _refuse_bits(each.bit_length())
        _refuse_items(items)
    return items + characters // _STEP


def _checked(value: Any) -> Any:
    spend(weigh(value))
    return value


def _checked_output(value: Any) -> Any:
    """Check a value before it is written; a list is written as a text, which may be longer than it."""
    steps = weigh(value)
    if not isinstance(value, str):
        _refuse_text(steps * _STEP if isinstance(value, list | tuple | dict) and steps * _STEP > 8 * MAX_TEXT else 0)
    spend(steps)
    return value


def _step(value: Any, size: int = 0) -> Any:
    spend(1 + size // _STEP)
    return value


def _concatenated(values: list[Any]) -> str:
    spend(weigh(values))
    texts = [value if isinstance(value, str) else str(value) for value in values]
    _refuse_text(sum(map(len, texts)))
    return "".join(texts)


def _percent_format(text: str, values: Any) -> None:
    """Refuse a %-format whose result could be too long."""
    weigh(values)
    items = list(values.values()) if isinstance(values, Mapping) else values if isinstance(values, tuple) else [values]
    longest = max((len(str(item)) for item in items), default=0)
    widest = max((abs(item) for item in items if isinstance(item, int)), default=0)
    total = len(text)
    for match in _PERCENT.finditer(text):
        for width in match.groups(default="0"):
            total += widest if width == "*" else min(int(width[:9]), MAX_TEXT + 1)
        total += longest
        _refuse_text(total)


class _Formatter(SandboxedFormatter):
    """`str.format` with widths and a result within bounds."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._length = 0

    def format_field(self, value: Any, format_spec: str) -> str:
        weigh(value)
        for number in re.findall(r"\d+", format_spec):
            _refuse_text(min(int(number[:9]), MAX_TEXT + 1))
        text = str(string.Formatter.format_field(self, value, format_spec))
        self._length += len(text)
        _refuse_text(self._length)
        spend(1 + len(text) // _STEP)
        return text


def _as_list(value: Any) -> Any:
    """Return what an iterator yields, as far as a list may be long."""
    if isinstance(value, str | bytes | Mapping | list | tuple | set | range | Undefined) or not hasattr(
        value, "__iter__"
    ):
        return value
    items = list(islice(value, MAX_ITEMS + 1))
    _refuse_items(len(items))
    return items


def _replaced(text: Any, old: Any = "", new: Any = "", *_: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    _refuse_text(len(text) + text.count(old) * len(new))


def _joined(values: Any, separator: Any) -> None:
    items = list(values) if isinstance(values, list | tuple | set | Mapping | str) else []
    weigh(items)
    _refuse_text(len(items) * len(str(separator or "")) + sum(len(each) for each in items if isinstance(each, str)))


def _check_method(method: BuiltinMethodType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Refuse a method of a string or number whose result would be too large. Returns the arguments to call it with."""
    owner, name = method.__self__, method.__name__
    if not isinstance(owner, str | bytes | int | float):
        return args
    for value in (*args, *kwargs.values()):
        _refuse_width(value)
    if not isinstance(owner, str):
        return args
    if name == "replace":
        _replaced(owner, *args)
    elif name == "join" and args:
        args = (_as_list(args[0]),)
        _joined(args[0], owner)
    elif name == "expandtabs":
        size = args[0] if args else kwargs.get("tabsize", 8)
        _refuse_text(len(owner) + owner.count("\t") * (size if isinstance(size, int) else 0))
    elif name == "translate" and args and isinstance(args[0], Mapping):
        longest = max((len(each) for each in args[0].values() if isinstance(each, str)), default=1)
        _refuse_text(len(owner) * longest)
    return args


def _check_filter(name: str, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    settings = (*args, *kwargs.values())
    if name in _WIDTHS:
        for setting in settings:
            _refuse_width(setting)
    if name in _SLOW and weigh(value) * _STEP > max(_SLOW_TEXT, _STEP) and len(str(value)) > _SLOW_TEXT:
        raise TooLargeError(f"the expression is too large: {name} takes up to {_SLOW_TEXT} characters")
    if name == "format":
        _percent_format(str(value), kwargs or args)
    elif name == "replace":
        _replaced(value, *args, *kwargs.values())
    elif name == "join":
        _joined(value, next(iter(settings), ""))
    elif name in ("indent", "tojson"):
        widths = [len(each) if isinstance(each, str) else each for each in settings if isinstance(each, str | int)]
        lines = str(value).count("\n") + 1 if name == "indent" else weigh(value) * 8
        _refuse_text(lines * max((abs(each) for each in widths), default=0))
    elif name == "round" and any(isinstance(each, int) and abs(each) > _PRECISION for each in settings):
        raise TooLargeError(f"the expression is too large: a precision goes up to {_PRECISION}")
    elif name in ("batch", "slice"):
        _refuse_items(max((abs(each) for each in settings if isinstance(each, int)), default=0))
    elif name == "sum" and isinstance(value, list | tuple):
        lists = any(isinstance(each, list | tuple) for each in (*value, *settings)) or "attribute" in kwargs or args
        spend(len(value) * weigh(value) // _STEP if lists else 0)


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    before = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        head, values = args[:before], [_as_list(value) for value in args[before:]]
        spend(1 + sum(weigh(value) for value in (*values, *kwargs.values())))
        if values:
            _check_filter(name, values[0], tuple(values[1:]), kwargs)
        return _checked(function(*head, *values, **kwargs))

    return call


class _Bounding(NodeTransformer):
    """Adds checks where generated code would work without asking the sandbox."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return _filter(parts, "_concatenated")

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        return _filter(self.generic_visit(node), "_checked")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        return _filter(self.generic_visit(node), "_checked")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(node, "_checked") if node.ctx == "load" else node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body = [_counter(node), *node.body]
        if node.test is not None:
            node.test = nodes.And(_filter(nodes.Const(True), "_step"), node.test, lineno=node.lineno)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body = [_counter(node), *node.body]
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body = [_counter(node), *node.body]
        return node

    def visit_Block(self, node: nodes.Block) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body = [_counter(node), *node.body]
        return node


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno or 1)


def _counter(node: nodes.Node) -> nodes.ExprStmt:
    """Count a pass through a body, by the characters it writes."""
    size = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
    step = _filter(nodes.Const(0, lineno=node.lineno), "_step", nodes.Const(size))
    return nodes.ExprStmt(step, lineno=node.lineno)


class _Generator(CodeGenerator):
    """Leaves all computing to the run, where it is counted."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox with bounds. Evaluate inside `bounded()`. A limit that is exceeded raises TooLargeError."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, **options: Any) -> None:
        super().__init__(optimized=False, finalize=_checked_output, **options)
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded_filter(name, function)
        self.filters.update(_step=_step, _checked=_checked, _concatenated=_concatenated)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Bounding().visit(source), *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute a binary operation whose result is within bounds."""
        spend(1)
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            _refuse_bits(left.bit_length() * right if right > 0 and abs(left) > 1 else 0)
        elif operator == "*":
            _check_product(left, right)
        elif operator == "+" and isinstance(left, str) and isinstance(right, str):
            _refuse_text(len(left) + len(right))
        elif operator == "%" and isinstance(left, str):
            _percent_format(left, right)
        return _checked(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a function or method whose result is within bounds."""
        spend(1 + sum(weigh(value) for value in (*args, *kwargs.values())))
        if isinstance(__obj, BuiltinMethodType):
            spend(weigh(__obj.__self__) if isinstance(__obj.__self__, str | list | tuple | dict) else 0)
            args = _check_method(__obj, args, kwargs)
        return _checked(super().call(__context, __obj, *args, **kwargs))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Get an element or a slice."""
        found = super().getitem(obj, argument)
        return _checked(found) if isinstance(argument, slice) else found

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Replace `str.format`, for which the sandbox checks attributes, and this class widths and lengths."""
        if super().wrap_str_format(value) is None:
            return None
        text: str = value.__self__
        mapped = value.__name__ == "format_map"

        def format_text(*args: Any, **kwargs: Any) -> str:
            given = ((), args[0]) if mapped else (args, kwargs)
            return _Formatter(self).vformat(text, *given)

        return format_text


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _refuse_bits(left.bit_length() + right.bit_length())
        return
    for values, count in ((left, right), (right, left)):
        if isinstance(count, int) and isinstance(values, str | bytes):
            _refuse_text(len(values) * max(count, 0))
        elif isinstance(count, int) and isinstance(values, list | tuple):
            _refuse_items(weigh(values) * max(count, 0))

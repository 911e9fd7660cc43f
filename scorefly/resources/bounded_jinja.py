"""A Jinja sandbox that bounds what an expression may compute: steps, sizes and widths, checked before the work is done.

Nothing here measures time, so that a template is refused everywhere or nowhere. Every operation costs steps by
the size of its operands; a step takes some microseconds at most.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import wraps
from types import BuiltinMethodType
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.visitor import NodeTransformer

from scorefly.resources.bounds import (
    _STEP,
    MAX_TEXT,
    as_list,
    check_filter,
    check_method,
    check_percent_format,
    check_product,
    checked,
    checked_output,
    concatenated,
    count_step,
    refuse_bits,
    refuse_text,
    weigh,
)
from scorefly.resources.budget import spend

MAX_SOURCE = 1 << 18  # characters of a template


class _Formatter(SandboxedFormatter):
    """`str.format` with widths and a result within bounds."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._length = 0

    def format_field(self, value: Any, format_spec: str) -> str:
        weigh(value)
        for number in re.findall(r"\d+", format_spec):
            refuse_text(min(int(number[:9]), MAX_TEXT + 1))
        text = str(string.Formatter.format_field(self, value, format_spec))
        self._length += len(text)
        refuse_text(self._length)
        spend(1 + len(text) // _STEP)
        return text


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    before = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        head, values = args[:before], [as_list(value) for value in args[before:]]
        spend(1 + sum(weigh(value) for value in (*values, *kwargs.values())))
        if values:
            check_filter(name, values[0], tuple(values[1:]), kwargs)
        return checked(function(*head, *values, **kwargs))

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
        super().__init__(optimized=False, finalize=checked_output, **options)
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded_filter(name, function)
        self.filters.update(_step=count_step, _checked=checked, _concatenated=concatenated)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Bounding().visit(source), *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute a binary operation whose result is within bounds."""
        spend(1)
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            refuse_bits(left.bit_length() * right if right > 0 and abs(left) > 1 else 0)
        elif operator == "*":
            check_product(left, right)
        elif operator == "+" and isinstance(left, str) and isinstance(right, str):
            refuse_text(len(left) + len(right))
        elif operator == "%" and isinstance(left, str):
            check_percent_format(left, right)
        return checked(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a function or method whose result is within bounds."""
        spend(1 + sum(weigh(value) for value in (*args, *kwargs.values())))
        if isinstance(__obj, BuiltinMethodType):
            spend(weigh(__obj.__self__) if isinstance(__obj.__self__, str | list | tuple | dict) else 0)
            args = check_method(__obj, args, kwargs)
        return checked(super().call(__context, __obj, *args, **kwargs))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Get an element or a slice."""
        found = super().getitem(obj, argument)
        return checked(found) if isinstance(argument, slice) else found

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

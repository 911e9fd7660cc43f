"""The bounds of what an expression may compute, checked before the work is done: sizes, widths and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from types import BuiltinMethodType
from typing import Any

from jinja2.runtime import Undefined

from scorefly.resources.budget import TooLargeError, spend

MAX_TEXT = 1 << 20  # characters of a string
MAX_ITEMS = 100_000  # elements of a value, nested ones included
MAX_BITS = 1 << 13  # of an integer
_STEP = 128  # characters that are handled in one step
_SLOW_TEXT = 20_000  # characters for filters whose time may grow faster than their input
_SLOW = frozenset({"urlize", "wordwrap", "striptags", "xmlattr", "pprint"})
_WIDTHS = frozenset({"center", "indent", "wordwrap", "truncate", "batch", "slice", "tojson", "urlize"})
_PRECISION = 100
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")


def refuse_text(length: int) -> None:
    """Raise TooLargeError for a string of that length, where it is too long."""
    if length > MAX_TEXT:
        raise TooLargeError(f"the expression is too large: it makes a text of more than {MAX_TEXT} characters")


def refuse_items(count: int) -> None:
    """Raise TooLargeError for that number of elements, where it is too large."""
    if count > MAX_ITEMS:
        raise TooLargeError(f"the expression is too large: it makes a list of more than {MAX_ITEMS} elements")


def refuse_bits(bits: float) -> None:
    """Raise TooLargeError for an integer of that many bits, where it is too large."""
    if bits > MAX_BITS:
        raise TooLargeError(f"the expression is too large: it makes a number of more than {MAX_BITS} bits")


def refuse_width(value: object) -> None:
    """Raise TooLargeError for a width or count that is too large."""
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
            refuse_text(len(each))
            characters += len(each)
        elif isinstance(each, Mapping):
            refuse_items(items + len(stack) + 2 * len(each))
            stack.extend(each.keys())
            stack.extend(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            refuse_items(items + len(stack) + len(each))
            stack.extend(each)
        elif isinstance(each, range):
            items += len(each)
        elif isinstance(each, int):
            refuse_bits(each.bit_length())
        refuse_items(items)
    return items + characters // _STEP


def checked(value: Any) -> Any:
    """Return a value that is within the bounds, and count its steps."""
    spend(weigh(value))
    return value


def checked_output(value: Any) -> Any:
    """Check a value before it is written; a list is written as a text, which may be longer than it."""
    steps = weigh(value)
    if not isinstance(value, str):
        refuse_text(steps * _STEP if isinstance(value, list | tuple | dict) and steps * _STEP > 8 * MAX_TEXT else 0)
    spend(steps)
    return value


def count_step(value: Any, size: int = 0) -> Any:
    """Count a step, and those that handling `size` characters takes."""
    spend(1 + size // _STEP)
    return value


def concatenated(values: list[Any]) -> str:
    """Join values to one string."""
    spend(weigh(values))
    texts = [value if isinstance(value, str) else str(value) for value in values]
    refuse_text(sum(map(len, texts)))
    return "".join(texts)


def check_percent_format(text: str, values: Any) -> None:
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
        refuse_text(total)


def as_list(value: Any) -> Any:
    """Return what an iterator yields, as far as a list may be long."""
    if isinstance(value, str | bytes | Mapping | list | tuple | set | range | Undefined) or not hasattr(
        value, "__iter__"
    ):
        return value
    items = list(islice(value, MAX_ITEMS + 1))
    refuse_items(len(items))
    return items


def check_replacement(text: Any, old: Any = "", new: Any = "", *_: Any) -> None:
    """Refuse a replacement whose result could be too long."""
    text, old, new = str(text), str(old), str(new)
    refuse_text(len(text) + text.count(old) * len(new))


def check_join(values: Any, separator: Any) -> None:
    """Refuse a join whose result could be too long."""
    items = list(values) if isinstance(values, list | tuple | set | Mapping | str) else []
    weigh(items)
    refuse_text(len(items) * len(str(separator or "")) + sum(len(each) for each in items if isinstance(each, str)))


def check_method(method: BuiltinMethodType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Refuse a method of a string or number whose result would be too large. Returns the arguments to call it with."""
    owner, name = method.__self__, method.__name__
    if not isinstance(owner, str | bytes | int | float):
        return args
    for value in (*args, *kwargs.values()):
        refuse_width(value)
    if not isinstance(owner, str):
        return args
    if name == "replace":
        check_replacement(owner, *args)
    elif name == "join" and args:
        args = (as_list(args[0]),)
        check_join(args[0], owner)
    elif name == "expandtabs":
        size = args[0] if args else kwargs.get("tabsize", 8)
        refuse_text(len(owner) + owner.count("\t") * (size if isinstance(size, int) else 0))
    elif name == "translate" and args and isinstance(args[0], Mapping):
        longest = max((len(each) for each in args[0].values() if isinstance(each, str)), default=1)
        refuse_text(len(owner) * longest)
    return args


def check_filter(name: str, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse a filter whose result could be too large, or that would take too long."""
    settings = (*args, *kwargs.values())
    if name in _WIDTHS:
        for setting in settings:
            refuse_width(setting)
    if name in _SLOW and weigh(value) * _STEP > max(_SLOW_TEXT, _STEP) and len(str(value)) > _SLOW_TEXT:
        raise TooLargeError(f"the expression is too large: {name} takes up to {_SLOW_TEXT} characters")
    if name == "format":
        check_percent_format(str(value), kwargs or args)
    elif name == "replace":
        check_replacement(value, *args, *kwargs.values())
    elif name == "join":
        check_join(value, next(iter(settings), ""))
    elif name in ("indent", "tojson"):
        widths = [len(each) if isinstance(each, str) else each for each in settings if isinstance(each, str | int)]
        lines = str(value).count("\n") + 1 if name == "indent" else weigh(value) * 8
        refuse_text(lines * max((abs(each) for each in widths), default=0))
    elif name == "round" and any(isinstance(each, int) and abs(each) > _PRECISION for each in settings):
        raise TooLargeError(f"the expression is too large: a precision goes up to {_PRECISION}")
    elif name in ("batch", "slice"):
        refuse_items(max((abs(each) for each in settings if isinstance(each, int)), default=0))
    elif name == "sum" and isinstance(value, list | tuple):
        lists = any(isinstance(each, list | tuple) for each in (*value, *settings)) or "attribute" in kwargs or args
        spend(len(value) * weigh(value) // _STEP if lists else 0)


def check_product(left: Any, right: Any) -> None:
    """Refuse a product whose result would be too large."""
    if isinstance(left, int) and isinstance(right, int):
        refuse_bits(left.bit_length() + right.bit_length())
        return
    for values, count in ((left, right), (right, left)):
        if isinstance(count, int) and isinstance(values, str | bytes):
            refuse_text(len(values) * max(count, 0))
        elif isinstance(count, int) and isinstance(values, list | tuple):
            refuse_items(weigh(values) * max(count, 0))

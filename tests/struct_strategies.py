"""Strategies that make records of ours: Hypothesis cannot read the signature of a `msgspec.Struct`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def structs(
    kind: Callable[..., T], *positional: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]
) -> st.SearchStrategy[T]:
    """Make records of a kind out of strategies for its fields."""

    def make(*values: Any, **fields: Any) -> T:
        return kind(*values, **fields)

    return st.builds(make, *positional, **named)

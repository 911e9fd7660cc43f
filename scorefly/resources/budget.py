"""Limits the steps of templates: of each one, and of all that a run evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_STEPS = 200_000  # for one template
MAX_ALL_STEPS = 4_000_000  # for all templates of a run


class TooLargeError(Exception):
    """An expression exceeds a limit, which the message names."""


class _Budget:
    __slots__ = ("left", "outer", "refusal")

    def __init__(self, steps: int, refusal: str) -> None:
        self.left = steps
        self.refusal = refusal
        self.outer = _BUDGET.get()


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def bounded() -> Iterator[None]:
    """Give the template that is evaluated inside its own number of steps."""
    with _spending(_Budget(MAX_STEPS, f"the expression is too slow: it takes more than {MAX_STEPS} steps")):
        yield


@contextmanager
def bounded_together() -> Iterator[None]:
    """Give all templates that are compiled and evaluated inside one number of steps to share."""
    refusal = f"the templates are too slow: all of this run together take more than {MAX_ALL_STEPS} steps"
    with _spending(_Budget(MAX_ALL_STEPS, refusal)):
        yield


@contextmanager
def _spending(budget: _Budget) -> Iterator[None]:
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def spend(steps: int) -> None:
    """Take steps from every budget that is open. Raises TooLargeError when one of them is used up."""
    budget = _BUDGET.get()
    while budget is not None:
        budget.left -= steps
        if budget.left < 0:
            raise TooLargeError(budget.refusal)
        budget = budget.outer

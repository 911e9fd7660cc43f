"""The interface that the core reports progress to, so that it never prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from scorefly.problems import Problem

if TYPE_CHECKING:
    from scorefly.report.report import Report


Phase = Literal["waiting", "running", "ended"]


class Progress(Protocol):
    """A face's view of a run. Called from several threads; an implementation must not interleave lines."""

    def step(self, message: str) -> None:
        """A short line on what happens now."""
        ...

    def app(self, name: str, state: str, phase: Phase = "running") -> None:
        """Show what happens to an app now, what it waits for, or how it ended."""
        ...

    def problem(self, problem: Problem) -> None:
        """A warning or notice, shown when it is found."""
        ...

    def hide(self, texts: Iterable[str]) -> None:
        """Secret texts: masked before anything that could hold them is shown."""
        ...

    def publish(self, names: Iterable[str]) -> None:
        """Public names: neither masked nor taken out of what is shown, whatever secret they equal or hold."""
        ...

    def output(self, title: str, app: str = "") -> AbstractContextManager[Callable[[str], None]]:
        """Open a titled group for another program's output, line by line; an exception inside means that it failed.

        `app` is the app that it is about.
        """
        ...

    def redact(self, text: str) -> str:
        """A text without secrets, for where it is shown elsewhere: Markdown too."""
        ...


@runtime_checkable
class TreeProgress(Protocol):
    """Progress that shows the units of a tree apart."""

    def unit_begin(self, unit: str) -> None:
        """Tell that a unit's run begins."""
        ...

    def unit_step(self, unit: str, message: str) -> None:
        """Show a line on what happens now in a unit."""
        ...

    def unit_problem(self, unit: str, problem: Problem) -> None:
        """Show a problem of a unit."""
        ...

    def unit_end(self, unit: str, report: Report) -> None:
        """Tell the outcome of a unit."""
        ...

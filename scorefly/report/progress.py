"""The interface that the core reports progress to, so that it never prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from scorefly.problems import Problem


class Progress(Protocol):
    """A face's view of a run. Called from several threads; an implementation must not interleave lines."""

    def step(self, message: str) -> None:
        """A short line on what happens now."""
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

    def output(self, title: str) -> AbstractContextManager[Callable[[str], None]]:
        """Open a titled group for another program's output, line by line; an exception inside means that it failed."""
        ...

    def redact(self, text: str) -> str:
        """A text without secrets, for where it is shown elsewhere: Markdown too."""
        ...

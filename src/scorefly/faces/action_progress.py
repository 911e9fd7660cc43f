"""Progress in a workflow's log: masks first, annotations on the exact line, other programs' output fenced off."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable

from scorefly.faces.lines import one_line
from scorefly.faces.redaction import Redactor
from scorefly.github import commands, markdown
from scorefly.problems import Problem


class ActionProgress:
    """Progress for the Action. One lock: lines of several apps never mix."""

    def __init__(self) -> None:
        self._redactor = Redactor(markdown.text, markdown.in_code, markdown.mermaid_label)
        self._lock = threading.Lock()

    def step(self, message: str) -> None:
        """One line of the log."""
        with self._lock:
            commands.plain(self._line(message))
            sys.stdout.flush()

    def problem(self, problem: Problem) -> None:
        """An annotation, on its file's line where it has one.

        The log shows an annotation without its place, so there it follows the whole problem.
        """
        place = problem.place
        where: dict[str, str | int] = {}
        told = problem
        if place is not None and not place.is_option:
            where = {"file": self._line(place.file), "line": place.line, "col": place.column}
            told = Problem(problem.message, problem.hint)
        with self._lock:
            if where:
                commands.plain(self._line(str(problem)))
            title = f"scorefly: {problem.severity}"
            commands.annotate(problem.severity, self._line(str(told)), {**where, "title": title})
            sys.stdout.flush()

    def hide(self, texts: Iterable[str]) -> None:
        """Masks, before anything that could hold them is printed."""
        new = self._redactor.add(texts)
        with self._lock:
            for text in new:
                commands.mask(text)
            sys.stdout.flush()

    def output(self, title: str, lines: Iterable[str], *, failed: bool = False) -> None:
        """A group in which no line is taken for a command. It is folded, so what went well may stand there too."""
        del failed
        shown = [self._line(line) for line in lines]
        with self._lock:
            commands.group(self._line(title), shown)
            sys.stdout.flush()

    def redact(self, text: str) -> str:
        """The text, Markdown too, without secrets."""
        return self._redactor.redact(text)

    def _line(self, text: str) -> str:
        return one_line(self._redactor.redact(text))

"""Progress in a workflow's log: masks first, annotations on the exact line, other programs' output fenced off."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from msgspec import Struct, field

from scorefly import standard_streams
from scorefly.github import commands, markdown
from scorefly.problems import Problem
from scorefly.report.progress import Phase
from scorefly.ui.activity import Activity
from scorefly.ui.lines import one_line
from scorefly.ui.redaction import Redactor, pieces
from scorefly.values import worth_hiding


class _Output(Struct, eq=False):
    """Another program's output: the lines that wait, and the token of its fence once its group has begun."""

    title: str
    lines: list[str] = field(default_factory=list)
    fence: str = ""
    ended: bool = False


class ActionProgress:
    """Progress for the Action. Lines of several apps never mix.

    The output that began first is written as it comes; everything else waits until its group is closed, but masks.
    """

    def __init__(self) -> None:
        self._redactor = Redactor(markdown.text, markdown.in_code, markdown.mermaid_label)
        self._activity = Activity(self._redactor.redact)
        self._masks: set[str] = set()
        self._lock = threading.Lock()
        self._outputs: list[_Output] = []
        self._messages: list[Callable[[], None]] = []

    def step(self, message: str) -> None:
        """One line of the log."""
        self._say(partial(commands.plain, self._line(message)))

    def app(self, name: str, state: str, phase: Phase = "running") -> None:
        """One line of the log: what happens to an app, and how long it took."""
        if line := self._activity.update(name, state, phase):
            self.step(line)

    def problem(self, problem: Problem) -> None:
        """An annotation, on its file's line where it has one.

        The log shows an annotation without its place, so there it follows the whole problem, unless
        the message is enough.
        """
        problem = problem.of_input()
        place = problem.place
        where: dict[str, str | int] = {}
        annotation = problem
        if place is not None and not place.is_option:
            where = {"file": self._line(place.file), "line": place.line, "col": place.column}
            annotation = Problem(problem.message, problem.hint)
        whole, title = self._line(str(problem)), f"scorefly: {problem.severity}"

        def annotate() -> None:
            if where and not problem.of_file:
                commands.plain(whole)
            commands.annotate(problem.severity, self._line(str(annotation)), {**where, "title": title})

        self._say(annotate)

    def hide(self, texts: Iterable[str]) -> None:
        """Masks, before anything that could hold them is printed."""
        texts = tuple(texts)
        self.hide_from_here(texts)
        lines = dict.fromkeys(line for each in texts if each for part in pieces(each) for line in part.splitlines())
        with self._lock:
            new = [line for line in lines if line not in self._masks and self._worth_a_mask(line)]
            if not new:
                return
            self._masks.update(new)
            fenced = next((output for output in self._outputs[:1] if output.fence), None)
            if fenced:
                commands.resume_commands(fenced.fence)
            for text in new:
                commands.mask(text)
            if fenced:
                fenced.fence = commands.stop_commands()
            standard_streams.flush(sys.stdout)

    def hide_from_here(self, texts: Iterable[str]) -> None:
        """Takes these out of what scorefly prints, without a mask."""
        self._redactor.add(texts)

    def _worth_a_mask(self, text: str) -> bool:
        return worth_hiding(text) and not self._redactor.is_public(text)

    @contextmanager
    def output(self, title: str, app: str = "") -> Iterator[Callable[[str], None]]:
        """A group in which no line is taken for a command. It is folded, so what went well may be there too."""
        del app  # it is in the title
        output = _Output(self._line(title))
        try:
            yield partial(self._write, output)
        finally:
            with self._lock:
                output.ended = True
                self._flow()

    def redact(self, text: str) -> str:
        """The text, Markdown too, without secrets."""
        return self._redactor.redact(text)

    def masked(self, text: str, given: Iterable[str] = ()) -> bool:
        """Return whether GitHub would drop a job output: it drops what holds a mask of ours or a `given` secret.

        GitHub masks each line of its own secrets, however short.
        """
        lines = {line for secret in given for line in (secret.strip(), *secret.splitlines()) if line}
        return any(mask in text for mask in (*lines, *self._masks))

    def publish(self, names: Iterable[str]) -> None:
        """Leaves these names as they are, and masks no secret that is one of them or a part of one."""
        self._redactor.publish(names)

    def _write(self, output: _Output, line: str) -> None:
        text = self._line(line)
        with self._lock:
            if output not in self._outputs:
                self._outputs.append(output)
            output.lines.append(text)
            self._flow()

    def _say(self, message: Callable[[], None]) -> None:
        with self._lock:
            self._messages.append(message)
            self._flow()

    def _flow(self) -> None:
        """Write at once what may be written. A runner that is gone stops no run half-way."""
        try:
            self._advance()
        except OSError:
            standard_streams.discard(sys.stdout)
        standard_streams.flush(sys.stdout)

    def _advance(self) -> None:
        """Writes what may be written: the first output's lines, and once it has ended the rest."""
        while self._outputs:
            first = self._outputs[0]
            if not first.fence:
                self._tell()
                commands.start_group(first.title)
                first.fence = commands.stop_commands()
            sys.stdout.writelines(f"{line}\n" for line in first.lines)
            first.lines.clear()
            if not first.ended:
                break
            commands.resume_commands(first.fence)
            commands.end_group()
            del self._outputs[0]
        else:
            self._tell()

    def _tell(self) -> None:
        for message in self._messages:
            message()
        self._messages.clear()

    def _line(self, text: str) -> str:
        return one_line(self._redactor.redact(text))

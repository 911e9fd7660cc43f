"""Progress in a terminal, on standard error: a live list where a person looks on, plain lines elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from scorefly import interruption, standard_streams
from scorefly.github import markdown
from scorefly.problems import Problem
from scorefly.report.progress import Phase
from scorefly.ui.activity import Activity, duration
from scorefly.ui.colours import paint
from scorefly.ui.lines import one_line
from scorefly.ui.redaction import Redactor
from scorefly.ui.wrap import fitting, wrapped

if TYPE_CHECKING:
    from scorefly.ui.live import LiveList

LONG = 2.0  # seconds after which a step shows its elapsed time
_TICK = 0.5
_SILENCE = (10.0, 30.0, 60.0)  # seconds without a line after which plain lines tell that something still goes on
_INTERRUPTED = "interrupted: ending what must not be left half done"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class TerminalProgress:
    """Progress for the CLI. Colours and a live list only at a terminal that can show them."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._environ = environ
        self._clock = clock
        self._redactor = Redactor(markdown.text, markdown.in_code, markdown.mermaid_label)
        self._activity = Activity(self._redactor.redact, clock)
        self._lock = threading.Lock()
        self._step, self._since = "", 0.0
        self._last_line, self._beats = 0.0, 0  # when a line was last printed, and how often silence was broken since
        self._list: LiveList | None = None
        self._ticker: threading.Thread | None = None
        self._closed = threading.Event()
        self.verbose = self.quiet = False
        self.live = stream.isatty() and environ.get("TERM") not in ("dumb", "unknown")
        self.coloured = self.live and not environ.get("NO_COLOR")

    def begin(self, what: str) -> None:
        """Start to tell the elapsed time of a command that takes long."""
        with self._lock:
            self._set_step(what)

    def step(self, message: str) -> None:
        """Show one line; on a terminal the next step takes its place."""
        if self.quiet:
            return
        text = one_line(self._redactor.redact(message))
        with self._lock:
            self._set_step(text)
            if not self.live:
                self._print(text)
            elif self._list is None:
                self._draw(text)

    def app(self, name: str, state: str, phase: Phase = "running") -> None:
        """Show what happens to an app now: in the live list, or as a line."""
        if self.quiet:
            return
        line = self._activity.update(name, state, phase)
        with self._lock:
            if not self._step or (phase == "ended" and not self._activity.busy):
                self._set_step("finishing" if phase == "ended" else "deploying")
            if not self.live:
                if line:
                    self._print(one_line(self._redactor.redact(line)))
            elif phase == "running" and self._list is None and not self._closed.is_set():
                from scorefly.ui.live import LiveList

                self._erase()
                self._list = LiveList(self._stream, self._environ, self._lines, coloured=self.coloured)

    def problem(self, problem: Problem) -> None:
        """Show a problem in a line that stays."""
        if self.quiet and problem.severity == "notice":
            return
        text = one_line(self._redactor.redact(str(problem)))
        # Without a terminal, an error begins with its place, which editors and other programs look for.
        bare = problem.severity == "error" and problem.place is not None and not self.live
        text = text if bare else f"{problem.severity}: {text}"
        for line in wrapped(text, self._width() if self.live else None):
            self._line(paint(line, problem.severity, self.coloured))

    def hide(self, texts: Iterable[str]) -> None:
        """Take these out of everything shown from now on."""
        self._redactor.add(texts)

    def publish(self, names: Iterable[str]) -> None:
        """Leave these names as they are."""
        self._redactor.publish(names)

    @contextmanager
    def output(self, title: str, app: str = "") -> Iterator[Callable[[str], None]]:
        """Show another program's output, indented under its title, on failure or when all output was requested.

        At a terminal its last line is below the app in the live list, while it runs.
        """
        lines: list[str] = []
        desired = True

        def write(line: str) -> None:
            lines.append(line)
            self._activity.say(app, _ESCAPES.sub("", line))

        try:
            yield write
            desired = self.verbose
        finally:
            if lines and desired:
                heading, *shown = [one_line(self._redactor.redact(line)) for line in (title, *lines)]
                self._line("\n".join([f"{heading}:", *(f"  {line}" for line in shown)]))

    def clear(self) -> None:
        """Take away what moves, until the next step: something else is written now, or a person is asked."""
        with self._lock:
            self._step = ""
            if self._list is not None:
                self._list.stop()
                self._list = None
            self._erase()

    def close(self) -> None:
        """Take away what moves for good, at the end of the process."""
        self._closed.set()
        self.clear()
        if self._ticker is not None:
            self._ticker.join(timeout=2 * _TICK)

    def redact(self, text: str) -> str:
        """Return the text, Markdown too, without secrets."""
        return self._redactor.redact(text)

    def tick(self) -> None:
        """Tell that a step or an app still goes on, where that is due."""
        with self._lock:
            if not self._step or self.quiet or self._list is not None or self._closed.is_set():
                return
            now = self._clock()
            if self.live:
                if now - self._since >= LONG:
                    self._draw(f"{self._step} ({duration(now - self._since)})")
                return
            busy = self._activity.busy
            due = _SILENCE if busy else (LONG, *_SILENCE)
            more = self._beats - len(due) + 1
            if now - self._last_line >= (due[self._beats] if more <= 0 else due[-1] * (1 + more)):
                since, beats = self._last_line, self._beats
                text = self._activity.short() if busy else f"{self._step} ({duration(now - self._since)})"
                self._print(one_line(self._redactor.redact(text)))
                self._last_line, self._beats = since, beats + 1

    def _set_step(self, text: str) -> None:
        self._step, self._since = text, self._clock()
        self._last_line, self._beats = self._since, 0
        if self._ticker is None and not self._closed.is_set():
            self._ticker = threading.Thread(target=self._run_ticker, name="progress", daemon=True)
            self._ticker.start()

    def _run_ticker(self) -> None:
        interruption.leave_signals_to_main_thread()
        while not self._closed.wait(_TICK):
            self.tick()

    def _line(self, text: str) -> None:
        """Print a line that stays."""
        with self._lock:
            if self._list is not None:
                self._list.print(text)
                return
            self._erase()
            self._print(text)

    def _print(self, text: str) -> None:
        self._last_line, self._beats = self._clock(), 0
        self._write(f"{text}\n")

    def _draw(self, text: str) -> None:
        """Draw the moving line. One that wrapped could not be taken back."""
        self._write(f"\r\033[K{fitting(text, self._width())}")

    def _erase(self) -> None:
        if self.live:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        """Write at once. A run goes on where the stream can no longer be written to."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            standard_streams.discard(self._stream)

    def _lines(self) -> list[tuple[str, str]]:
        """Return the live list as it is now."""
        width = self._width()
        *apps, footer = self._activity.lines(width, self._size().lines)
        if interruption.requested():
            footer = (fitting(_INTERRUPTED, width), "footer")
        return [*apps, footer]

    def _width(self) -> int:
        return max(self._size().columns - 1, 1)

    def _size(self) -> os.terminal_size:
        try:
            return os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError, AttributeError):
            return shutil.get_terminal_size()

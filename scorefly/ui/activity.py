"""The apps in flight, their states, and how long each has taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from msgspec import Struct

from scorefly.report.progress import Phase
from scorefly.ui.lines import one_line
from scorefly.ui.wrap import cells, fitting

_MAX_NAMED = 5  # apps in one line of a log
_INDENT = 2
_GAP = 2


class AppActivity(Struct):
    """An app that waits (`since` is None) or is in flight, and the last line of what another program says of it."""

    state: str
    since: float | None = None
    line: str = ""


class Activity:
    """The apps of a run, by name. May be used from several threads."""

    def __init__(self, redact: Callable[[str], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._redact = redact
        self._clock = clock
        self._lock = threading.Lock()
        self._apps: dict[str, AppActivity] = {}
        self._since = clock()
        self._ended = 0

    def update(self, name: str, state: str, phase: Phase) -> str:
        """Record the state of an app. Return a line for a log: empty while the app waits."""
        with self._lock:
            if not self._apps and not self._ended:
                self._since = self._clock()
            before = self._apps.get(name)
            since = before.since if before else None
            if phase == "ended":
                self._apps.pop(name, None)
                self._ended += 1
                return f"{name}: {state}" + ("" if since is None else f" ({duration(self._clock() - since)})")
            if phase == "running":
                since = self._clock() if since is None else since
            line = before.line if before and before.state == state else ""
            self._apps[name] = AppActivity(state, since, line)
            return f"{name}: {state}" if phase == "running" else ""

    def say(self, name: str, line: str) -> None:
        """Record the last line of another program's output about an app."""
        with self._lock:
            if name in self._apps and line.strip():
                self._apps[name].line = line.strip()

    @property
    def busy(self) -> bool:
        """Decide whether an app is in flight."""
        with self._lock:
            return any(app.since is not None for app in self._apps.values())

    def short(self) -> str:
        """Return the apps in flight in one line of a log: `web: creating (12s), worker: updating (3.1s)`."""
        with self._lock:
            now = self._clock()
            running = [
                f"{name}: {app.state} ({duration(now - app.since)})"
                for name, app in self._apps.items()
                if app.since is not None
            ]
        more = [f"and {len(running) - _MAX_NAMED} more"] if len(running) > _MAX_NAMED else []
        return ", ".join([*running[:_MAX_NAMED], *more])

    def lines(self, width: int, height: int) -> list[tuple[str, str]]:
        """Return a live list that fits a terminal, as lines with the name of a style: those in flight come first."""
        with self._lock:
            now = self._clock()
            apps = {
                self._show(name): AppActivity(self._show(each.state), each.since, self._show(each.line))
                for name, each in self._apps.items()
            }
            ended, total = self._ended, duration(now - self._since)
        running = {name: app for name, app in apps.items() if app.since is not None}
        waiting = {name: app for name, app in apps.items() if app.since is None}
        room = max(height - 2, 2)  # without the footer, and the line in which a shell's prompt was
        names = min(max(map(cells, apps), default=0), width // 2)
        shown: list[tuple[str, str]] = []
        per_app = 2 if 2 * len(running) <= room else 1
        for name, app in list(running.items())[: room // per_app]:
            shown.append((_row(name, names, app.state, duration(now - (app.since or now)), width), "running"))
            if app.line and per_app == 2:
                shown.append((fitting(f"{' ' * 2 * _INDENT}{app.line}", width), "detail"))
        for name, app in list(waiting.items())[: max(room - len(shown), 0)]:
            shown.append((_row(name, names, app.state, "", width), "waiting"))
        counts = [f"{ended} of {ended + len(apps)} apps done", *([f"{len(waiting)} waiting"] if waiting else [])]
        return [*shown, (fitting(f"{', '.join(counts)}, {total}", width), "footer")]

    def _show(self, text: str) -> str:
        """Return a text that is redacted before it is cut."""
        return one_line(self._redact(text))


def _row(name: str, name_width: int, state: str, elapsed: str, width: int) -> str:
    """Return a row of the live list; its elapsed time is what stays visible in a narrow window."""
    tail = f"{' ' * _GAP}{elapsed}" if elapsed else ""
    name = fitting(name, name_width)
    head = f"{' ' * _INDENT}{name}{' ' * (name_width - cells(name) + _GAP)}"
    return fitting(f"{fitting(head + state, max(width - cells(tail), 0))}{tail}", width)


def duration(seconds: float) -> str:
    """Return a duration to be read: `4.2s`, `14s`, `1m 04s` or `1h 02m`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"

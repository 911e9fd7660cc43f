"""Progress and outcome as JSON lines, for programs: one object per line, each with a key `event`."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from scorefly import standard_streams
from scorefly.problems import Problem
from scorefly.report.progress import Phase
from scorefly.report.report import AppReport, Report
from scorefly.ui.plan_event import change_events, plan_event
from scorefly.ui.terminal_progress import TerminalProgress

VERSION = 1


class JsonProgress:
    """Progress that writes events; secrets are taken out of every text. docs/tree.md lists the events."""

    def __init__(self, stream: TextIO, terminal: TerminalProgress) -> None:
        self._stream = stream
        self._terminal = terminal
        self._lock = threading.Lock()

    def event(self, kind: str, **values: object) -> None:
        """Write one event; empty values are left out."""
        shown = {name: value for name, value in values.items() if value not in ("", None)}
        line = json.dumps(self._redacted({"event": kind, **shown}), ensure_ascii=True, separators=(",", ":"))
        with self._lock:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except OSError:  # no one reads any longer, and the run goes on
                standard_streams.discard(self._stream)

    def step(self, message: str) -> None:
        """Write what happens now."""
        self.event("step", message=message)

    def app(self, name: str, state: str, phase: Phase = "running") -> None:
        """Write what happens to an app now."""
        if phase != "waiting":
            self.step(f"{name}: {state}")

    def problem(self, problem: Problem) -> None:
        """Write a problem."""
        self.event("problem", **_problem(problem))

    def unit_begin(self, unit: str) -> None:
        """Write that a unit's run begins."""
        self.event("unit-begin", unit=unit)

    def unit_step(self, unit: str, message: str) -> None:
        """Write what happens now in a unit."""
        self.event("step", unit=unit, message=message)

    def unit_problem(self, unit: str, problem: Problem) -> None:
        """Write a problem of a unit."""
        self.event("problem", unit=unit, **_problem(problem))

    def unit_end(self, unit: str, report: Report) -> None:
        """Write every app of a unit, and then its outcome."""
        for app in report.apps:
            self.event("app", unit=unit, **_app(app, report))
        self.plan(unit, report)
        self.event("unit-end", **_outcome(report))

    def plan(self, unit: str, report: Report) -> None:
        """Write what is to be changed in a unit, where the report has a plan."""
        if report.plan:
            for members in change_events(report.plan):
                self.event("change", unit=unit, **members)
            self.event("plan", unit=unit, **plan_event(report.plan))

    def end(self, report: Report | None, exit_code: int) -> None:
        """Write the outcome of the run. Without a report nothing was changed, or it ended early."""
        units = report.units if report else ()
        complete = bool(report) and all(unit.apps or not unit.exit_code for unit in units)
        counted = dict(Counter(app.status for app in report.apps)) if report else {}
        outcomes = [_outcome(unit) for unit in units]
        self.event("end", version=VERSION, exit_code=exit_code, complete=complete, apps=counted, units=outcomes)

    def hide(self, texts: Iterable[str]) -> None:
        """Take these out of everything that is written from now on."""
        self._terminal.hide(texts)

    def publish(self, names: Iterable[str]) -> None:
        """Leave these names as they are."""
        self._terminal.publish(names)

    @contextmanager
    def output(self, title: str, app: str = "") -> Iterator[Callable[[str], None]]:
        """Write another program's output where it explains a failure."""
        del app  # it is in the title
        lines: list[str] = []
        desired = True
        try:
            yield lines.append
            desired = self._terminal.verbose
        finally:
            if lines and desired:
                self.event("output", title=title, lines=lines)

    def redact(self, text: str) -> str:
        """Return a text without secrets."""
        return self._terminal.redact(text)

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._terminal.redact(value)
        if isinstance(value, dict):
            return {name: self._redacted(each) for name, each in value.items()}
        return [self._redacted(each) for each in value] if isinstance(value, list | tuple) else value


def _problem(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "place": str(place) if place else "",
        "file": place.file if place else "",
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _app(app: AppReport, unit: Report) -> dict[str, object]:
    return {
        "app": app.app,
        "workload": app.workload,
        "status": app.status,
        "url": app.url,
        "image": app.image,
        "region": app.region,
        "commit": unit.commits.get(app.workload, ""),
        "seconds": app.seconds,
        "problem": app.problem.message if app.problem else "",
        "drift": list(app.drift) or "",
    }


def _outcome(report: Report) -> dict[str, object]:
    return {
        "unit": report.environment,
        "project": report.project,
        "environment": report.stage,
        "status": "failed" if report.exit_code else "ok",
        "apps": dict(Counter(app.status for app in report.apps)),
        "commits": dict(report.commits),
        "seconds": report.seconds,
    }

"""Runs of `scorefly` as child processes.

`scorefly sync --progress json` writes one JSON object per line: `{"event": …}`. Events that are used here are `app`
(with `unit`, `app`, `workload`, `status`, `url`, `commit`, …), `problem` (with `text`) and `end`. Other events are only
logged, and a line that is not an event is a line of the log.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from scorefly import process
from scorefly.child_output import Buffer, Lines
from scorefly.confidential import Confidential
from scorefly.listen.pending import Changes, PlannedUnit
from scorefly.listen.units import MAX_LOG, Outcome
from scorefly.problems import external_error

# Isolated: no module of the checkout takes the place of ours.
PROGRAM = (sys.executable, "-I", "-m", "scorefly")
SECONDS = 3600.0  # for one run
TREE_SECONDS = 300.0
PLAN_SECONDS = 120.0
GRACE = 12.0  # seconds: a run saves its state within nine
_MAX_TREE = 16 << 20  # bytes
_MAX_APPS = 10_000


class Program(Confidential, frozen=True):
    """The way to start scorefly: the command, and the environment of the child."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]


class Events(Struct):
    """The output of a run so far: its log, apps and problems."""

    redact: Callable[[str], str]
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    complete: bool = False
    _log: list[str] = field(default_factory=list)
    _length: int = 0

    def add(self, line: str) -> None:
        """Take one line of output."""
        event = _event(line)
        if event is None:
            self._write(line)
            return
        kind = event.get("event")
        if kind == "app" and isinstance(event.get("app"), str) and len(self.apps) < _MAX_APPS:
            self.apps[event["app"]] = {**self.apps.get(event["app"], {}), **self._plain(event)}
        elif kind == "problem" and event.get("severity", "error") == "error":
            self.problems.append(self.redact(problem_text(event)))
        elif kind == "end":
            self.complete = bool(event.get("complete"))
        self._write(event_text(event))

    @property
    def log(self) -> str:
        """The end of the log."""
        return "\n".join(self._log)[-MAX_LOG:]

    def _write(self, line: str) -> None:
        line = self.redact(line)
        self._log.append(line)
        self._length += len(line) + 1
        while self._length > 2 * MAX_LOG:
            self._length -= len(self._log.pop(0)) + 1

    def _plain(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of an event that are shown: strings and numbers, redacted, and lists of strings."""
        shown: dict[str, Any] = {}
        for name, value in event.items():
            if isinstance(value, str):
                shown[name] = self.redact(value)
            elif isinstance(value, bool | int | float):
                shown[name] = value
            elif isinstance(value, list) and all(isinstance(each, str) for each in value):
                shown[name] = [self.redact(each) for each in value]
        return shown


def run_sync(
    program: Program,
    arguments: Sequence[str],
    folder: Path,
    *,
    redact: Callable[[str], str],
    stop: Callable[[], bool],
    on_start: Callable[[int], None],
) -> Outcome:
    """Run `scorefly sync` to its end, or until `stop` says so."""
    events = Events(redact)
    sink = Lines(events.add)
    try:
        ended = process.run(
            [*program.argv, "sync", *arguments, "--progress", "json"],
            folder=folder,
            environ=program.environ,
            seconds=SECONDS,
            output=sink,
            errors=Lines(events.add),
            stop=stop,
            grace=GRACE,
            on_start=on_start,
        )
    except (OSError, ValueError) as error:
        return Outcome("failed", f"cannot start scorefly: {error}")
    status, reason = _judge(ended)
    if status in ("failed", "invalid") and events.problems:
        reason = events.problems[0]
    return Outcome(status, reason[:500], events.log, events.apps, events.complete and status in ("ok", "failed"))


def _judge(ended: process.Ended) -> tuple[str, str]:
    if ended.reason == "stopped":
        return "interrupted", "the listener ended"
    if ended.reason == "late":
        return "failed", f"the run took more than {SECONDS / 60:.0f} minutes"
    if ended.code == 0:
        return "ok", ""
    if ended.code == 2:
        return "invalid", "the input is invalid"
    if ended.code in (130, 143):
        return "failed", "the run was interrupted"
    if ended.code < 0:
        return "failed", f"the run was killed: {signal.Signals(-ended.code).name}"
    return "failed", f"the run ended with exit status {ended.code}"


def read_repositories(
    program: Program, arguments: Sequence[str], folder: Path, *, redact: Callable[[str], str], stop: Callable[[], bool]
) -> Any:
    """Return what `scorefly repos --format json` prints. Raises ExternalError with its first problems."""
    output, errors = Buffer(_MAX_TREE), Buffer(1 << 20, strict=False)
    ended = process.run(
        [*program.argv, "repos", *arguments, "--format", "json"],
        folder=folder,
        environ=program.environ,
        seconds=TREE_SECONDS,
        output=output,
        errors=errors,
        stop=stop,
        grace=GRACE,
    )
    try:
        data = json.loads(bytes(output.content))
    except (ValueError, RecursionError):
        data = None
    if data is None or ended.code not in (0, 1):
        lines = redact(errors.content.decode("utf-8", "replace")).strip().splitlines()
        raise external_error("; ".join(lines[:5])[:1000] or f"scorefly repos ended with exit status {ended.code}")
    return data


def read_plan(
    program: Program, arguments: Sequence[str], folder: Path, *, redact: Callable[[str], str], stop: Callable[[], bool]
) -> PlannedUnit | None:
    """Return what `scorefly plan --progress json` says would change; None when it was stopped."""
    changes, problems = Changes(redact), list[str]()

    def add(line: str) -> None:
        event = _event(line) or {"event": ""}
        if event["event"] == "problem" and event.get("severity", "error") == "error":
            problems.append(redact(problem_text(event)))
        changes.add(event)

    try:
        ended = process.run(
            [*program.argv, "plan", *arguments, "--progress", "json"],
            folder=folder,
            environ=program.environ,
            seconds=PLAN_SECONDS,
            output=Lines(add),
            errors=Buffer(1 << 16, strict=False),
            stop=stop,
            grace=GRACE,
        )
    except (OSError, ValueError) as error:
        return PlannedUnit(error=f"cannot start scorefly: {error}")
    if ended.reason == "stopped":
        return None
    if ended.code not in (0, 1) or (ended.code and not changes.apps):
        return PlannedUnit(error=next(iter(problems), f"scorefly plan ended with exit status {ended.code}"))
    return PlannedUnit(changes.data(), next(iter(problems), ""))


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("event"), str) else None


def problem_text(event: Mapping[str, Any]) -> str:
    """Return a problem as one line: place, message and hint."""
    if isinstance(event.get("text"), str):
        return str(event["text"])
    place, message, hint = (str(event.get(name) or "") for name in ("place", "message", "hint"))
    return f"{f'{place}: ' if place else ''}{message}{f' ({hint})' if hint else ''}"


def event_text(event: Mapping[str, Any]) -> str:
    """Return an event as one line of the log."""
    kind = event["event"]
    if kind == "problem":
        return f"{event.get('severity', 'error')}: {problem_text(event)}"
    if kind == "app":
        parts = (str(event.get(name) or "") for name in ("app", "status", "url"))
        return " ".join(part for part in parts if part)
    if kind == "step":
        return " ".join(str(event[name]) for name in ("unit", "message") if event.get(name))
    if kind == "output" and isinstance(event.get("lines"), list):
        return "\n".join([str(event.get("title") or ""), *(f"  {line}" for line in event["lines"])])
    words = [str(event[name]) for name in ("unit", "text", "message", "status") if event.get(name)]
    return " ".join([kind, *words])

"""Progress of one unit among several: its lines begin with the unit's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from scorefly.problems import Problem
from scorefly.report.progress import Phase, Progress, TreeProgress
from scorefly.report.report import Report


class UnitProgress:
    """Progress handed to the run of one unit. Problems and steps are passed on with the unit's name."""

    def __init__(self, progress: Progress, unit: str) -> None:
        self._progress = progress
        self._unit = unit

    def step(self, message: str) -> None:
        """Show a line on what happens now."""
        if isinstance(self._progress, TreeProgress):
            self._progress.unit_step(self._unit, message)
        else:
            self._progress.step(f"{self._unit}: {message}")

    def app(self, name: str, state: str, phase: Phase = "running") -> None:
        """Show what happens to an app now."""
        if not isinstance(self._progress, TreeProgress):
            self._progress.app(f"{self._unit}: {name}", state, phase)
        elif phase != "waiting":
            self._progress.unit_step(self._unit, f"{name}: {state}")

    def problem(self, problem: Problem) -> None:
        """Show a problem."""
        if isinstance(self._progress, TreeProgress):
            self._progress.unit_problem(self._unit, problem)
        else:
            self._progress.problem(problem)

    def hide(self, texts: Iterable[str]) -> None:
        """Hide secret texts in all that is shown, of every unit."""
        self._progress.hide(texts)

    def publish(self, names: Iterable[str]) -> None:
        """Leave public names as they are."""
        self._progress.publish(names)

    def output(self, title: str, app: str = "") -> AbstractContextManager[Callable[[str], None]]:
        """Show another program's output under a title."""
        return self._progress.output(f"{self._unit}: {title}", f"{self._unit}: {app}" if app else "")

    def redact(self, text: str) -> str:
        """Return a text without secrets."""
        return self._progress.redact(text)

    def begin(self) -> None:
        """Tell that the unit's run begins."""
        if isinstance(self._progress, TreeProgress):
            self._progress.unit_begin(self._unit)

    def end(self, report: Report) -> None:
        """Tell the outcome of the unit."""
        if isinstance(self._progress, TreeProgress):
            self._progress.unit_end(self._unit, report)

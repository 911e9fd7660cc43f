"""The Action: inputs in; outputs, annotations and a job summary out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import NoReturn

from scorefly.faces.action_progress import ActionProgress
from scorefly.faces.gather import gather
from scorefly.faces.options import OPTIONS
from scorefly.github.commands import set_output
from scorefly.github.context import Context, read_context, read_inputs
from scorefly.problems import Problem, ScoreflyError
from scorefly.run.report import Report, redacted_report


class Terminated(BaseException):
    """The workflow was cancelled."""


def main(environ: Mapping[str, str]) -> int:
    """Runs the command that the inputs name, and returns the exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    progress = ActionProgress()
    context = read_context(environ)
    command = environ.get("INPUT_COMMAND", "").strip() or "deploy"
    try:
        return _run(command, context, environ, progress)
    except ScoreflyError as error:
        for problem in error.problems:
            progress.problem(problem)
        if context.debug:
            _traceback(progress)
        _summarize_failure(command, context, error, error.problems, progress)
        return error.exit_code
    except (KeyboardInterrupt, Terminated) as stopped:
        progress.problem(Problem("the run was interrupted", "run it again: it converges", severity="warning"))
        return 143 if isinstance(stopped, Terminated) else 130
    except Exception as error:  # noqa: BLE001 - a fault ends in words, not in a traceback
        problem = Problem(f"scorefly has a fault: {type(error).__name__}: {error}", "this is worth an issue")
        progress.problem(problem)
        if context.debug:
            _traceback(progress)
        _summarize_failure(command, context, error, [problem], progress)
        return 1
    finally:
        _give_back(context, environ)


def _run(command: str, context: Context, environ: Mapping[str, str], progress: ActionProgress) -> int:
    from scorefly.run.commands import execute

    inputs = read_inputs(environ, (option.name for option in OPTIONS))
    progress.hide(_secrets_in(inputs))
    settings = gather(command, inputs, environ, context.workspace.resolve(), in_action=True)
    report = execute(settings, progress)
    if report.plan:
        from scorefly.faces.plan_comment import comment_plan

        comment_plan(settings, report, progress)
    _tell(report, context, progress)
    return report.exit_code


def _give_back(context: Context, environ: Mapping[str, str]) -> None:
    from scorefly.github.ownership import give_back

    named = [environ.get("INPUT_ARTEFACTS", ""), environ.get("INPUT_STATE", "").removeprefix("file:")]
    made = [".scorefly", *(name for name in named if name and name != "git")]
    state = [f"{name}{end}" for name in made for end in ("", ".key")]
    give_back(context.workspace, (context.workspace / name for name in state))


def _secrets_in(inputs: Mapping[str, str]) -> list[str]:
    """What is certainly secret in the inputs, before they are looked at more closely: masks come first."""
    import json

    found = [inputs[name] for name in ("fly-api-token", "github-token") if name in inputs]
    found += inputs.get("state-key", "").splitlines()
    try:
        given = json.loads(inputs.get("secrets", "{}"))
    except (ValueError, RecursionError):
        given = None
    return found + [value for value in given.values() if isinstance(value, str)] if isinstance(given, dict) else found


def _tell(report: Report, context: Context, progress: ActionProgress) -> None:
    from scorefly.faces.outputs import outputs
    from scorefly.faces.summary import summary
    from scorefly.faces.terminal import report_text
    from scorefly.github.markdown import write_summary

    for line in report_text(report).splitlines():
        progress.step(line)
    if context.output:
        given = outputs(report)
        if dropped := [name for name, value in given.items() if progress.masked(value)]:
            progress.problem(
                Problem(
                    f"GitHub drops job outputs that contain the value of a secret: {', '.join(dropped)}",
                    "do not store names, flags or other public words as secrets",
                    severity="warning",
                )
            )
        for name, value in given.items():
            set_output(name, value)
    if context.summary:
        write_summary(context.summary, progress.redact(summary(redacted_report(report, progress.redact))))


def _summarize_failure(
    command: str,
    context: Context,
    error: Exception,
    problems: tuple[Problem, ...] | list[Problem],
    progress: ActionProgress,
) -> None:
    if context.summary:
        from scorefly.faces.summary import failure_summary
        from scorefly.github.markdown import write_summary

        redacted = [problem.redacted(progress.redact) for problem in problems]
        try:
            write_summary(context.summary, progress.redact(failure_summary(command, error, redacted)))
        except ScoreflyError as also:
            for problem in also.problems:
                progress.problem(problem)


def _traceback(progress: ActionProgress) -> None:
    import traceback

    with progress.output("traceback") as write:
        for line in traceback.format_exc().splitlines():
            write(line)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt what the first one set going.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def run() -> NoReturn:
    """Runs with the process's own environment, and ends it."""
    import os

    sys.exit(main(os.environ))

"""The Action: inputs in; outputs, annotations and a job summary out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

from msgspec.structs import replace

from scorefly import interruption, standard_streams
from scorefly.config.load import load_settings
from scorefly.config.options import OPTIONS
from scorefly.config.unused_inputs import unused_inputs
from scorefly.github.command_files import CommandFiles
from scorefly.github.commands import set_value
from scorefly.github.context import Context, read_context, read_inputs, read_trigger
from scorefly.problems import Problem, ScoreflyError, raise_errors
from scorefly.report.report import Report, redacted_report
from scorefly.ui.early_secrets import early_secrets, secrets_in_project_file, tokens_in
from scorefly.ui.workflow_log import ActionProgress

_ENDED = "ended"  # what the main step tells the post step


def main(environ: Mapping[str, str]) -> int:
    """Runs the command that the inputs name, and returns the exit status."""
    progress = ActionProgress()
    context = read_context(environ)
    command = environ.get("INPUT_COMMAND", "").strip() or "deploy"
    code = 1
    try:
        code = _run(command, context, environ, progress)
    except ScoreflyError as error:
        for problem in error.problems:
            progress.problem(problem)
        if context.debug:
            _traceback(progress)
        _summarize_failure(command, context, error, error.problems, progress)
        code = error.exit_code
    except interruption.Interrupted as interrupted:
        interruption.ignore_further_signals()
        progress.problem(Problem("the run was interrupted", "run it again: it converges", severity="warning"))
        code = interrupted.exit_code
    except Exception as error:  # noqa: BLE001 - a fault ends in words, not in a traceback
        problem = Problem(f"scorefly has a fault: {type(error).__name__}: {error}", "this is worth an issue")
        progress.problem(problem)
        if context.debug:
            _traceback(progress)
        _summarize_failure(command, context, error, [problem], progress)
    finally:
        _give_back(context, environ)
    if context.state and not interruption.requested():
        set_value(context.state, _ENDED, "true")
    return code


def post(environ: Mapping[str, str]) -> int:
    """Gives back what a step that was killed has left: its locks, and the ownership of its files."""
    progress, context, trigger = ActionProgress(), read_context(environ), read_trigger(environ)
    inputs = read_inputs(environ, (option.name for option in OPTIONS))
    token = inputs.get("github-token") or environ.get("GITHUB_TOKEN", "")
    locked = inputs.get("rehearse") != "true" and not inputs.get("state", "").startswith("file")
    try:
        if locked and token and trigger.repository and trigger.run and not environ.get(f"STATE_{_ENDED}"):
            from scorefly.state.leftover_locks import release_leftover_locks

            progress.hide([token])
            for ref in release_leftover_locks(trigger, token, environ):
                progress.step(f"released {ref}, which an interrupted step of this job held")
    except ScoreflyError as error:
        for problem in error.problems:
            progress.problem(replace(problem, severity="warning"))
    except interruption.Interrupted as interrupted:
        return interrupted.exit_code
    finally:
        _give_back(context, environ)
    return 0


def _run(command: str, context: Context, environ: Mapping[str, str], progress: ActionProgress) -> int:
    from scorefly.commands.registry import REPORTING, execute

    inputs = read_inputs(environ, (option.name for option in OPTIONS))
    progress.hide(tokens_in(inputs))
    # What is a public name, and gets no mask, is known once the settings are.
    progress.hide_from_here(
        [*early_secrets(inputs, environ), *secrets_in_project_file(inputs, environ, context.workspace)]
    )
    settings = load_settings(command, inputs, environ, context.workspace.resolve(), in_action=True)
    unused = unused_inputs(command, inputs) if command in REPORTING else []
    raise_errors(unused)
    for notice in (*settings.notices, *unused):
        progress.problem(notice)
    files = CommandFiles(environ)
    try:
        report = execute(settings, progress)
    finally:
        files.restore()
    if report.plan or report.plan_path:
        from scorefly.previews.plan_comment import comment_plan

        comment_plan(settings, report, progress)
    _tell(report, context, progress, settings.secrets.values())
    interruption.check()
    return report.exit_code


def _give_back(context: Context, environ: Mapping[str, str]) -> None:
    from scorefly.github.file_owner import give_back

    named = [environ.get("INPUT_ARTEFACTS", ""), environ.get("INPUT_STATE", "").removeprefix("file:")]
    made = [".scorefly", *(name for name in named if name and name != "git")]
    state = [f"{name}{end}" for name in made for end in ("", ".key")]
    give_back(context.workspace, (context.workspace / name for name in state))


def _tell(report: Report, context: Context, progress: ActionProgress, secrets: Collection[str]) -> None:
    from scorefly.github.markdown import write_summary
    from scorefly.ui.outputs import outputs
    from scorefly.ui.summary import summary
    from scorefly.ui.terminal import report_text

    shown = redacted_report(report, progress.redact)
    for line in report_text(shown).splitlines():
        progress.step(line)
    if context.output:
        given = outputs(report)
        if dropped := [name for name, value in given.items() if progress.masked(value, secrets)]:
            progress.problem(
                Problem(
                    f"GitHub drops job outputs that contain the value of a secret: {', '.join(dropped)}",
                    "do not store names, flags or other public words as secrets",
                    severity="warning",
                )
            )
        for name, value in given.items():
            set_value(context.output, name, value)
    if context.summary:
        write_summary(context.summary, progress.redact(summary(shown)))


def _summarize_failure(
    command: str,
    context: Context,
    error: Exception,
    problems: tuple[Problem, ...] | list[Problem],
    progress: ActionProgress,
) -> None:
    if context.summary:
        from scorefly.github.markdown import write_summary
        from scorefly.ui.summary import failure_summary

        redacted = [problem.redacted(progress.redact) for problem in problems]
        try:
            write_summary(context.summary, progress.redact(failure_summary(command, error, redacted)))
        except ScoreflyError as also:
            for problem in also.problems:
                progress.problem(problem)


def _traceback(progress: ActionProgress) -> None:
    import traceback

    with progress.output("traceback") as write:
        for line in progress.redact(traceback.format_exc()).splitlines():
            write(line)


def run() -> NoReturn:
    """Runs the step with the process's own environment, and ends the process."""
    _end_with(main)


def run_post() -> NoReturn:
    """Runs the post step with the process's own environment, and ends the process."""
    _end_with(post)


def _end_with(step: Callable[[Mapping[str, str]], int]) -> NoReturn:
    from scorefly.isolation import take_environment

    standard_streams.open_missing()
    interruption.install()
    sys.exit(step(take_environment()))

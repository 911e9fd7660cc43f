"""The commands that end in a report, by their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.github.event import read_event
from scorefly.problems import InputError, Problem, nearest, option_place
from scorefly.report.progress import Progress
from scorefly.report.report import Report, RunDetails
from scorefly.state.keeper import Keeper


def _validate(settings: Settings, progress: Progress) -> Report:
    if has_tree(settings):
        from scorefly.commands.tree_plan import validate_tree

        return validate_tree(settings, progress)
    from scorefly.commands.validate import validate

    return validate(settings, progress)


def _plan(settings: Settings, progress: Progress) -> Report:
    if has_tree(settings) or settings.subtrees:
        from scorefly.commands.tree_plan import plan_tree

        return plan_tree(settings, progress)
    from scorefly.commands.plan import plan
    from scorefly.run import Run
    from scorefly.state.document import secrets_in
    from scorefly.state.names import state_names
    from scorefly.state.session import read_state

    state = read_state(settings, progress)
    progress.publish(state_names(state))
    progress.hide(secrets_in(state))
    return plan(Run(settings, Keeper(None, state), progress))


def _plain(path: str) -> Callable[[Settings, Progress], Report]:
    """Return a command that is imported when it is called: no command pays for what another one needs."""

    def run(settings: Settings, progress: Progress) -> Report:
        report: Report = _load(path)(settings, progress)
        return report

    return run


def _with_state(path: str) -> Callable[[Settings, Progress], Report]:
    """Return a command that runs with the environment's state, locked; imported when it is called."""

    def execute_with_state(settings: Settings, progress: Progress) -> Report:
        from scorefly.run import open_run

        command = _load(path)
        with open_run(settings, progress) as run:
            report: Report = command(run)
        return report

    return execute_with_state


def _load(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    command: Callable[..., Any] = getattr(import_module(f"scorefly.commands.{module}"), name)
    return command


REPORTING: Mapping[str, Callable[[Settings, Progress], Report]] = {
    "validate": _validate,
    "generate": _with_state("generate:generate"),
    "plan": _plan,
    "sync": _plain("sync:sync"),
    "deploy": _with_state("deploy:deploy"),
    "cleanup": _plain("cleanup:clean"),
    "destroy": _with_state("destroy:destroy"),
    "preview": _plain("preview:preview"),
    "remove-unused-secrets": _with_state("remove_unused_secrets:remove_unused_secrets"),
    "status": _plain("status:status"),
    "rollback": _with_state("rollback:rollback"),
}


def execute(settings: Settings, progress: Progress) -> Report:
    """Runs the command that settings name. Raises ScoreflyError."""
    command = REPORTING.get(settings.command)
    if command is None:
        hint = nearest(settings.command, REPORTING)
        raise InputError(Problem(f"there is no command {settings.command!r}", hint, option_place("command")))
    hide_given(settings, progress)
    _refuse_tree(settings)
    if settings.command == "preview":
        return replace(command(settings, progress), run=_run_details(settings))
    if not settings.in_action:
        return replace(command(_with_organization(settings), progress), run=_run_details(settings))
    from scorefly.previews.untrusted import guarded

    with guarded(settings) as (guarded_settings, why):
        report = replace(command(_with_organization(guarded_settings), progress), run=_run_details(settings))
    if not why:
        return report
    notice = Problem(f"simulated without secrets: {why}", severity="notice")
    progress.problem(notice)
    return replace(report, problems=(*report.problems, notice))


def _run_details(settings: Settings) -> RunDetails:
    """Return the commit, the log and the time of a run on GitHub. A pull request's commit is its head."""
    if not settings.trigger.link:
        return RunDetails()
    commit = settings.trigger.commit
    if settings.environ.get("GITHUB_EVENT_NAME") in ("pull_request", "pull_request_target"):
        pull = read_event(settings.environ).pull
        commit = pull.head_sha if pull else commit
    return RunDetails(commit, settings.trigger.link, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def _with_organization(settings: Settings) -> Settings:
    """Return settings with the organization of the token, where that decides and it may be used."""
    if settings.untrusted or settings.command in ("validate", "generate"):
        return settings
    from scorefly.deployment.token_check import with_organization_of_token

    return with_organization_of_token(settings)


def has_tree(settings: Settings) -> bool:
    """Report whether scorefly.yaml describes a tree: other projects, or workloads of other repositories."""
    from scorefly.config.workload_configs import WorkloadConfigs

    return isinstance(settings.workloads, WorkloadConfigs) and settings.workloads.file.has_tree


def _refuse_tree(settings: Settings) -> None:
    """Raise InputError where a command is for one project, and scorefly.yaml describes a tree."""
    if settings.command in ("deploy", "generate", "preview") and not settings.score_files and has_tree(settings):
        hint = "run scorefly sync, or name the Score files to deploy"
        raise InputError(Problem(f"scorefly.yaml describes a tree, which {settings.command} does not deploy", hint))


def hide_given(settings: Settings, progress: Progress) -> None:
    """Hide the secrets a run is given, but for what is a public name."""
    from scorefly.desired.public_names import public_names

    progress.publish(public_names(settings))
    progress.hide(given_secrets(settings))


def given_secrets(settings: Settings) -> list[str]:
    """The secrets a run is given, to hide before anything is shown."""
    tokens = (settings.fly_api_token, settings.github_token, *settings.state_key.splitlines())
    return [text for text in (*tokens, *settings.secrets.values(), *settings.build_secrets.values()) if text]

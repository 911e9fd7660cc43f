"""Finds stale previews: their pull request is closed, or nothing has happened in them for long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain, islice

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.connection import Connection, connect
from scorefly.deployment.destruction import destroy_environment
from scorefly.deployment.live import list_machines
from scorefly.deployment.ownership import marked_environments
from scorefly.fly.api.machines import MachineView
from scorefly.github import deployments
from scorefly.github.api import GitHubApi
from scorefly.github.comment import keep_comment
from scorefly.previews.comment import MARKER, AppRow, PreviewPage, render
from scorefly.previews.github_connection import connect_github
from scorefly.problems import ExternalError, Problem, ScoreflyError
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Finding, Report
from scorefly.run import open_run
from scorefly.state.session import stored_environments

PREFIX = "pr-"
# GitHub takes 80 new things a minute, and a workflow's token 1000 requests an hour: the next run does the rest.
MOST_RETIRED = 60
MOST_TOLD = 30  # closed pull requests, of whose comments each takes two requests
AGAIN = "To deploy it again, comment /preview or push."
_MOST_LISTED = 500
_DAY = 86400


class StalePreview(Struct, frozen=True):
    """One that is to go. `idle` says that its pull request is open."""

    environment: str
    why: str
    idle: bool


def clean_previews(settings: Settings, progress: Progress, *, now: datetime | None = None) -> Report:
    """Destroys the stale previews of this repository, several at a time; one that fails keeps none from going."""
    with connect(settings) as connection, connect_github(settings) as github:
        live = list_machines(settings, connection.api, ())
        open_numbers = set(github.open_pulls())
        marked = marked_environments(settings, chain.from_iterable(live.values()))
        stored = {*stored_environments(settings, PREFIX), *_on_refs(settings, github)}
        environments = sorted({name for name in (*marked, *stored) if _number(name)}, key=_number)
        stale = [
            each
            for name in environments
            if (each := _stale(settings, name, marked.get(name, ()), open_numbers, now or datetime.now(UTC)))
        ]
        progress.step(f"{len(environments)} previews, {len(stale)} stale")
        with ThreadPoolExecutor(settings.max_parallel, thread_name_prefix="previews") as pool:
            done = list(pool.map(lambda each: _destroy(settings, each, live, connection, github, progress), stale))
        report = _together(settings, environments, stale, done)
        gone = [each.name for each in report.findings if each.outcome == "removed"]
        open_numbers |= {_number(each.environment) for each, result in zip(stale, done, strict=True) if result is None}
        refused = [] if settings.dry_run else _retire(github, gone, open_numbers, progress)
        if settings.comment and not settings.dry_run:
            removed = [(each, done[place]) for place, each in enumerate(stale) if each.environment in gone]
            refused += _tell_pull_requests(settings, github, removed, progress)
    return replace(report, problems=(*report.problems, *refused))


def _number(environment: str) -> int:
    found = re.fullmatch(rf"{PREFIX}([1-9][0-9]{{0,8}})", environment, re.ASCII)
    return int(found[1]) if found else 0


def _on_refs(settings: Settings, github: GitHubApi) -> tuple[str, ...]:
    """The environments of previews whose state is on a git ref."""
    if settings.state != "git" or settings.rehearse:
        return ()
    return tuple(ref.removeprefix("refs/scorefly/") for ref in github.refs(f"scorefly/{PREFIX}"))


def _stale(
    settings: Settings, environment: str, machines: Sequence[MachineView], open_numbers: Iterable[int], now: datetime
) -> StalePreview | None:
    number = _number(environment)
    if number not in open_numbers:
        return StalePreview(environment, f"pull request {number} is not open", idle=False)
    changed = max((machine.updated for machine in machines if machine.updated), default="")
    idle = (now - datetime.fromisoformat(changed)).total_seconds() if changed else 0.0
    if not 0 < settings.preview_ttl < idle:
        return None
    return StalePreview(environment, f"nothing has happened in it for {idle / _DAY:.0f} days", idle=True)


def _destroy(
    settings: Settings,
    stale: StalePreview,
    live: Mapping[str, Sequence[MachineView]],
    connection: Connection,
    github: GitHubApi,
    progress: Progress,
) -> Report | ScoreflyError | None:
    """Destroy one preview, or return None when its pull request is open after all.

    The list of open pull requests comes in pages, and one that is closed meanwhile shifts the rest: an open one can be
    missing. So the pull request is requested by itself, under the lock that a deploy of its preview would hold.
    """
    own = replace(settings, environment=stale.environment)
    try:
        with open_run(own, progress) as run:
            if not stale.idle and (pull := github.pull(_number(stale.environment))) and pull.open:
                return None
            return destroy_environment(run, live, connection)
    except ScoreflyError as error:
        for problem in error.problems:
            progress.problem(problem)
        return error


def _together(
    settings: Settings,
    environments: Sequence[str],
    stale: Sequence[StalePreview],
    done: Sequence[Report | ScoreflyError | None],
) -> Report:
    """One report of all: the previews as findings, and their apps."""
    ended = dict(zip((each.environment for each in stale), done, strict=True))
    reasons = {each.environment: each.why for each in stale}
    findings: list[Finding] = []
    apps: list[AppReport] = []
    for name in environments:
        result = ended.get(name)
        if result is None:
            findings.append(Finding("preview", name, "kept", "its pull request is open"))
        elif isinstance(result, ScoreflyError):
            findings.append(Finding("preview", name, "failed", result.problems[0].message))
        else:
            apps += result.apps
            findings += [each for each in result.findings if each.outcome == "failed"]
            findings.append(Finding("preview", name, "failed" if result.exit_code else "removed", reasons[name]))
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(apps),
        findings=tuple(findings),
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
    )


def _tell_pull_requests(
    settings: Settings,
    github: GitHubApi,
    removed: Sequence[tuple[StalePreview, Report | ScoreflyError | None]],
    progress: Progress,
) -> list[Problem]:
    """Writes to the comments of previews that are gone that they are: their links lead nowhere, or to a stranger.

    Those of open pull requests come first. Where there is no comment, none is made.
    """
    idle = [each for each in removed if each[0].idle]
    closed = [each for each in removed if not each[0].idle]
    try:
        for stale, report in [*idle, *closed[:MOST_TOLD]]:
            rows = report.apps if isinstance(report, Report) else ()
            page = PreviewPage(
                environment=stale.environment,
                outcome="destroyed",
                commit="",
                apps=tuple(AppRow(app.app, app.status, workload=app.workload) for app in rows),
                notes=(f"{stale.why}. {AGAIN}" if stale.idle else stale.why,),
                log_url=settings.trigger.link,
            )
            keep_comment(github, _number(stale.environment), MARKER, progress.redact(render(page)), create=False)
    except ExternalError as error:
        found = error.problems[0]
        message = f"the comments on previews that are gone cannot be written: {found.message}"
        problem = Problem(message, found.hint, severity="warning")
        progress.problem(problem)
        return [problem]
    return []


def _retire(github: GitHubApi, gone: Sequence[str], open_numbers: set[int], progress: Progress) -> list[Problem]:
    """Makes GitHub's deployments of these inactive, and those that earlier runs left."""
    try:
        listed = (each.environment for each in islice(github.deployments(), _MOST_LISTED))
        left = (name for name in listed if _number(name) and _number(name) not in open_numbers)
        delete = True
        for name in islice(dict.fromkeys([*gone, *left]), MOST_RETIRED):
            delete = deployments.retire_environment(github, name, delete=delete) and delete
    except ExternalError as error:
        found = error.problems[0]
        problem = Problem(f"GitHub still shows previews that are gone: {found.message}", found.hint, severity="warning")
        progress.problem(problem)
        return [problem]
    return []

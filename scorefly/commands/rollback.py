"""`rollback`: deploy the artefact and image of an earlier release again, with the secrets that the apps have now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from scorefly.commands.status import select_apps
from scorefly.config.settings import Settings
from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.certificates import active_url
from scorefly.deployment.connection import connect
from scorefly.deployment.fly_run import connected
from scorefly.deployment.live import list_machines
from scorefly.deployment.newest_commit import CommitOrder
from scorefly.deployment.releases import RollbackTarget, app_of_release, rollback_to
from scorefly.deployment.scheduler import DeploymentScheduler, save_the_rest
from scorefly.desired.artefacts import shown_folder, write_artefact
from scorefly.fly.api import FlyApi
from scorefly.problems import InputError, Problem, input_error, nearest, option_place
from scorefly.report.report import AppReport, Report
from scorefly.run import Run
from scorefly.state.document import AppState
from scorefly.state.releases import Artefact, Release, unpack_artefacts


def rollback(run: Run) -> Report:
    """Roll back the named workloads, else all. Raises InputError before anything is changed."""
    run = run.with_settings(unused_secrets="keep")
    apps = [app for app in select_apps(run.settings, run.state) if app.workload]
    if not apps:
        raise input_error(f"no workload was deployed to {run.settings.environment}", "check environment and state")
    order = CommitOrder()
    releases = _earlier(run.settings, apps)
    targets = dict(_targets(apps, releases, run.settings.to, order.started))
    notices = tuple(_notices(run.settings, apps, targets))
    for notice in notices:
        run.progress.problem(notice)
    known = {app.name: app for app in apps}
    with connect(run.settings, run.keeper) as connection:
        live = list_machines(run.settings, connection.api, sorted(targets))
        _check_secrets(run.settings, connection.api, known, targets)
        desired = {name: app_of_release(known[name], target.artefact) for name, target in targets.items()}
        for name, app in desired.items():
            run.progress.step(f"{name}: rolling back to {_words(targets[name])}")
            if not run.settings.dry_run:
                write_artefact(run.settings, app)
        connection.deployer.check()
        fly_run = connected(run, connection, order)
        jobs = {
            name: AppDeployment(fly_run, app, tuple(live.get(name, ())), targets[name]) for name, app in desired.items()
        }
        outcomes = [
            replace(each, url=each.url and active_url(connection.api, known[each.app]))
            for each in DeploymentScheduler(fly_run, jobs).deploy()
        ]
    save_the_rest(run.keeper, outcomes)
    stayed = [_unchanged(run.settings, app) for app in apps if app.name not in targets]
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=(*outcomes, *stayed),
        problems=(*notices, *(problem for job in jobs.values() for problem in job.warnings)),
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


def _earlier(settings: Settings, apps: Sequence[AppState]) -> Mapping[str, Release]:
    """Return the release that each app is to run; nothing for apps that stay as they are. Raises InputError."""
    found = _at_commit(settings.to, apps) if settings.to else _before_last_deploy(apps)
    if not found and not settings.to:
        names = ", ".join(app.workload for app in apps)
        raise input_error(f"state has no earlier release of {names}", "run scorefly history to list the releases")
    return {app.name: found[app.name] for app in apps if app.name in found and not _runs(app, found[app.name])}


def _runs(app: AppState, release: Release) -> bool:
    """Decide whether a release runs already; a deploy that did not finish leaves that unknown."""
    return app.release == release.id and bool(app.digest)


def _at_commit(commit: str, apps: Sequence[AppState]) -> dict[str, Release]:
    """Return the release that each app ran at a commit, where it is known."""
    known = [each for app in apps for release in app.releases for each in (release.commit, *release.commits) if each]
    commit = commit.strip().lower()
    matches = {each for each in known if each.startswith(commit)}
    if not re.fullmatch(r"[0-9a-f]{4,64}", commit) or not matches:
        shown = list(dict.fromkeys(each[:12] for each in reversed(known)))
        hint = nearest(commit, shown, "known commits, newest first:") if shown else "state knows no commit"
        raise input_error(f"no release of commit {commit!r} is kept", hint, option_place("to"))
    if len(matches) > 1:
        hint = f"give more of it: {', '.join(sorted(matches))}"
        raise input_error(f"{commit!r} is the beginning of {len(matches)} commits", hint, option_place("to"))
    found = {}
    for app in apps:
        release = next((each for each in reversed(app.releases) if each.is_of(commit)), None)
        if release is not None:
            found[app.name] = release
    return found


def _before_unfinished_deploy(app: AppState) -> Release | None:
    """Return the release that an app ran before a deploy that failed or was interrupted; a rollback is run again."""
    release, rollback = app.current_release, app.rollback
    if release is None or app.digest:
        return None
    return release if rollback is None or (rollback.commit and release.is_of(rollback.commit)) else None


def _before_last_deploy(apps: Sequence[AppState]) -> dict[str, Release]:
    """Return the release that each app of the last deploy ran before it. All runs for a commit are one deploy.

    A deploy that did not finish is the last one: its apps go back to the release that they ran.
    """
    if unfinished := {app.name: release for app in apps if (release := _before_unfinished_deploy(app))}:
        return unfinished
    current = [release for app in apps if (release := app.current_release)]
    if not current:
        return {}
    newest = max(current, key=lambda release: release.at)

    def is_of_last(release: Release) -> bool:
        return release.at == newest.at or (bool(newest.commit) and release.commit == newest.commit)

    found = {}
    for app in apps:
        release = app.current_release
        if release is None or not is_of_last(release):
            continue
        before = app.releases[: app.releases.index(release)]
        earlier = [each for each in before if not each.rolled_back and not is_of_last(each)]
        if earlier:
            found[app.name] = earlier[-1]
    return found


def _targets(
    apps: Sequence[AppState], releases: Mapping[str, Release], commit: str, at: str
) -> Iterator[tuple[str, RollbackTarget]]:
    """Yield what to deploy of each app. Raises one InputError for all that state has no artefact of."""
    problems = []
    for app in apps:
        release = releases.get(app.name)
        if release is None:
            continue
        artefact: Artefact | None = unpack_artefacts(app.artefacts).get(release.id)
        if artefact is None:
            message = (
                f"the artefact of {app.workload} at {release.commit[:7] or release.at} is too large to be in state"
            )
            problems.append(Problem(message, "check out that commit and deploy it with force"))
            continue
        yield app.name, rollback_to(app, release, artefact, commit.strip().lower(), at)
    if problems:
        raise InputError(*problems)


def _notices(settings: Settings, apps: Sequence[AppState], targets: Mapping[str, RollbackTarget]) -> Iterator[Problem]:
    for app in apps:
        if app.name in targets:
            continue
        if settings.to and not any(release.is_of(settings.to.strip().lower()) for release in app.releases):
            why = f"no release of {settings.to} is kept"
        elif settings.to:
            why = f"it runs its release of {settings.to} already"
        elif (release := app.current_release) and release is app.releases[0]:
            why = "it has no earlier release"
        else:
            why = "the last deploy did not change it"
        yield Problem(f"{app.workload} stays as it is: {why}", severity="notice")


def _check_secrets(
    settings: Settings, api: FlyApi, apps: Mapping[str, AppState], targets: Mapping[str, RollbackTarget]
) -> None:
    """Refuse a release that used secrets which the app no longer has; `force` rolls back without them."""
    problems = []
    for name, target in targets.items():
        if api.find_machines(name) is None:
            problems.append(Problem(f"the app {name!r} does not exist on Fly", "deploy it again instead"))
            continue
        missing = sorted(set(target.artefact.secrets) - {each.name for each in api.secrets(name)})
        if missing and not settings.force:
            message = f"{_words(target)} of {apps[name].workload} used secrets that are gone: {', '.join(missing)}"
            hint = f"set them with `fly secrets set --stage -a {name}`, or use force to roll back without them"
            problems.append(Problem(message, hint))
    if problems:
        raise InputError(*problems)


def _words(target: RollbackTarget) -> str:
    return f"the release of {target.commit[:7] or target.release.at}"


def _unchanged(settings: Settings, app: AppState) -> AppReport:
    release = app.current_release
    return AppReport(
        app=app.name,
        owner=app.owner,
        status="unchanged",
        workload=app.workload,
        url=app.url,
        image=release.image if release else "",
        artefact=shown_folder(settings, app.name),
    )

"""`status`, `history`, `open`: show what was deployed and what runs. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.deployment.drift import drift
from scorefly.deployment.live import LOOKS
from scorefly.deployment.machine_counts import app_machines, deployed_app, is_standby, take_census
from scorefly.deployment.ownership import not_ours
from scorefly.desired.artefacts import shown_folder
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.certificates import ACTIVE, find_certificate, list_certificates
from scorefly.problems import ExternalError, input_error, nearest, option_place
from scorefly.report.plan import Drift
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report
from scorefly.report.status import AppStatus, CertificateStatus, CheckStatus, MachineStatus, ReleaseRow, RollbackStatus
from scorefly.state.document import AppState, EnvironmentState, secrets_in
from scorefly.state.names import state_names
from scorefly.state.session import read_state
from scorefly.state.snapshot import unpack


def status(settings: Settings, progress: Progress) -> Report:
    """Compare what was deployed with what runs, app by app. Raises ExternalError where Fly tells of no app at all."""
    state = known_state(settings, progress)
    apps = select_apps(settings, state)
    with connect(settings) as connection, ThreadPoolExecutor(LOOKS, thread_name_prefix="status") as pool:
        results = tuple(pool.map(lambda app: _status(settings, connection.api, state, app), apps))
    failures = [each for each in results if isinstance(each, ExternalError)]
    if failures and len(failures) == len(apps):
        raise failures[0]
    shown = tuple(
        _shown(app, problem=str(each.problems[0])) if isinstance(each, ExternalError) else each
        for app, each in zip(apps, results, strict=True)
    )
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(_report(settings, each, state.apps[each.app]) for each in shown),
        rehearsed=settings.rehearse,
        running=shown,
    )


def history(settings: Settings, progress: Progress) -> tuple[ReleaseRow, ...]:
    """List the releases that state keeps of each workload, newest first."""
    apps = [app for app in select_apps(settings, known_state(settings, progress)) if app.workload]
    return tuple(
        ReleaseRow(
            workload=app.workload,
            commit=release.commit,
            image=release.image,
            at=release.at,
            current=release.id == app.release,
            rolled_back=release.rolled_back,
            commits=release.commits,
        )
        for app in apps
        for release in reversed(app.releases)
    )


def find_url(settings: Settings, progress: Progress) -> AppState:
    """Return the app of the only selected workload, which has a public URL. Raises InputError."""
    state = known_state(settings, progress)
    apps = select_apps(settings, state)
    public = [app for app in apps if app.url]
    if len(public) != 1:
        names = ", ".join(app.workload for app in apps if app.url)
        message = f"{len(public)} of {len(apps)} workloads have a public URL" if public else "no URL: nothing is public"
        raise input_error(message, f"name one of: {names}" if public else "add a resource of type route")
    return public[0]


def known_state(settings: Settings, progress: Progress) -> EnvironmentState:
    """Read the environment's state, without a lock, and hide its secrets."""
    state = read_state(settings, progress)
    progress.publish(state_names(state))
    progress.hide(secrets_in(state))
    return state


def select_apps(settings: Settings, state: EnvironmentState) -> list[AppState]:
    """Return the apps of the named workloads, else all, workloads first. Raises InputError for unknown names."""
    apps = sorted(state.apps.values(), key=lambda app: (not app.workload, app.workload, app.name))
    if not settings.workload:
        return apps
    names = {name for app in apps for name in (app.workload, app.name) if name}
    for name in settings.workload:
        if name not in names:
            known = sorted({app.workload or app.name for app in apps})
            hint = nearest(name, known, "known workloads:") if known else "deploy it first, or check environment"
            message = f"{name!r} was never deployed to {settings.environment}"
            raise input_error(message, hint, option_place("workload"))
    return [app for app in apps if {app.workload, app.name}.intersection(settings.workload)]


def _shown(app: AppState, problem: str = "") -> AppStatus:
    """Return what state knows of an app."""
    rollback, release = app.rollback, app.current_release
    return AppStatus(
        workload=app.workload,
        app=app.name,
        commit=app.commit,
        image=release.image if release else "",
        since=app.deployed_at or (release.at if release else ""),
        rollback=RollbackStatus(rollback.at, rollback.commit, rollback.from_commit, bool(app.digest))
        if rollback
        else None,
        problem=problem,
    )


def _status(settings: Settings, api: FlyApi, state: EnvironmentState, app: AppState) -> AppStatus | ExternalError:
    """Return the status of an app, or why Fly does not tell it."""
    shown = _shown(app)
    try:
        machines = api.find_machines(app.name)
        certificates = tuple(_certificates(api, app)) if machines is not None else ()
        problem = "" if machines is None else str(not_ours(settings, api, app.name, machines, state) or "")
    except ExternalError as error:
        return error
    if machines is None:
        return _replaced(shown, problem="the app does not exist on Fly (deploy creates it again)")
    if problem:
        return _replaced(shown, problem=problem)
    images = ", ".join(sorted({each.image for each in machines if each.image}))
    return _replaced(
        shown,
        image=images or shown.image,
        url=_url(app, certificates),
        certificates=certificates,
        since=shown.since or max((each.updated for each in machines), default=""),
        machines=tuple(map(_machine, machines)),
        problem="the last deploy did not finish (see its log, then deploy or roll back)" if _is_unfinished(app) else "",
        checks=tuple(_checks(machines)),
        drift=(*drift(unpack(app.record), machines), *_stopped(settings, app, machines)),
    )


def _machine(machine: MachineView) -> MachineStatus:
    exit_code = machine.crashed if machine.state in ("stopped", "failed") else 0
    return MachineStatus(machine.id, machine.region, machine.state, is_standby(machine), exit_code)


def _is_unfinished(app: AppState) -> bool:
    """Decide whether a deploy or rollback of the app began and did not end; one that was taken over had none."""
    record = unpack(app.record)
    taken_over = record is not None and bool(record.facts) and not record.texts
    return bool(app.id) and not app.digest and not taken_over


def _stopped(settings: Settings, app: AppState, machines: Sequence[MachineView]) -> Iterator[Drift]:
    """Yield how many Machines are stopped that nothing but a deploy starts again."""
    record = unpack(app.record)
    if record and record.texts:
        present = app_machines(machines)
        down = take_census(deployed_app(app, record), settings.ha, present, lambda _: True).stopped
        if down:
            count = len(present)
            yield Drift("running", (f"{count} of {count}",), (f"{count - len(down)} of {count}",))


def _certificates(api: FlyApi, app: AppState) -> Iterator[CertificateStatus]:
    """Yield the certificates that were requested for an app; the records of those that are not active."""
    present = list_certificates(api, app.name) if app.certificates else {}
    for host in app.certificates:
        view = present.get(host)
        if view is not None and view.status != ACTIVE:
            view = find_certificate(api, app.name, host) or view
        yield CertificateStatus(host, view.status, view.records) if view else CertificateStatus(host, "missing")


def _url(app: AppState, certificates: Sequence[CertificateStatus]) -> str:
    """Return the URL of the first host whose certificate is active, else the app's."""
    hosts = (each.host for each in certificates if each.status == ACTIVE and not each.host.startswith("*."))
    return next((f"https://{host}" for host in hosts), app.url)


def _replaced(status: AppStatus, **changes: object) -> AppStatus:
    from msgspec.structs import replace

    return replace(status, **changes)


def _checks(machines: Sequence[MachineView]) -> list[CheckStatus]:
    return [CheckStatus(each.id, check.name, check.status, check.output) for each in machines for check in each.checks]


def _report(settings: Settings, status: AppStatus, app: AppState) -> AppReport:
    return AppReport(
        app=status.app,
        owner=app.owner,
        status="unchanged",
        workload=status.workload,
        url=status.url,
        image=status.image,
        region=", ".join(sorted({each.region for each in status.machines})),
        artefact=shown_folder(settings, status.app),
    )

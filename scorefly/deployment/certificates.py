"""Certificates of custom hosts: requested after the apps are deployed, and deleted when no Score file has the host.

State has a certificate before Fly has it, so that an interrupted run does not lose track of it. A certificate that was
there before is used and never deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly import interruption
from scorefly.config.settings import Settings
from scorefly.fly.api import FlyApi
from scorefly.fly.api.errors import RefusedError
from scorefly.fly.app import App
from scorefly.fly.certificates import (
    ACTIVE,
    CertificateView,
    HostTakenError,
    check_certificate,
    delete_certificate,
    find_certificate,
    list_certificates,
    request_certificate,
)
from scorefly.problems import ExternalError, Problem, ScoreflyError
from scorefly.report.certificates import CertificateReport, PlannedCertificate
from scorefly.report.report import AppReport, Finding, Status
from scorefly.run import Run
from scorefly.state.document import AppState, EnvironmentState

PARALLEL = 8  # apps at a time
MAX_CHECK_DELAY = 15.0  # seconds between two checks of a certificate that is waited for
NOT_IN_SCORE = "its host is no longer in any Score file"
_SETTLED = ("created", "deployed", "unchanged")


class CertificateOutcome(Struct, frozen=True):
    """The reports of a run's apps as their certificates change them, the certificates, and what was removed."""

    apps: tuple[AppReport, ...]
    certificates: tuple[CertificateReport, ...] = ()
    findings: tuple[Finding, ...] = ()


class CertificateStep(Struct):
    """The certificates of one run's apps."""

    run: Run
    api: FlyApi
    findings: list[Finding] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    statuses: Mapping[str, Status] = field(default_factory=dict)

    def apply(self, apps: Sequence[App], reports: Sequence[AppReport], skip: Iterable[str] = ()) -> CertificateOutcome:
        """Delete and request certificates for the apps that were deployed or are up to date, without those to `skip`.

        A host that moves from one app to another is taken from the first one before the second one gets it.
        """
        self.statuses = {report.app: report.status for report in reports}
        settled = {name for name, status in self.statuses.items() if status in _SETTLED} - set(skip)
        if self.run.settings.certificates == "never" or not settled:
            return CertificateOutcome(tuple(reports))
        waiting = {host for app in apps for host in app.hosts if app.name not in settled}
        apps = [app for app in apps if app.name in settled]
        removals = [each for each in _removals(self.run.state, apps) if each[1] not in waiting]
        if self.run.settings.dry_run:
            return self._dry_run(apps, removals, reports)
        found: list[list[CertificateReport]] = []
        if removals or any(app.hosts for app in apps):
            with ThreadPoolExecutor(PARALLEL, thread_name_prefix="certificates") as pool:
                list(pool.map(self._remove, removals))
                found = list(pool.map(self._ensure_all, apps))
        certificates = tuple(report for each in found for report in each)
        return self._outcome(reports, certificates)

    def _outcome(
        self, reports: Sequence[AppReport], certificates: tuple[CertificateReport, ...] = ()
    ) -> CertificateOutcome:
        findings = tuple(sorted(self.findings, key=lambda each: (each.app, each.name)))
        return CertificateOutcome(
            tuple(self._with_hosts(each, certificates) for each in reports), certificates, findings
        )

    def _dry_run(
        self, apps: Sequence[App], removals: Sequence[tuple[str, str]], reports: Sequence[AppReport]
    ) -> CertificateOutcome:
        for name, host in removals:
            self.findings.append(Finding("certificate", host, "removed", NOT_IN_SCORE, name))
            self.changed.add(name)
        self.changed |= {app.name for app in apps if not set(app.hosts) <= self._recorded(app.name).keys()}
        return self._outcome(reports)

    def _with_hosts(self, report: AppReport, certificates: Sequence[CertificateReport]) -> AppReport:
        """The report with the URL of the first active host, and as deployed where only certificates changed."""
        if report.app in self.changed and report.status == "unchanged":
            report = replace(report, status="deployed")
        url = custom_url(each for each in certificates if each.app == report.app)
        if not (report.url and url):
            return report
        self.run.keeper.change(lambda state: state.with_app(replace(state.apps[report.app], url=url)))
        return replace(report, url=url)

    def _ensure_all(self, app: App) -> list[CertificateReport]:
        """The certificates of one app's hosts, in the order of its routes."""
        recorded = self._recorded(app.name)
        settled = self.statuses[app.name] == "unchanged" and all(recorded.get(host) == ACTIVE for host in app.hosts)
        if not app.hosts or (settled and not self.run.settings.force):
            return [CertificateReport(app.name, app.workload, host, ACTIVE) for host in app.hosts]
        found: list[CertificateReport] = []

        def ensure(host: str, existing: CertificateView | None) -> None:
            found.append(self._ensure(app, host, existing))

        def ensure_all() -> None:
            existing = list_certificates(self.api, app.name)
            for host in app.hosts:
                self._attempt(app.name, host, partial(ensure, host, existing.get(host)))

        self._attempt(app.name, ", ".join(app.hosts), ensure_all)
        return found

    def _ensure(self, app: App, host: str, existing: CertificateView | None) -> CertificateReport:
        if existing is None:
            view = self._request(app, host)
        elif existing.status == ACTIVE:
            view = existing
        else:
            view = check_certificate(self.api, app.name, host)
        if self.run.settings.wait_for_certificates and view.status != ACTIVE:
            self._record_status(app.name, host, view.status)
            view = self._wait(app, host, view)
        self._record_status(app.name, host, view.status)
        return certificate_report(app.name, app.workload, view)

    def _request(self, app: App, host: str) -> CertificateView:
        self.run.progress.step(f"{app.name}: requesting a certificate for {host}")
        self._change(app.name, lambda known: {**known, host: known.get(host, "")})
        try:
            view = request_certificate(self.api, app.name, host)
        except RefusedError as error:
            self._change(app.name, lambda known: _without(known, host))
            if isinstance(error, HostTakenError):
                raise ExternalError(_taken(app, host, error)) from error
            raise
        self.changed.add(app.name)
        return view

    def _wait(self, app: App, host: str, view: CertificateView) -> CertificateView:
        """Check a certificate until it is active, for `wait-timeout` at most."""
        self.run.progress.step(f"{app.name}: waiting for the certificate of {host}")
        deadline, delay = time.monotonic() + self.run.settings.wait_timeout, 1.0
        while view.status != ACTIVE:
            left = deadline - time.monotonic()
            if view.rate_limited_until or left <= 0:
                self._fail(app.name, host, _not_active(self.run.settings, host, view))
                break
            interruption.sleep(min(delay, left))
            delay = min(2 * delay, MAX_CHECK_DELAY)
            view = check_certificate(self.api, app.name, host)
        return view

    def _fail(self, app: str, host: str, problem: Problem) -> None:
        self.run.progress.problem(problem)
        self.findings.append(Finding("certificate", host, "failed", problem.message, app))

    def _remove(self, removal: tuple[str, str]) -> None:
        self._attempt(*removal, partial(self._delete, *removal))

    def _delete(self, app: str, host: str) -> None:
        delete_certificate(self.api, app, host)
        self._change(app, lambda known: _without(known, host))
        self.run.progress.step(f"{app}: certificate for {host} deleted")
        self.findings.append(Finding("certificate", host, "removed", NOT_IN_SCORE, app))
        self.changed.add(app)

    def _attempt(self, app: str, host: str, step: Callable[[], object]) -> None:
        """Take a step. An error fails the run at its end, and does not stop the other certificates."""
        try:
            step()
        except ScoreflyError as error:
            for problem in error.problems:
                self._fail(app, host, problem)

    def _recorded(self, app: str) -> Mapping[str, str]:
        known = self.run.state.apps.get(app)
        return known.certificates if known else {}

    def _record_status(self, app: str, host: str, status: str) -> None:
        """Remember the status of a certificate that is ours."""
        if self._recorded(app).get(host, status) != status:
            self._change(app, lambda known: {**known, host: status})

    def _change(self, app: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        def changed(state: EnvironmentState) -> EnvironmentState:
            known = state.apps.get(app) or AppState(name=app, owner="")
            return state.with_app(replace(known, certificates=change(known.certificates)))

        self.run.keeper.record(changed)


def plan_certificates(api: FlyApi, app: App, known: AppState | None, *, exists: bool) -> list[PlannedCertificate]:
    """Compare an app's hosts with its certificates on Fly."""
    recorded = known.certificates if known and exists else {}
    if not (app.hosts or recorded):
        return []
    present = list_certificates(api, app.name) if exists else {}
    planned = []
    for host in app.hosts:
        view = present.get(host)
        if view is None:
            deleted = recorded.get(host) == ACTIVE
            planned.append(PlannedCertificate(host, "keep" if deleted else "create", "missing" if deleted else ""))
            continue
        if view.status != ACTIVE:
            view = find_certificate(api, app.name, host) or view
        planned.append(PlannedCertificate(host, "keep", view.status, view.records))
    planned += [
        PlannedCertificate(host, "remove", present[host].status)
        for host in sorted(recorded.keys() - set(app.hosts))
        if host in present
    ]
    return planned


def planned_reports(app: App, planned: Iterable[PlannedCertificate]) -> list[CertificateReport]:
    """Return what to show of the certificates that an app would have."""
    return [
        CertificateReport(app.name, app.workload, each.host, each.status, each.records)
        for each in planned
        if each.action != "remove"
    ]


def certificate_report(app: str, workload: str, view: CertificateView) -> CertificateReport:
    """Return what to show of a certificate: the records only while it is not active."""
    records = view.records if view.status != ACTIVE else ()
    errors = view.errors if view.status != ACTIVE else ()
    return CertificateReport(app, workload, view.host, view.status, records, view.rate_limited_until, errors)


def active_url(api: FlyApi, app: AppState) -> str:
    """Return the URL of the app's first host whose certificate is active; its own where there is none, or no answer."""
    try:
        present = list_certificates(api, app.name) if app.certificates else {}
    except ExternalError:
        return app.url
    active = [host for host in app.certificates if (view := present.get(host)) and view.status == ACTIVE]
    return next((f"https://{host}" for host in active if not host.startswith("*.")), app.url)


def custom_url(certificates: Iterable[CertificateReport]) -> str:
    """Return the URL of the first host whose certificate is active; empty where there is none."""
    hosts = (each.host for each in certificates if each.status == ACTIVE and not each.host.startswith("*."))
    return next((f"https://{host}" for host in hosts), "")


def _removals(state: EnvironmentState, apps: Sequence[App]) -> Iterator[tuple[str, str]]:
    """Yield each app with a host that it has a certificate for, and that is no longer its own."""
    here = {app.name: set(app.hosts) for app in apps}
    claimed = {host for hosts in here.values() for host in hosts}
    for app in state.apps.values():
        for host in app.certificates:
            elsewhere = host in claimed and host not in here.get(app.name, ())
            if elsewhere or (app.name in here and host not in here[app.name]):
                yield app.name, host


def _without(known: Mapping[str, str], host: str) -> dict[str, str]:
    return {name: status for name, status in known.items() if name != host}


def _taken(app: App, host: str, error: RefusedError) -> Problem:
    hint = f"run `fly certs remove {host} -a APP` for the app that has it, or use another host"
    return Problem(f"{app.name}: another app on Fly has the host {host}: {error.problems[0].message}", hint)


def _not_active(settings: Settings, host: str, view: CertificateView) -> Problem:
    if view.rate_limited_until:
        message = f"the certificate of {host} is rate limited until {view.rate_limited_until}"
        return Problem(message, "deploy again after that time")
    message = f"the certificate of {host} is not active after {settings.wait_timeout:.0f} s ({view.status})"
    return Problem(message, "set the DNS records of the output dns_records, and deploy again")

"""The status of deployed apps, as frozen data and as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, to_builtins

from scorefly.fly.certificates import DnsRecord
from scorefly.report.plan import Drift


class MachineStatus(Struct, frozen=True):
    """A Machine; `state` is Fly's word, such as started or stopped. Fly starts a `standby` in place of another one.

    `exit_code` is that of a stopped Machine which was not asked to stop.
    """

    id: str
    region: str
    state: str
    standby: bool = False
    exit_code: int = 0


class CheckStatus(Struct, frozen=True):
    """A health check of a Machine: `status` is passing, warning or critical."""

    machine: str
    name: str
    status: str
    output: str


class CertificateStatus(Struct, frozen=True):
    """The certificate of a custom host: `status` is Fly's, or missing. `records` are the DNS records still to set."""

    host: str
    status: str
    records: tuple[DnsRecord, ...] = ()


class RollbackStatus(Struct, frozen=True):
    """A rollback in force; `from_commit` is the newest commit that it replaced. Commits may be unknown."""

    at: str
    commit: str
    from_commit: str
    finished: bool


class AppStatus(Struct, frozen=True):
    """An app as it runs. `workload` is empty where a resource owns the app.

    `since` is when it was deployed last, `problem` says why there is nothing to show of its Machines, or that the last
    deploy did not finish.
    """

    workload: str
    app: str
    commit: str = ""
    image: str = ""
    url: str = ""
    since: str = ""
    machines: tuple[MachineStatus, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    certificates: tuple[CertificateStatus, ...] = ()
    drift: tuple[Drift, ...] = ()
    rollback: RollbackStatus | None = None
    problem: str = ""


def status_json(status: AppStatus) -> dict[str, Any]:
    """Return the status of an app as JSON data. Of a Machine it has what users rely on, and no more."""
    data: dict[str, Any] = to_builtins(status)
    data["machines"] = [{"id": each.id, "region": each.region, "state": each.state} for each in status.machines]
    return data


class ReleaseRow(Struct, frozen=True):
    """A release of a workload: `current` is the one that runs, `rolled_back` one that a rollback replaced."""

    workload: str
    commit: str
    image: str
    at: str
    current: bool
    rolled_back: bool = False
    commits: tuple[str, ...] = ()

"""The report of a run: frozen data without secrets or Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import Port
from scorefly.fly.machine_config import guest_text
from scorefly.problems import Problem

if TYPE_CHECKING:
    from scorefly.report.certificates import CertificateReport
    from scorefly.report.costs import AppCost
    from scorefly.report.failure import FailureDetails
    from scorefly.report.plan import Plan
    from scorefly.report.status import AppStatus

T = TypeVar("T")
Status = Literal["created", "deployed", "unchanged", "failed", "skipped", "destroyed", "generated"]


class AppReport(Struct, frozen=True):
    """One app's outcome. `seconds` is wall time; `problem` says why it failed or was skipped.

    Only an app that is ours and runs has a `url`: under another's name there may be anything. `drift` is what others
    changed about it since the last deploy.
    """

    app: str
    owner: str
    status: Status
    workload: str = ""
    url: str = ""
    image: str = ""
    size: str = ""
    region: str = ""
    artefact: str = ""
    ports: tuple[Port, ...] = ()
    secrets_set: tuple[str, ...] = ()
    secrets_removed: tuple[str, ...] = ()
    seconds: float = 0.0
    problem: Problem | None = None
    failure: FailureDetails | None = None
    cost: AppCost | None = None
    drift: tuple[str, ...] = ()

    def with_machines(self, machines: Sequence[MachineView]) -> AppReport:
        """The report with image, size and region of the Machines that Fly shows."""
        if not machines:
            return self
        images, regions, sizes = (
            ", ".join(sorted({text for text in texts if text}))
            for texts in (
                (each.image for each in machines),
                (each.region for each in machines),
                (guest_text(each.config.get("guest") or {}) for each in machines),
            )
        )
        return replace(self, image=images or self.image, region=regions or self.region, size=sizes or self.size)


class ResourceReport(Struct, frozen=True):
    """One resource of the graph: `workloads` use it, `needs` are the uids its params read."""

    uid: str
    provisioner: str
    workloads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()


Outcome = Literal["removed", "kept", "failed"]


class Finding(Struct, frozen=True):
    """One thing a run that tidies up came upon, and what became of it: `kind` is secret, resource, volume, address.

    `app` is the one it is part of; `why` says why it is kept or not.
    """

    kind: str
    name: str
    outcome: Outcome
    why: str = ""
    app: str = ""


class RunDetails(Struct, frozen=True):
    """The run that a report is about: the commit, a link to the run's log, and when it ended, as text in UTC."""

    commit: str = ""
    link: str = ""
    at: str = ""


class Report(Struct, frozen=True):
    """A whole run. `problems` holds warnings and notices too; errors decide the exit status.

    `superseded` says why a run left everything to a newer one; else it is empty. `rolled_back` says why a run left the
    environment as a rollback left it. `running` is what `status` shows. A run over a tree has the report of each unit
    in `units`, and their apps in `apps`; in a unit's report `project` and `stage` are its project and environment, and
    `commits` those of its sources by workload.
    """

    command: str
    environment: str
    apps: tuple[AppReport, ...] = ()
    resources: tuple[ResourceReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    artefacts: str = ""
    rehearsed: bool = False
    dry_run: bool = False
    plan: Plan | None = None
    plan_path: str = ""
    superseded: str = ""
    run: RunDetails = RunDetails()
    rolled_back: str = ""
    running: tuple[AppStatus, ...] = ()
    units: tuple[Report, ...] = ()
    project: str = ""
    stage: str = ""
    commits: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    certificates: tuple[CertificateReport, ...] = ()

    def named(self, *statuses: Status) -> tuple[str, ...]:
        """The names of the apps that ended in one of `statuses`."""
        return tuple(app.app for app in self.apps if app.status in statuses)

    @property
    def exit_code(self) -> int:
        """0, or 1 when an app failed or was skipped, or something could not be removed."""
        failed = self.named("failed", "skipped") or any(each.outcome == "failed" for each in self.findings)
        broken = any(unit.exit_code for unit in self.units)
        if self.units or self.command == "sync":
            broken = broken or any(each.severity == "error" for each in self.problems)
        return 1 if failed or broken else 0


def redacted_report(report: Report, redact: Callable[[str], str]) -> Report:
    """Return the report with its texts redacted; to be called before they are escaped for any format."""
    return redacted(report, redact)


# Words of our own, that others are chosen by.
_OUR_WORDS = {"command", "status", "action", "outcome", "severity", "how", "purpose"}


def redacted(value: T, redact: Callable[[str], str]) -> T:
    """Return frozen data with every text in it redacted."""
    made: Any = value
    if isinstance(value, str):
        made = redact(value)
    elif isinstance(value, tuple):
        made = tuple(redacted(each, redact) for each in value)
    elif isinstance(value, Struct):
        texts = {name: getattr(value, name) for name in value.__struct_fields__ if name not in _OUR_WORDS}
        changed = {name: redacted(each, redact) for name, each in texts.items()}
        changed = {name: each for name, each in changed.items() if each != texts[name]}
        made = replace(value, **changed) if changed else value
    return cast("T", made)

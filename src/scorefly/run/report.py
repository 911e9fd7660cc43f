"""What a run did, for whoever shows it: frozen data, nothing secret, no Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from scorefly.fly.api import MachineView
from scorefly.fly.app import Port
from scorefly.problems import Problem

if TYPE_CHECKING:
    from scorefly.run.planned import Plan

Status = Literal["created", "deployed", "unchanged", "failed", "skipped", "destroyed", "generated"]


@dataclass(frozen=True, slots=True)
class AppReport:
    """One app's outcome. `seconds` is wall time; `problem` says why it failed or was skipped."""

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


@dataclass(frozen=True, slots=True)
class ResourceReport:
    """One resource of the graph: `workloads` use it, `needs` are the uids its params read."""

    uid: str
    provisioner: str
    workloads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()


Outcome = Literal["removed", "kept", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a run that tidies up came upon, and what became of it: `kind` is secret, resource, volume, address.

    `app` is the one it is part of; `why` says why it is wanted or not.
    """

    kind: str
    name: str
    outcome: Outcome
    why: str = ""
    app: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `problems` holds warnings and notices too; errors decide the exit status.

    `superseded` says why a run left everything to a newer one; else it is empty.
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

    def named(self, *statuses: Status) -> tuple[str, ...]:
        """The names of the apps that ended in one of `statuses`."""
        return tuple(app.app for app in self.apps if app.status in statuses)

    @property
    def exit_code(self) -> int:
        """0, or 1 when an app failed or was skipped, or something could not be removed."""
        failed = self.named("failed", "skipped") or any(each.outcome == "failed" for each in self.findings)
        return 1 if failed else 0


def redacted_report(report: Report, redact: Callable[[str], str]) -> Report:
    """Return the report with its free texts redacted; to be called before they are escaped for any format."""
    apps = (
        replace(app, problem=app.problem and app.problem.redacted(redact), image=redact(app.image))
        for app in report.apps
    )
    return replace(
        report,
        apps=tuple(apps),
        problems=tuple(problem.redacted(redact) for problem in report.problems),
        findings=tuple(replace(each, why=redact(each.why)) for each in report.findings),
        superseded=redact(report.superseded),
    )


def guest_text(guest: Mapping[str, Any]) -> str:
    """A Machine's CPUs and memory, as sizes are written everywhere; empty where nothing is known."""
    kind, cpus, memory = guest.get("cpu_kind"), guest.get("cpus"), guest.get("memory_mb")
    if not (kind and cpus and memory):
        return ""
    return f"{'shared-cpu' if kind == 'shared' else kind}-{cpus}x, {memory} MB"

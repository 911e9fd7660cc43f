"""The newest commit wins: an app that runs a descendant of this run's commit is left as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scorefly.config.settings import Settings
from scorefly.desired.load import Loaded
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.report import AppReport, Report
from scorefly.state.document import EnvironmentState
from scorefly.state.session import on_git


@dataclass(frozen=True, slots=True)
class CommitOrder:
    """This run's commit (empty: unknown), and the apps that were deployed from a later one, with that commit."""

    commit: str = ""
    newer_apps: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def notices(self) -> tuple[Problem, ...]:
        """Return what is to be said when the run goes on, though some of its apps stay as they are."""
        return tuple(
            Problem(
                f"{name} runs {other[:7]}, which is newer than this run's {self.commit[:7]}, and stays as it is",
                "force deploys this run's",
                severity="notice",
            )
            for name, other in self.newer_apps.items()
        )


def commit_order(settings: Settings, loaded: Loaded, state: EnvironmentState) -> CommitOrder:
    """Compares this run's commit with those its apps were deployed from.

    A file on one's own disk knows no queue of runs: there, what is asked for is deployed. An app counts by itself,
    for runs of one repository may deploy some of its workloads each.
    """
    from scorefly.config.checkout import source_folder
    from scorefly.state.repository import commit

    folder = source_folder(settings, [Path(workload.file) for workload in loaded.workloads])
    own = commit(settings, folder)
    deployed = {
        name: app.commit
        for name in _names(settings, loaded, state)
        if (app := state.apps.get(name)) and app.commit not in ("", own)
    }
    if not own or not deployed or settings.force or not (on_git(settings) or settings.trigger.commit):
        return CommitOrder(own)
    later = _later(settings, folder, own, set(deployed.values()))
    unknown = sorted(each for each, is_later in later.items() if is_later is None)
    newer_apps = {name: each for name, each in deployed.items() if later[each]}
    return CommitOrder(own, newer_apps, tuple(_unknown(own, each) for each in unknown))


def superseded(settings: Settings, loaded: Loaded, state: EnvironmentState, found: CommitOrder) -> Report | None:
    """The report of a run that has nothing to do, for each of its workloads runs a later commit; else None."""
    names = {settings.app_name(workload.name): workload.name for workload in loaded.workloads}
    if not names or not all(name in found.newer_apps for name in names):
        return None
    newer = sorted({commit[:7] for commit in found.newer_apps.values()})
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(
            AppReport(app=name, owner=workload, status="unchanged", workload=workload, url=state.apps[name].url)
            for name, workload in names.items()
        ),
        problems=found.problems,
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
        superseded=f"{found.commit[:7]} is older than {', '.join(newer)}",
    )


def _names(settings: Settings, loaded: Loaded, state: EnvironmentState) -> list[str]:
    """The apps of this run, as far as they can be known before resources are provisioned."""
    brought = [name for uid in loaded.graph.nodes if uid in state.resources for name in state.resources[uid].apps]
    return [*(settings.app_name(workload.name) for workload in loaded.workloads), *brought]


def _later(settings: Settings, folder: Path, own: str, others: Collection[str]) -> dict[str, bool | None]:
    """The checkout may know; the server does, and a rehearsal must not ask it."""
    from scorefly.git.history import later_on_server, later_than
    from scorefly.git.process import Git
    from scorefly.git.remote import GitRemote
    from scorefly.state.repository import address

    found: dict[str, bool | None] = dict.fromkeys(others)
    try:
        found |= later_than(Git(folder, settings.environ), own, others)
        unknown = [each for each, later in found.items() if later is None]
        if unknown and not settings.rehearse:
            with GitRemote(address(settings), settings.environ) as remote:
                found |= later_on_server(remote, own, unknown)
    except ScoreflyError:
        # No git, no server: what is not known stays so, and is said.
        return found
    return found


def _unknown(own: str, other: str) -> Problem:
    return Problem(
        f"git cannot tell whether {other[:7]}, which runs now, came before or after {own[:7]}",
        "this run goes on, as if it were the newer one",
        severity="warning",
    )

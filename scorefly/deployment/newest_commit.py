"""The newest commit wins: an app that runs a descendant of this run's commit is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from msgspec import Struct, field

from scorefly.config.settings import Settings
from scorefly.deployment.releases import timestamp
from scorefly.desired.load import Loaded
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.report import AppReport, Report
from scorefly.state.document import AppState, EnvironmentState
from scorefly.state.releases import Rollback
from scorefly.state.session import on_git


class CommitOrder(Struct, frozen=True):
    """This run's commit (empty: unknown), and the apps that were deployed from a later one, with that commit.

    `rolled_back` are the apps that stay as a rollback left them, because this run's commit is not newer than what it
    replaced. `started` is when the run began.
    """

    commit: str = ""
    newer_apps: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    rolled_back: Mapping[str, Rollback] = field(default_factory=dict)
    started: str = field(default_factory=timestamp)

    def keeps(self, app: AppState | None, key: Callable[[], str], *, force: bool) -> Rollback | None:
        """Return the rollback that keeps a deploy of this run from an app, or None.

        Where a commit is unknown, `key` of what would be deployed tells whether that was rolled back.
        """
        rollback = app.rollback if app else None
        if app is None or rollback is None or force:
            return None
        if self.commit and rollback.from_commit:
            return self.rolled_back.get(app.name)
        return rollback if key() in rollback.from_keys else None

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
        ) + tuple(rollback_notice(name, each) for name, each in self.rolled_back.items())


def rollback_notice(name: str, rollback: Rollback) -> Problem:
    """Say that an app stays as a rollback left it, and until when."""
    return Problem(
        f"{name} {rolled_back(rollback)}",
        "deploy a newer commit, or use force to deploy this one",
        severity="notice",
    )


def rolled_back(rollback: Rollback) -> str:
    """Say what a rollback replaced and until when it holds, after the name of an app."""
    if not (rollback.commit and rollback.from_commit):
        return "was rolled back, and stays as it is until something else is deployed"
    newest = rollback.from_commit[:7]
    return (
        f"was rolled back from {newest} to {rollback.commit[:7]}, and stays there until a commit newer than {newest} "
        "is deployed"
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
    deployed: dict[str, str] = {}
    rollbacks: dict[str, Rollback] = {}
    for name in _names(settings, loaded, state):
        app = state.apps.get(name)
        if app and app.rollback and app.rollback.from_commit:
            rollbacks[name] = app.rollback
        elif app and app.commit not in ("", own) and (on_git(settings) or settings.trigger.commit):
            deployed[name] = app.commit
    others = {*deployed.values(), *(each.from_commit for each in rollbacks.values())} - {own}
    if not own or settings.force or not (deployed or rollbacks):
        return CommitOrder(own)
    later: dict[str, bool | None] = {own: True, **(_later(settings, folder, own, others) if others else {})}
    unknown = sorted(each for each, is_later in later.items() if is_later is None)
    return CommitOrder(
        own,
        {name: each for name, each in deployed.items() if later[each]},
        tuple(_unknown(own, each) for each in unknown),
        {name: each for name, each in rollbacks.items() if later[each.from_commit]},
    )


def superseded(settings: Settings, loaded: Loaded, state: EnvironmentState, found: CommitOrder) -> Report | None:
    """Report a run that has nothing to do, because each of its workloads runs a later commit or was rolled back."""
    names = {settings.app_name(workload.name): workload.name for workload in loaded.workloads}
    if not names or not all(name in found.newer_apps or name in found.rolled_back for name in names):
        return None
    newer = sorted({commit[:7] for commit in found.newer_apps.values()})
    kept = tuple(rollback_notice(name, each) for name, each in found.rolled_back.items())
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(
            AppReport(app=name, owner=workload, status="unchanged", workload=workload, url=state.apps[name].url)
            for name, workload in names.items()
        ),
        problems=(*found.problems, *kept),
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
        superseded="" if kept else f"{found.commit[:7]} is older than {', '.join(newer)}",
        rolled_back=rolled_back(next(iter(found.rolled_back.values()))) if kept else "",
    )


def _names(settings: Settings, loaded: Loaded, state: EnvironmentState) -> list[str]:
    """The apps of this run, as far as they can be known before resources are provisioned."""
    resource_apps = [name for uid in loaded.graph.nodes if uid in state.resources for name in state.resources[uid].apps]
    return [*(settings.app_name(workload.name) for workload in loaded.workloads), *resource_apps]


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

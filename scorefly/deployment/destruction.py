"""Takes an environment away, with everything that is ours in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import DEFAULT_ENVIRONMENTS, is_preview
from scorefly.deployment.connection import Connection
from scorefly.deployment.deprovisioning import deprovision_each
from scorefly.deployment.ownership import bears_our_mark, marked_environments, not_ours
from scorefly.deployment.state_guard import unknown_apps, unknown_state
from scorefly.desired.order import waves
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.problems import Problem, ScoreflyError, input_error, nearest, option_place
from scorefly.report.report import AppReport, Finding, Report
from scorefly.run import Run
from scorefly.state.document import AppState
from scorefly.state.keeper import Keeper
from scorefly.state.session import known_environments


def destroy_environment(
    run: Run,
    live: Mapping[str, Sequence[MachineView]],
    connection: Connection,
) -> Report:
    """Deprovisions the resources in reverse order, destroys the apps, and then forgets the environment.

    `live` are the organization's Machines by app. What fails stays in the state, with what it needs, so that another
    run goes on from there.
    """
    unknown = _unknown(run, live)
    if run.settings.command == "destroy":
        _refuse_nothing(run, live)
    resources = deprovision_each(run, run.state.resources, connection.api)
    kept = _apps_of_kept(run.keeper, resources)
    destruction = AppDestroyer(run, connection.api, live)
    apps = destruction.destroy(each for each in destruction.known_and_marked() if each.name not in {*kept, *unknown})
    report = Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=apps,
        findings=resources,
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )
    if report.exit_code == 0 and not run.settings.dry_run:
        run.keeper.forget()
    return report


def _refuse_nothing(run: Run, live: Mapping[str, Sequence[MachineView]]) -> None:
    """Raise InputError where the environment that was named has neither state nor apps: it may be misspelt.

    A preview may be destroyed twice, by two events. So may an environment whose name is not misspelt: the default one
    of the CLI or the Action, and one with an entry in scorefly.yaml. There is a warning for those, if they were named.
    """
    state = run.state
    if not run.settings.environment_given or is_preview(run.settings.environment):
        return
    if state.apps or state.resources or state.workloads or state.shared:
        return
    marked = marked_environments(run.settings, (machine for machines in live.values() for machine in machines))
    if run.settings.environment in marked:
        return
    message = f"environment {run.settings.environment!r} has no state and no apps"
    if run.settings.environment_declared or run.settings.environment in DEFAULT_ENVIRONMENTS:
        hint = "if it still has apps, set state to where its state is kept"
        run.progress.problem(Problem(f"{message}: nothing is destroyed", hint, option_place("environment"), "warning"))
        return
    names = sorted({*known_environments(run.settings), *marked})
    raise input_error(message, nearest(run.settings.environment, names), option_place("environment"))


def _unknown(run: Run, live: Mapping[str, Sequence[MachineView]]) -> tuple[str, ...]:
    """Return the environment's running apps to leave alone, because its state does not know them.

    Raises InputError where the state knows none of those that run. A preview is destroyed by its mark alone.
    """
    if run.settings.new_state or run.settings.command != "destroy" or is_preview(run.settings.environment):
        return ()
    unknown = unknown_apps(run.settings, run.state, live) if run.settings.repository else ()
    if unknown and not (set(live) & run.state.apps.keys() - set(unknown)):
        raise unknown_state(run.settings, unknown)
    for name in unknown:
        message = (
            f"the app {name!r} belongs to {run.settings.environment}, but state does not know it, so it is left alone"
        )
        run.progress.problem(Problem(message, "set new-state to destroy it, too", severity="warning"))
    return unknown


class AppDestroyer(Struct, frozen=True):
    """Apps on their way out. `live` are the organization's Machines by app."""

    run: Run
    api: FlyApi
    live: Mapping[str, Sequence[MachineView]]

    def known_and_marked(self) -> list[AppState]:
        """The apps that state knows, and those whose Machines say that they are ours, should the state be lost.

        Without a repository that is not enough: other projects without one have environments of the same names.
        """
        known = self.run.state.apps
        marked = [name for name, machines in self.live.items() if bears_our_mark(self.run.settings, machines)]
        marked = marked if self.run.settings.repository else []
        return [*known.values(), *(AppState(name, owner="") for name in marked if name not in known)]

    def destroy(self, apps: Iterable[AppState]) -> tuple[AppReport, ...]:
        """Destroys the apps, each before those it needs, `max-parallel` at a time."""
        doomed = {app.name: app for app in apps}
        needs = {name: tuple(need for need in app.needs if need in doomed) for name, app in doomed.items()}
        ordered, _ = waves(needs)
        reports: list[AppReport] = []
        with ThreadPoolExecutor(self.run.settings.max_parallel, thread_name_prefix="destroy") as pool:
            for wave in reversed(ordered):
                reports += [each for each in pool.map(self._destroy, (doomed[name] for name in wave)) if each]
        return tuple(reports)

    def _destroy(self, app: AppState) -> AppReport | None:
        """None for an app that is not ours: it is left alone, and forgotten."""
        report = AppReport(app=app.name, owner=app.owner, workload=app.workload, status="destroyed")
        try:
            stranger = not_ours(self.run.settings, self.api, app.name, self.live.get(app.name, ()), self.run.state)
            if stranger:
                self.run.progress.problem(replace(stranger, severity="warning"))
            if not self.run.settings.dry_run:
                if not stranger:
                    self.run.keeper.confirm_lock()
                    self.api.delete_app(app.name)
                    self.run.progress.step(f"{app.name}: destroyed")
                self.run.keeper.record(lambda state: state.without_app(app.name))
        except ScoreflyError as error:
            problem = Problem(f"{app.name} could not be destroyed: {error.problems[0].message}", error.problems[0].hint)
            self.run.progress.problem(problem)
            return replace(report, status="failed", problem=problem)
        return None if stranger else report


def _apps_of_kept(keeper: Keeper, findings: Iterable[Finding]) -> set[str]:
    """The apps that resources bring which could not be removed: they may be needed for that."""
    kept = [each.name for each in findings if each.outcome == "failed"]
    return {app for uid in kept for app in keeper.state.resources[uid].apps}

"""Lists the Machines that run: of the whole organization, and of single apps where that does not show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scorefly.config.settings import Settings
from scorefly.deployment.connection import SharedFly
from scorefly.desired.load import Loaded
from scorefly.fly.api import FlyApi
from scorefly.fly.api.errors import ForbiddenError
from scorefly.fly.api.machines import MachineView
from scorefly.state.document import EnvironmentState

LOOKS = 8  # apps asked at a time


def list_machines(
    settings: Settings, api: FlyApi, apps: Iterable[str], shared: SharedFly | None = None
) -> Mapping[str, Sequence[MachineView]]:
    """Return the Machines by app; the listing of an organization may be late.

    Where regions are missing from it, each app of the organization is asked. A deploy token of one app may not list
    the organization: those of `apps` that it may see are asked then. Raises ExternalError.
    """
    names = list(apps)
    try:
        found = shared.org_machines(settings, api) if shared else api.org_machines(settings.org)
        listed = _by_app(found.machines)
        if not found.missing_regions:
            return listed
        return {**listed, **_ask(api, {*listed, *api.org_apps(settings.org)})}
    except ForbiddenError:
        seen = _ask_allowed(api, names)
        if not seen:
            raise
        return {name: machines for name, machines in seen.items() if machines is not None}


def app_names(settings: Settings, loaded: Loaded, state: EnvironmentState) -> list[str]:
    """Return the names of the apps that a run is about, as far as they are known before anything is provisioned."""
    return sorted({*(settings.app_name(workload.name) for workload in loaded.workloads), *state.apps})


def _ask(api: FlyApi, apps: Iterable[str]) -> dict[str, Sequence[MachineView]]:
    """The Machines of each app as the app itself has them; nothing for apps that are not there."""
    names = sorted(apps)
    with ThreadPoolExecutor(LOOKS, thread_name_prefix="list") as pool:
        found = dict(zip(names, pool.map(api.find_machines, names), strict=True))
    return {name: machines for name, machines in found.items() if machines is not None}


def _ask_allowed(api: FlyApi, apps: Iterable[str]) -> dict[str, Sequence[MachineView] | None]:
    """Return the Machines of each app that the token may see, None for an app that does not exist."""
    names = sorted(apps)

    def ask(name: str) -> tuple[bool, Sequence[MachineView] | None]:
        try:
            return True, api.find_machines(name)
        except ForbiddenError:
            return False, None

    with ThreadPoolExecutor(LOOKS, thread_name_prefix="list") as pool:
        answers = dict(zip(names, pool.map(ask, names), strict=True))
    return {name: machines for name, (allowed, machines) in answers.items() if allowed}


def _by_app(machines: Sequence[MachineView]) -> dict[str, Sequence[MachineView]]:
    found: dict[str, list[MachineView]] = {}
    for machine in machines:
        found.setdefault(machine.app, []).append(machine)
    return {**found}

"""Refuse to work on an environment whose running apps the state does not know.

Machines carry the environment that made them and a fingerprint of its state. A run whose state is another one would
make new passwords for databases that are in use, so it is refused before anything is provisioned or changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from scorefly.config.settings import Settings
from scorefly.deployment.ownership import STATE_KEY, bears_our_mark, marked_owners, state_mark
from scorefly.desired.load import Loaded
from scorefly.fly.api.machines import MachineView
from scorefly.problems import InputError, Problem
from scorefly.state.document import EnvironmentState
from scorefly.state.session import on_git, state_place

_MAX_NAMES = 3


def refuse_unknown_apps(
    settings: Settings, loaded: Loaded, state: EnvironmentState, live: Mapping[str, Sequence[MachineView]]
) -> None:
    """Raise InputError when an app that this run is about is the environment's, and its state does not know it."""
    names = {settings.app_name(workload.name) for workload in loaded.workloads}
    unknown = [
        name
        for name in unknown_apps(settings, state, live)
        if name in names or _is_app_of_resource(settings, loaded.graph.nodes, name, live[name])
    ]
    if unknown and not settings.new_state:
        raise unknown_state(settings, unknown)


def unknown_apps(
    settings: Settings, state: EnvironmentState, live: Mapping[str, Sequence[MachineView]]
) -> tuple[str, ...]:
    """List the running apps that carry this environment's mark and that the state does not know, by name."""
    return tuple(
        sorted(
            name
            for name, machines in live.items()
            if bears_our_mark(settings, machines) and not _knows(state, name, machines)
        )
    )


def unknown_state(settings: Settings, apps: Sequence[str]) -> InputError:
    """Return the error for running apps that the state does not know."""
    shown = ", ".join(apps[:_MAX_NAMES]) + (", …" if len(apps) > _MAX_NAMES else "")
    if settings.rehearse:
        way = "remove .scorefly/rehearsal to begin with an empty rehearsal"
    elif on_git(settings):
        way = "put the ref back (docs/state.md) if it was deleted, or set state to where the state is kept"
    else:
        way = "use the state that does: set `state: git` in scorefly.yaml, or copy the state file and its key here"
    if not (settings.repository or settings.rehearse):
        way = f"choose another app-prefix if another project made it; else {way}"
    anew = "new-state: true" if settings.in_action else "--new-state"
    return InputError(
        Problem(
            f"{settings.environment} already runs on Fly ({'app' if len(apps) == 1 else 'apps'} {shown}), "
            f"but the state in {state_place(settings)} does not know it",
            f"{way}; {anew} goes on with this state, and databases get new passwords",
        )
    )


def _knows(state: EnvironmentState, name: str, machines: Sequence[MachineView]) -> bool:
    others = {machine.metadata.get(STATE_KEY, "") for machine in machines} - {"", state_mark(state)}
    return name in state.apps and not others


def _is_app_of_resource(settings: Settings, uids: Collection[str], name: str, machines: Sequence[MachineView]) -> bool:
    """Names of resources' apps are known once they are provisioned; the Machines tell whose they are before that."""
    ours = name.startswith(settings.app_prefix) and name.endswith(settings.app_suffix)
    return ours and not marked_owners(machines).isdisjoint(uids)

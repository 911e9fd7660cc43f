"""Decides whether an app belongs to this environment. An app of others is neither changed nor destroyed.

An app is ours when its Machines say so, or when it is the very app that state says we made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from scorefly.config.settings import Settings
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.problems import Problem
from scorefly.state.document import AppState, EnvironmentState

OWNER_KEY = "scorefly_owner"
STATE_KEY = "scorefly_state"
_NO_REPOSITORY = "-"


def owner_mark(settings: Settings, owner: str) -> str:
    """Return what a Machine says of who made it: `<repository> <environment> <workload or resource uid>`."""
    return f"{_environment_mark(settings)} {owner}"


def state_mark(state: EnvironmentState) -> str:
    """Return a fingerprint of the state that made a Machine's app; it tells states apart and nothing else."""
    return hashlib.sha256(f"scorefly-state {state.seed}".encode()).hexdigest()[:12]


def marks(settings: Settings, state: EnvironmentState, owner: str) -> dict[str, str]:
    """Return what a Machine's metadata says of whose it is."""
    return {OWNER_KEY: owner_mark(settings, owner), STATE_KEY: state_mark(state)}


def marked_owners(machines: Iterable[MachineView]) -> set[str]:
    """Return the workloads or resource uids that Machines say they belong to."""
    return {machine.metadata.get(OWNER_KEY, "").partition(" ")[2].partition(" ")[2] for machine in machines} - {""}


def bears_our_mark(settings: Settings, machines: Iterable[MachineView]) -> bool:
    """Decide whether some of an app's Machines say that this environment made them, and none says another."""
    return {_made_by(machine) for machine in machines} - {""} == {_environment_mark(settings)}


def marked_environments(settings: Settings, machines: Iterable[MachineView]) -> dict[str, list[MachineView]]:
    """The environments of this repository that Machines speak of, with those Machines."""
    found: dict[str, list[MachineView]] = {}
    for machine in machines:
        repository, _, environment = _made_by(machine).partition(" ")
        if environment and repository == (settings.repository or _NO_REPOSITORY):
            found.setdefault(environment, []).append(machine)
    return found


def other_environment(settings: Settings, machines: Iterable[MachineView]) -> str:
    """Return which other environment made an app, in words; empty when its Machines name none."""
    others = sorted({_made_by(machine) for machine in machines} - {"", _environment_mark(settings)})
    if not others:
        return ""
    repository, _, environment = others[0].partition(" ")
    return f"environment {environment!r}{'' if repository == _NO_REPOSITORY else f' of {repository}'}"


def not_ours(
    settings: Settings,
    api: FlyApi,
    name: str,
    machines: Sequence[MachineView],
    state: EnvironmentState,
) -> Problem | None:
    """Return why an app that exists must be left alone, or None when it is ours.

    The app that was being made when a run was killed is ours while nothing is in it. Without a repository the mark is
    not enough, because another project without one has the same: then what is of this very state counts.
    """
    known = state.apps.get(name)
    marked = bears_our_mark(settings, machines)
    sure = settings.repository or settings.new_state or _was_deployed_without_id(known)
    if marked and (sure or all(machine.metadata.get(STATE_KEY) == state_mark(state) for machine in machines)):
        return None
    found = api.app(name)
    if found is None:
        return None
    if known is not None and (known.id == found.id if known.id else not machines):
        return None
    if marked:
        who = "may be another project's, because neither has a git remote, and state does not know its id"
    elif other := other_environment(settings, machines):
        who = f"belongs to {other}"
    else:
        who = "was not made by scorefly for this environment"
    hint = "choose another app-prefix or app-suffix, or destroy that app if nobody needs it"
    if marked:
        hint = "add a git remote called origin, and choose another app-prefix or app-suffix"
    elif not other_environment(settings, machines):
        hint += f"; to take it over, run `scorefly adopt {name} --environment {settings.environment}`"
    return Problem(f"the app {name!r} {who}, so it is left alone", hint)


def _was_deployed_without_id(known: AppState | None) -> bool:
    """Earlier versions kept no ids of the apps they deployed."""
    return known is not None and not known.id and bool(known.digest)


def _environment_mark(settings: Settings) -> str:
    return f"{settings.repository or _NO_REPOSITORY} {settings.environment}"


def _made_by(machine: MachineView) -> str:
    """The repository and the environment, or an empty text."""
    return " ".join(machine.metadata.get(OWNER_KEY, "").split(" ")[:2])

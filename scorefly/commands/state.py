"""`state show`, `state unlock`, `state rotate-key`: looking after the state of one environment."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.problems import input_error
from scorefly.report.progress import Progress
from scorefly.state.document import AppState, EnvironmentState, ResourceState
from scorefly.state.document_json import VERSION
from scorefly.state.session import open_store, repository_of, take_lock
from scorefly.state.store import StateStore
from scorefly.values import Tree, redact


def show_state(settings: Settings) -> dict[str, Any]:
    """All that state knows, as plain data: `***` for what is secret, and no fingerprint, nor what makes one."""
    with open_store(settings) as store:
        state = store.load()
        about = {"environment": settings.environment, "kept in": store.place, "locked by": store.holder() or "nobody"}
    return about | (_shown(state) if state else {"state": "none yet"})


def unlock_state(settings: Settings) -> str:
    """Takes the lock from a run that is dead. Returns the holder; empty when there was none."""
    with open_store(settings, reads=False) as store:
        holder = store.holder()
        if holder:
            store.unlock()
    return holder


def rotate_key(settings: Settings, progress: Progress) -> str:
    """Encrypts the state with the first key. Returns where it is kept. Raises InputError when there is none."""
    with open_store(settings) as store, ExitStack() as held:
        take_lock(store, held, settings.lock_timeout, progress.step)
        store.rotate(_existing(store, settings))
        return store.place


def rebind(settings: Settings, progress: Progress) -> str:
    """Bind the state to this repository, whichever it belonged to. Returns where it is kept.

    Raises InputError when there is none.
    """
    with open_store(settings, rebinds=True) as store, ExitStack() as held:
        take_lock(store, held, settings.lock_timeout, progress.step)
        store.save(replace(_existing(store, settings), repository=repository_of(settings)))
        return store.place


def _existing(store: StateStore, settings: Settings) -> EnvironmentState:
    state = store.load()
    if state is None:
        raise input_error(
            f"there is no state of {settings.environment} in {store.place}", "set --environment and --state"
        )
    return state


def _shown(state: EnvironmentState) -> dict[str, Any]:
    return {
        "version": VERSION,
        "repository": state.repository.name or "unknown",
        "apps": {name: _app(app) for name, app in sorted(state.apps.items())},
        "resources": {uid: _resource(resource) for uid, resource in sorted(state.resources.items())},
        "shared": redact(dict(state.shared)),
    }


def _app(app: AppState) -> dict[str, Any]:
    return {
        "workload": app.workload or f"none: it comes with {app.owner}",
        "url": app.url,
        "commit": app.commit or "unknown",
        "digest": app.digest,
        "ports": {name: f"{port} to {target}" for name, (port, target) in app.ports.items()},
        "secrets": sorted(app.secrets),
    }


def _resource(resource: ResourceState) -> dict[str, Any]:
    trees: dict[str, dict[str, Tree]] = {
        name: dict(getattr(resource, name)) for name in ("params", "outputs", "state", "random")
    }
    return {
        "provisioner": resource.provisioner,
        "guid": resource.guid,
        "workloads": list(resource.workloads),
        "apps": list(resource.apps),
        **{name: redact(tree) for name, tree in trees.items()},
    }

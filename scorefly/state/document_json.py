"""The state document as JSON: whole, as changes since another one, and read again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import to_builtins

from scorefly.problems import InputError, Problem
from scorefly.state.document import (
    NOT_KEPT,
    TREES,
    AppState,
    EnvironmentState,
    Repository,
    ResourceState,
    SecretState,
    SourceState,
)
from scorefly.state.migrations import migrate
from scorefly.state.releases import Release, Rollback
from scorefly.values import Tree, from_json, holds_given, holds_secret, to_json, without_given

VERSION = 5
_GIVEN_ONLY = ("template://scorefly/secret", "template://scorefly/environment")


def dump(state: EnvironmentState) -> bytes:
    """Return the canonical JSON of a state: the same bytes for the same state.

    What was made from a secret that the run was given is left out: every run is given it anew.
    """
    data = {
        "version": VERSION,
        "environment": state.environment,
        "repository": to_builtins(state.repository),
        "seed": state.seed,
        "shared": to_json(without_given(state.shared)),
        "resources": {uid: _resource_json(each) for uid, each in state.resources.items()},
        "apps": {name: _app_json(each) for name, each in state.apps.items()},
        "workloads": dict(state.workloads),
        # A state without these is the same for versions that do not know them.
        **({"sources": {name: to_builtins(each) for name, each in state.sources.items()}} if state.sources else {}),
        **({"synced": state.synced} if state.synced else {}),
    }
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def dump_changes(before: EnvironmentState, after: EnvironmentState) -> bytes | None:
    """Return the JSON of what differs between two states of one document; None where more than entries do.

    An entry is there whole, or null when it was removed. Entries that are the same object are not compared, so that the
    cost follows what changed.
    """
    constant = [name for name in EnvironmentState.__struct_fields__ if name not in (*_ENTRIES, "shared")]
    if any(getattr(before, name) != getattr(after, name) for name in constant):
        return None
    changes: dict[str, Any] = {}
    if before.shared != after.shared:
        changes["shared"] = to_json(without_given(after.shared))
    for part, to_entry in _ENTRIES.items():
        old, new = getattr(before, part), getattr(after, part)
        changed = {
            name: to_entry(entry)
            for name, entry in new.items()
            if (before_it := old.get(name)) is not entry and before_it != entry
        }
        changes[part] = changed | {name: None for name in old if name not in new}
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":")).encode()


def _apply(data: dict[str, Any], changes: dict[str, Any]) -> None:
    if "shared" in changes:
        data["shared"] = changes["shared"]
    for part in _ENTRIES:
        entries = data.setdefault(part, {})
        for name, entry in changes.get(part, {}).items():
            if entry is None:
                entries.pop(name, None)
            else:
                entries[name] = entry


def load(content: bytes, changes: Iterable[bytes] = ()) -> EnvironmentState:
    """Read a state from its JSON, with changes that were made since.

    Raises InputError when it is of a newer version, or is not a state document.
    """
    try:
        data = json.loads(content)
        for change in changes:
            _apply(data, json.loads(change))
        version = data["version"]
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                Problem(
                    f"the state has version {version}, and this scorefly knows {VERSION}",
                    "use a newer scorefly",
                )
            )
        migrate(data, VERSION)
        return EnvironmentState(
            environment=data["environment"],
            seed=data["seed"],
            repository=Repository(str(data["repository"]["name"]), str(data["repository"]["id"])),
            shared=_tree(data["shared"]),
            resources={uid: _resource(each) for uid, each in data["resources"].items()},
            apps={name: _app(each) for name, each in data["apps"].items()},
            workloads=dict(data["workloads"]),
            sources={name: SourceState(**each) for name, each in data.get("sources", {}).items()},
            synced=str(data.get("synced", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            Problem("the state is damaged: it is not a state document", "restore it from a copy")
        ) from error


def _resource_json(resource: ResourceState) -> dict[str, Any]:
    plain = {name: getattr(resource, name) for name in ResourceState.__struct_fields__ if name not in TREES}
    kept: dict[str, dict[str, Tree]] = {name: without_given(getattr(resource, name)) for name in TREES}
    # The name of such a param, state value or output stays: a later run has to know that it lacks the value.
    for name in ("params", "state", "outputs"):
        kept[name] = {key: NOT_KEPT if holds_given(value) else value for key, value in getattr(resource, name).items()}
    return {**plain, **{name: to_json(dict(tree)) for name, tree in kept.items()}}


def _resource(data: dict[str, Any]) -> ResourceState:
    trees = {name: _tree(data.get(name, {})) for name in TREES}
    if data["provisioner"] in _GIVEN_ONLY:
        # Earlier versions kept these values.
        trees["outputs"] = {
            name: NOT_KEPT if holds_secret(value) else value for name, value in trees["outputs"].items()
        }
    lists = {name: tuple(data.get(name, ())) for name in ("workloads", "needs", "apps")}
    return ResourceState(**{**data, **trees, **lists})


def _app_json(app: AppState) -> dict[str, Any]:
    """Return the app as JSON data; `to_builtins` would copy every string of it."""
    return {
        **{name: getattr(app, name) for name in AppState.__struct_fields__},
        "secrets": {name: to_builtins(each) for name, each in app.secrets.items()},
        "releases": [[getattr(each, name) for name in Release.__struct_fields__] for each in app.releases],
        "rollback": to_builtins(app.rollback) if app.rollback else None,
    }


def _app(data: dict[str, Any]) -> AppState:
    secrets = {name: SecretState(**each) for name, each in data["secrets"].items()}
    ports = {name: (int(port), int(target)) for name, (port, target) in data["ports"].items()}
    lists = {name: tuple(data[name]) for name in ("needs", "addresses", "uses", "used_secrets")}
    releases = tuple(_release(each) for each in data["releases"])
    rollback = data["rollback"]
    if rollback is not None:
        rollback = Rollback(**{**rollback, "from_keys": tuple(rollback["from_keys"])})
    return AppState(**{**data, **lists, "secrets": secrets, "ports": ports, "releases": releases, "rollback": rollback})


def _release(data: list[Any]) -> Release:
    named = dict(zip(Release.__struct_fields__, data, strict=True))
    return Release(**{**named, "commits": tuple(named["commits"])})


def _tree(data: Any) -> dict[str, Tree]:
    tree = from_json(data)
    if not isinstance(tree, dict):
        raise TypeError("a mapping is required")
    return tree


_ENTRIES: Mapping[str, Callable[[Any], Any]] = {
    "resources": _resource_json,
    "apps": _app_json,
    "workloads": str,
    "sources": to_builtins,
}

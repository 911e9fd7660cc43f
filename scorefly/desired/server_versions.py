"""Versions of the database servers that run: kept from deploy to deploy, and compared with newer releases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from scorefly.desired.last_deploy import last_deploy
from scorefly.problems import Problem
from scorefly.resources.engines import ENGINES, Engine
from scorefly.state.document import NOT_KEPT, EnvironmentState, ResourceState
from scorefly.values import Tree


def kept_state(state: EnvironmentState, resource: ResourceState) -> Mapping[str, Tree]:
    """Return a resource's state with the version of its server, which states of earlier versions lack."""
    engine = ENGINES.get(resource.provisioner)
    if engine is None or engine.shared_key or resource.state.get("version"):
        return resource.state
    deployed = _deployed(state, resource, engine)
    return {**resource.state, "version": deployed} if deployed else resource.state


def kept_shared(state: EnvironmentState, uri: str) -> Mapping[str, Tree]:
    """Return the shared state with the version of a provisioner's server, which states of earlier versions lack."""
    engine = ENGINES.get(uri)
    if engine is None or not engine.shared_key or state.shared.get(engine.shared_key):
        return state.shared
    users = (each for each in state.resources.values() if each.provisioner == uri)
    deployed = next(filter(None, (_deployed(state, each, engine) for each in users)), "")
    return {**state.shared, engine.shared_key: deployed} if deployed else state.shared


def server_version(state: EnvironmentState, resource: ResourceState) -> str:
    """Return the version of a resource's server; empty where it has none of the built-in ones."""
    engine = ENGINES.get(resource.provisioner)
    if engine is None:
        return ""
    if engine.shared_key:
        return str(kept_shared(state, resource.provisioner).get(engine.shared_key) or "")
    version = kept_state(state, resource).get("version") or ""
    return "" if version == NOT_KEPT else str(version)


def deployed_version(state: EnvironmentState, resource: ResourceState) -> str:
    """Return the version of a resource's server in its last good deploy; empty where that is not known."""
    engine = ENGINES.get(resource.provisioner)
    return _deployed(state, resource, engine) if engine else ""


def with_version(state: EnvironmentState, resource: ResourceState, version: str) -> EnvironmentState:
    """Return the state in which a resource's server has another version."""
    engine = ENGINES[resource.provisioner]
    if engine.shared_key:
        return replace(state, shared={**state.shared, engine.shared_key: version})
    return state.with_resource(replace(resource, state={**resource.state, "version": version}))


def newer_release_notices(state: EnvironmentState, uids: Collection[str]) -> Iterator[Problem]:
    """Yield a notice for each server of these resources of whose line there is a newer release; one a server."""
    reported = set[tuple[str, ...]]()
    for uid in sorted(uids):
        resource = state.resources.get(uid)
        version = server_version(state, resource) if resource else ""
        newer = ENGINES[resource.provisioner].newer(version) if resource and version else ""
        if not resource or not newer or resource.apps in reported:
            continue
        reported.add(resource.apps)
        name = ENGINES[resource.provisioner].name
        way = f"`scorefly resources upgrade '{uid}'` takes a snapshot of its volume and moves it there"
        if resource.params.get("version"):
            way = "its version is stated in a Score file: take a snapshot of its volume, and state the newer one there"
        yield Problem(f"{uid} runs {name} {version}, and there is {newer}", way, severity="notice")


def _deployed(state: EnvironmentState, resource: ResourceState, engine: Engine) -> str:
    """Return the version that was deployed last."""
    images = (last_deploy(state.apps.get(name)).image for name in resource.apps)
    return next(filter(None, map(engine.version_of, images)), "")

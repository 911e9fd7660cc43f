"""`resources move`: gives a resource another uid, and keeps its app, its volume and its password."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.deployment.deprovisioning import resource_in
from scorefly.problems import Problem, input_error, option_place
from scorefly.resources.managed_postgres import with_user_renamed
from scorefly.state.document import EnvironmentState, ResourceState
from scorefly.state.keeper import Keeper


def move_resource(old: str, new: str, keeper: Keeper) -> Problem | None:
    """Rename a resource in state; nothing on Fly changes. Raises InputError where the names do not fit.

    Returns a warning where its template has to give its app the name it has.
    """
    resource = resource_in(keeper.state, old)
    place = option_place("uid")
    kind, sharp, new_id = new.partition("#")
    type_, dot, class_ = kind.partition(".")
    if not (sharp and dot and new_id and class_):
        hint = "for example postgres.default#web.db, as `scorefly resources list` shows it"
        raise input_error(f"{new!r} is not a uid of the form type.class#id", hint, place)
    if (type_, class_) != (resource.type, resource.class_):
        message = f"{old} is of type {resource.type}, class {resource.class_}, and {new} is not"
        raise input_error(message, "data cannot be moved to another kind of resource: copy it over", place)
    if new in keeper.state.resources:
        hint = f"remove the new and empty one first: `scorefly resources deprovision '{new}'`"
        raise input_error(f"{new} was provisioned already", hint, place)
    moved = replace(resource, uid=new, id=new_id)
    if "." in new_id and "." in resource.id:  # of one workload: the one that the new id names
        name = new_id.partition(".")[0]
        moved = replace(moved, workloads=(name,), owner=name, defined_by=name)
    keeper.record(lambda state: _renamed(state, old, moved))
    if resource.apps and not resource.app_stems:
        hint = "deploy once with the old name before the move, to keep the names"
        message = f"state does not know by which name the template calls {', '.join(resource.apps)}"
        return Problem(message, hint, severity="warning")
    return None


def _renamed(state: EnvironmentState, old: str, moved: ResourceState) -> EnvironmentState:
    def name(uid: str) -> str:
        return moved.uid if uid == old else uid

    resources = {
        uid: replace(each, needs=tuple(name(need) for need in each.needs))
        for uid, each in state.without_resource(old).resources.items()
    }
    apps = {
        key: replace(app, owner=name(app.owner), uses=tuple(name(uid) for uid in app.uses))
        for key, app in state.apps.items()
    }
    shared = with_user_renamed(state.shared, old, moved.uid)
    return replace(state, resources={**resources, moved.uid: moved}, apps=apps, shared=shared)

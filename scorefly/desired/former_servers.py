"""Keeps resources on the server that made them, where new ones get another."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.desired.load import Loaded
from scorefly.resources.files import built_in_provisioners
from scorefly.state.document import EnvironmentState

# The provisioners of servers that new resources do not get, by that of the server that they get.
FORMER = {"template://scorefly/s3-gateway": "template://scorefly/s3"}


def with_former_servers(loaded: Loaded, state: EnvironmentState) -> Loaded:
    """Return the resources with the provisioner that state has for them, where new ones get another server.

    No data is moved from one server to another unasked.
    """
    known = {uid: resource.provisioner for uid, resource in state.resources.items()}
    kept = {
        uid: FORMER[each.spec.uri]
        for uid, each in loaded.provisioners.items()
        if each.spec.built_in and known.get(uid, "") == FORMER.get(each.spec.uri)
    }
    if not kept:
        return loaded
    by_uri = {each.spec.uri: each for each in built_in_provisioners()}
    changed = {uid: by_uri[uri] for uid, uri in kept.items()}
    return replace(loaded, provisioners={**loaded.provisioners, **changed})

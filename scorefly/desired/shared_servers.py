"""Selects the resources of a preview that are on a server that all previews share."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.config.settings import Settings, is_preview
from scorefly.desired.load import Loaded
from scorefly.fly.names import resource_app_name
from scorefly.resources.files import built_in_provisioners
from scorefly.state.document import EnvironmentState

ENVIRONMENT = "previews"  # the servers are in it
URI = "template://scorefly/postgres-previews"
_OWN = ("template://scorefly/postgres", "template://scorefly/postgres-shared")


def with_shared_servers(settings: Settings, loaded: Loaded, state: EnvironmentState) -> Loaded:
    """Return the resources with the provisioner of the shared server, where the preview asks for it.

    A resource that the preview had before stays where it is, on a server of its own or on the shared one.
    """
    asked = "postgres" in settings.shared_in_previews and is_preview(settings.environment)
    known = {uid: resource.provisioner for uid, resource in state.resources.items()}
    changing = [
        uid
        for uid, each in loaded.provisioners.items()
        if each.spec.built_in and each.spec.uri in _OWN and known.get(uid, URI if asked else "") == URI
    ]
    if not changing:
        return loaded
    shared = next(each for each in built_in_provisioners() if each.spec.uri == URI)
    changed = dict.fromkeys(changing, shared)
    return replace(loaded, provisioners={**loaded.provisioners, **changed})


def base_suffix(settings: Settings) -> str:
    """Return the suffix of app names without the part that tells a preview from others."""
    return settings.app_suffix.removesuffix(f"-{settings.environment}")


def server_name(settings: Settings, kind: str) -> str:
    """Return the name of the app that all previews share."""
    return resource_app_name(settings.app_prefix, f"previews-{kind}", base_suffix(settings))

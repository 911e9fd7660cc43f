"""Names the data of managed services that a resource takes along when it is removed."""

from __future__ import annotations

from scorefly.resources import managed_postgres, tigris, upstash
from scorefly.state.document import EnvironmentState, ResourceState

# What these provision is outside of the apps: in services of Fly and its partners.
MANAGED = (managed_postgres.URI, tigris.URI, upstash.URI)


def managed_data(state: EnvironmentState, resource: ResourceState) -> str:
    """Return what is destroyed with its data when a resource is removed, such as a cluster; empty where nothing is.

    A database on a cluster that others use stays, and a bucket that is not empty cannot be deleted.
    """
    if resource.provisioner == upstash.URI and resource.state.get("name"):
        return f"the Upstash Redis {resource.state['name']}"
    if resource.provisioner == managed_postgres.URI:
        name = str(resource.state.get("cluster") or "")
        cluster = managed_postgres.clusters_in(state.shared).get(name, {})
        users = cluster.get("users")
        if cluster.get("own") and set(users if isinstance(users, dict) else {}) <= {resource.uid}:
            return f"the Managed Postgres cluster {name}"
    return ""

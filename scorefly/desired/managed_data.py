"""Names the data of managed services: where a resource has it, and what goes with it when it is removed."""

from __future__ import annotations

from scorefly.resources import managed_postgres, tigris, upstash
from scorefly.state.document import EnvironmentState, ResourceState


def managed_data(state: EnvironmentState, resource: ResourceState) -> str:
    """Return what is destroyed with its data when a resource is removed, such as a cluster; empty where nothing is.

    A database on a cluster that others use stays, and a bucket that is not empty cannot be deleted.
    """
    if resource.provisioner == upstash.URI:
        return managed_data_in(resource)
    if resource.provisioner == managed_postgres.URI:
        name = str(resource.state.get("cluster") or "")
        cluster = managed_postgres.clusters_in(state.shared).get(name, {})
        users = cluster.get("users")
        if cluster.get("own") and set(users if isinstance(users, dict) else {}) <= {resource.uid}:
            return f"the Managed Postgres cluster {name}"
    return ""


def managed_data_in(resource: ResourceState) -> str:
    """Describe a database or bucket that scorefly made beside the apps."""
    if resource.provisioner == managed_postgres.URI and (name := resource.state.get("name")):
        return f"database {name} of the Managed Postgres cluster {resource.state.get('cluster')}"
    if resource.provisioner == upstash.URI and (name := resource.state.get("name")):
        return f"the Upstash Redis {name}"
    if resource.provisioner == tigris.URI and (bucket := resource.state.get("bucket")):
        return f"bucket {bucket}"
    return ""

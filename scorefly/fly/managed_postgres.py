"""The calls of Fly Managed Postgres: clusters, their databases and users. Source: flyctl's client of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.fly.api import FlyApi
from scorefly.http import mapping, objects, text

MAJORS = ("16", "17")
REGIONS = ("ams", "fra", "gru", "iad", "lax", "lhr", "nrt", "ord", "sin", "sjc", "syd", "yyz")
MAX_GB = 500  # at creation
_PLAN_KEYS = {"performance": "Performance"}  # as flyctl sends it; all others are in small letters


class Cluster(Struct, frozen=True):
    """A cluster as Fly has it. `url` leads to its pooler, with a password; empty until the cluster is ready."""

    id: str
    name: str
    status: str
    url: str = ""


class ManagedPostgresApi(Struct, frozen=True):
    """The calls for one organization; `region` is where a cluster is created that states none."""

    api: FlyApi
    org: str
    region: str = ""

    def find(self, name: str) -> tuple[Cluster, ...]:
        """Return the organization's clusters of that name."""
        listed = self.api.read_platform("GET", f"/organizations/{self._raw_org()}/postgres", _clusters)
        return tuple(each for each in listed if each.name == name)

    def create(self, name: str, plan: str, region: str, size_gb: int, major: str) -> str:
        """Create a cluster, and return its id. Never repeated: there may be several of one name."""
        body = {
            "name": name,
            "region": region,
            "org_slug": self.org,
            "plan": _PLAN_KEYS.get(plan, plan),
            "pg_major_version": major,
            "storage_in_gb": size_gb,
            "postgis_enabled": False,
        }
        path = f"/organizations/{self._raw_org()}/postgresv2"
        return self.api.read_platform("POST", path, lambda data: text(_data(data), "id"), json=body)

    def cluster(self, cluster: str) -> Cluster:
        """Return a cluster with the URL of its pooler."""

        def read(data: Any) -> Cluster:
            known = mapping(mapping(data).get("credentials") or {})
            ready = text(known, "status", "") != "initializing"
            found = _cluster(_data(data))
            return Cluster(found.id, found.name, found.status, text(known, "pgbouncer_uri", "") if ready else "")

        return self.api.read_platform("GET", f"/postgresv2/{cluster}", read)

    def databases(self, cluster: str) -> frozenset[str]:
        """Return the names of a cluster's databases."""
        return self.api.read_platform("GET", f"/postgresv2/{cluster}/databases", _names)

    def create_database(self, cluster: str, name: str) -> None:
        """Create a database."""
        self.api.send_platform("POST", f"/postgresv2/{cluster}/databases", json={"name": name})

    def users(self, cluster: str) -> frozenset[str]:
        """Return the names of a cluster's users."""
        return self.api.read_platform("GET", f"/postgresv2/{cluster}/users", _names)

    def create_user(self, cluster: str, name: str) -> None:
        """Create a user who may change schemas."""
        body = {"username": name, "role": "schema_admin"}
        self.api.send_platform("POST", f"/postgresv2/{cluster}/users", json=body)

    def password(self, cluster: str, user: str) -> str:
        """Return a user's password."""
        path = f"/postgresv2/{cluster}/users/{user}/credentials"
        return self.api.read_platform("GET", path, lambda data: text(_data(data), "password"))

    def delete_user(self, cluster: str, user: str) -> None:
        """Delete a user; one that is gone is fine."""
        self.api.send_platform("DELETE", f"/postgresv2/{cluster}/users/{user}", accept=(404,))

    def destroy(self, cluster: str) -> None:
        """Destroy a cluster with its data; one that is gone is fine."""
        path = f"/organizations/{self._raw_org()}/postgresv2/{cluster}"
        self.api.send_platform("DELETE", path, accept=(404,))

    def _raw_org(self) -> str:
        """Return the organization's own slug: `personal` stands for another one."""

        def read(data: Any) -> str:
            return text(mapping(mapping(data).get("organization") or {}), "raw_slug", self.org)

        return self.api.read_platform("GET", f"/organizations/{self.org}", read)


def _data(data: Any) -> Mapping[str, Any]:
    return mapping(mapping(data).get("data") or {})


def _cluster(data: Mapping[str, Any]) -> Cluster:
    return Cluster(text(data, "id"), text(data, "name", ""), text(data, "status", ""))


def _clusters(data: Any) -> tuple[Cluster, ...]:
    return tuple(_cluster(each) for each in objects(mapping(data).get("data") or []))


def _names(data: Any) -> frozenset[str]:
    return frozenset(text(each, "name", "") for each in objects(mapping(data).get("data") or []))

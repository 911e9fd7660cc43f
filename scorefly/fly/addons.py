"""The calls for services of Fly's partners: buckets of Tigris, databases of Upstash Redis. Source: flyctl's client."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from scorefly import interruption
from scorefly.fly.api import FlyApi
from scorefly.http import MalformedAnswerError, mapping, objects, text
from scorefly.problems import external_error

Kind = Literal["tigris", "upstash_redis"]

WAIT = 240.0  # seconds until a new service is ready, as flyctl waits
_LIST = """query OrganizationAddOns($slug: String!, $type: AddOnType) {
  organization(slug: $slug) { id addOns(type: $type) { nodes { name } } }
}"""
_PROVIDER = """query GetAddOnProvider($name: String!) {
  addOnProvider(name: $name) { name asyncProvisioning tosUrl excludedRegions { code } }
}"""
_PLANS = """query ListAddOnPlans($type: AddOnType!) {
  addOnPlans(type: $type) { nodes { id displayName } }
}"""
_GET = """query GetAddOn($name: String, $provider: String) {
  addOn(name: $name, provider: $provider) { name status errorMessage publicUrl }
}"""
_CREATE_BUCKET = """mutation CreateExtension($input: CreateAddOnInput!) {
  createAddOn(input: $input) { addOn { name environment } }
}"""
_CREATE_REDIS = """mutation CreateAddOn($input: CreateAddOnInput!) {
  createAddOn(input: $input) { addOn { name publicUrl } }
}"""
_DELETE = """mutation DeleteAddOn($name: String, $provider: String) {
  deleteAddOn(input: {name: $name, provider: $provider}) { deletedAddOnName }
}"""
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "BUCKET_NAME")


class AddOnProvider(Struct, frozen=True):
    """A partner: the page with its terms, where it has nothing, and whether what it makes has to be waited for."""

    terms: str
    excluded_regions: frozenset[str]
    asynchronous: bool


class AddOnsApi(Struct, frozen=True):
    """The calls for one organization."""

    api: FlyApi
    org: str

    def organization(self, kind: Kind) -> tuple[str, frozenset[str]]:
        """Return the organization's id, and the names of its services of that kind."""

        def read(data: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
            found = mapping(data.get("organization") or {})
            nodes = objects(mapping(found.get("addOns") or {}).get("nodes") or [])
            return text(found, "id"), frozenset(text(each, "name", "") for each in nodes)

        return self.api.graphql(_LIST, {"slug": self.org, "type": kind}, read)

    def provider(self, kind: Kind) -> AddOnProvider:
        """Return what Fly says of the partner."""

        def read(data: Mapping[str, Any]) -> AddOnProvider:
            found = mapping(data.get("addOnProvider") or {})
            excluded = frozenset(text(each, "code", "") for each in objects(found.get("excludedRegions") or []))
            return AddOnProvider(text(found, "tosUrl", ""), excluded, bool(found.get("asyncProvisioning")))

        return self.api.graphql(_PROVIDER, {"name": kind}, read)

    def plans(self, kind: Kind) -> dict[str, str]:
        """Return the ids of a kind's plans, by the names that users see."""

        def read(data: Mapping[str, Any]) -> dict[str, str]:
            nodes = objects(mapping(data.get("addOnPlans") or {}).get("nodes") or [])
            return {text(each, "displayName", ""): text(each, "id") for each in nodes}

        return self.api.graphql(_PLANS, {"type": kind}, read)

    def create_bucket(self, organization_id: str, name: str) -> Mapping[str, str]:
        """Create a bucket, and return its environment, which Fly shows this once."""
        options = {"public": False, "accelerate": False, "website": {"domain_name": ""}}
        asked = {"organizationId": organization_id, "name": name, "type": "tigris", "options": options}

        def read(made: Mapping[str, Any]) -> Mapping[str, str]:
            environment = mapping(made.get("environment") or {})
            if missing := [key for key in _KEYS if not environment.get(key)]:
                raise MalformedAnswerError(f"environment has no {', '.join(missing)}")
            return {key: text(environment, key) for key in _KEYS}

        return self.api.graphql(_CREATE_BUCKET, {"input": asked}, lambda data: read(_made(data)))

    def create_redis(self, organization_id: str, name: str, plan: str, region: str, *, eviction: bool) -> str:
        """Create a database, and return its URL with the password; empty where that is not known yet."""
        asked = {
            "organizationId": organization_id,
            "name": name,
            "type": "upstash_redis",
            "planId": plan,
            "primaryRegion": region,
            "readRegions": [],
            "options": {"eviction": True} if eviction else {},
        }
        return self.api.graphql(_CREATE_REDIS, {"input": asked}, lambda data: text(_made(data), "publicUrl", ""))

    def wait(self, kind: Kind, name: str) -> str:
        """Wait until a service is ready, and return its URL, if it has one. Raises ExternalError."""
        deadline, delay = time.monotonic() + WAIT, 0.2
        while True:
            status, error, url = self._status(kind, name)
            if status == "ready":
                return url
            if status == "error":
                raise external_error(f"{name} was not provisioned: {error or 'Fly does not say why'}", "deploy again")
            if time.monotonic() > deadline:
                raise external_error(f"{name} is not ready after {WAIT:.0f} s", "deploy again: it goes on with it")
            interruption.sleep(delay)
            delay = min(2.0, delay * 2)

    def delete(self, kind: Kind, name: str) -> None:
        """Delete a service. Fly refuses to delete a bucket that is not empty."""
        self.api.graphql(_DELETE, {"name": name, "provider": kind}, lambda _: None)

    def _status(self, kind: Kind, name: str) -> tuple[str, str, str]:
        def read(data: Mapping[str, Any]) -> tuple[str, str, str]:
            found = mapping(data.get("addOn") or {})
            return text(found, "status", ""), text(found, "errorMessage", ""), text(found, "publicUrl", "")

        return self.api.graphql(_GET, {"name": name, "provider": kind}, read)


def _made(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(data.get("createAddOn") or {}).get("addOn") or {})

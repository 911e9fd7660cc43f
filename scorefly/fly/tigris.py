"""The calls for buckets of Tigris, Fly's object storage. Source: flyctl's client of extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.fly.api import FlyApi
from scorefly.http import MalformedAnswerError, mapping, objects, text

_LIST = """query OrganizationAddOns($slug: String!) {
  organization(slug: $slug) { id addOns(type: tigris) { nodes { name } } }
}"""
_CREATE = """mutation CreateExtension($input: CreateAddOnInput!) {
  createAddOn(input: $input) { addOn { name environment } }
}"""
_DELETE = """mutation DeleteAddOn($name: String, $provider: String) {
  deleteAddOn(input: {name: $name, provider: $provider}) { deletedAddOnName }
}"""
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "BUCKET_NAME")


class TigrisApi(Struct, frozen=True):
    """The calls for one organization."""

    api: FlyApi
    org: str

    def organization(self) -> tuple[str, frozenset[str]]:
        """Return the organization's id, and the names of its buckets."""

        def read(data: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
            found = mapping(data.get("organization") or {})
            nodes = objects(mapping(found.get("addOns") or {}).get("nodes") or [])
            return text(found, "id"), frozenset(text(each, "name", "") for each in nodes)

        return self.api.graphql(_LIST, {"slug": self.org}, read)

    def create(self, organization_id: str, name: str) -> Mapping[str, str]:
        """Create a bucket, and return its environment, which Fly shows this once."""
        options = {"public": False, "accelerate": False, "website": {"domain_name": ""}}
        asked = {"organizationId": organization_id, "name": name, "type": "tigris", "options": options}

        def read(data: Mapping[str, Any]) -> Mapping[str, str]:
            made = mapping(mapping(data.get("createAddOn") or {}).get("addOn") or {})
            environment = mapping(made.get("environment") or {})
            if missing := [key for key in _KEYS if not environment.get(key)]:
                raise MalformedAnswerError(f"environment has no {', '.join(missing)}")
            return {key: text(environment, key) for key in _KEYS}

        return self.api.graphql(_CREATE, {"input": asked}, read)

    def delete(self, name: str) -> None:
        """Delete an empty bucket; Fly refuses one that is not empty."""
        self.api.graphql(_DELETE, {"name": name, "provider": "tigris"}, lambda _: None)

"""The rules by which Fly refuses. Each raises Refused with the status and words of the API's answer.

A Machine's configuration has a module of its own, `config_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REGIONS = {
    "ams": "Amsterdam, Netherlands",
    "arn": "Stockholm, Sweden",
    "bom": "Mumbai, India",
    "cdg": "Paris, France",
    "dfw": "Dallas, Texas (US)",
    "ewr": "Secaucus, NJ (US)",
    "fra": "Frankfurt, Germany",
    "gru": "Sao Paulo, Brazil",
    "iad": "Ashburn, Virginia (US)",
    "jnb": "Johannesburg, South Africa",
    "lax": "Los Angeles, California (US)",
    "lhr": "London, United Kingdom",
    "nrt": "Tokyo, Japan",
    "ord": "Chicago, Illinois (US)",
    "sin": "Singapore, Singapore",
    "sjc": "San Jose, California (US)",
    "syd": "Sydney, Australia",
    "yyz": "Toronto, Canada",
}
NEAREST = "ams"
NO_BUILDER = "the rehearsal builds no images: deploy one that is built, with --image or [build] image"

_APP_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_NETWORK = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)
_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_VOLUME_NAME = re.compile(r"[a-z0-9_]{1,30}", re.ASCII)
_ADDRESS_KINDS = ("v4", "shared_v4", "v6", "private_v6")


class Refused(Exception):  # noqa: N818 - an answer of the API
    """An answer that is not 2xx: its status, its words, and its `status` code if it has one."""

    def __init__(self, http: int, error: str, code: str = "unknown") -> None:
        super().__init__(error)
        self.http = http
        self.body = {"error": error, "status": code}


def app_name(name: object) -> str:
    """A name of lower-case letters, digits and dashes, at most 63."""
    if not isinstance(name, str) or not name:
        raise Refused(422, "Validation failed: Name can't be blank")
    if len(name) > 63:
        raise Refused(422, "Validation failed: Name is too long (maximum is 63 characters)")
    if not _APP_NAME.fullmatch(name):
        raise Refused(422, "Validation failed: Name may only contain numbers, lowercase letters and dashes")
    return name


def network(name: object) -> str:
    """A network's name, which begins with a letter; none is the organization's default network."""
    if name in (None, ""):
        return "default"
    if not isinstance(name, str) or not _NETWORK.fullmatch(name):
        raise Refused(422, "Validation failed: Network may only contain letters, numbers and dashes")
    return name


def is_somebody_elses(name: str) -> bool:
    """`taken` and `taken-…` belong to another organization, so that everybody can see what that is like."""
    return name == "taken" or name.startswith("taken-")


def region(code: object) -> str:
    """A region there is; none means the nearest."""
    if code in (None, ""):
        return NEAREST
    if not isinstance(code, str) or code not in REGIONS:
        raise Refused(422, f"invalid region: {code}")
    return code


def address_kind(kind: object) -> str:
    """One of the kinds of addresses."""
    if kind not in _ADDRESS_KINDS:
        raise Refused(422, f"invalid ip type: {kind}")
    return str(kind)


def volume(body: Mapping[str, Any]) -> tuple[str, str, int]:
    """A volume's name, region and size in GB."""
    name, size = body.get("name"), body.get("size_gb", 3)
    if not isinstance(name, str) or not _VOLUME_NAME.fullmatch(name):
        raise Refused(
            422,
            "Validation failed: Name must only contain lowercase letters, numbers and underscores, 30 at most",
        )
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 500:
        raise Refused(422, "Validation failed: Size gb must be between 1 and 500")
    return name, region(body.get("region")), size


def secret_names(values: object) -> dict[str, str | None]:
    """The values of a secrets update: texts, or null to remove."""
    if not isinstance(values, dict):
        raise Refused(400, "values must be an object")
    for name, value in values.items():
        secret_name(name, "secret name")
        if value is not None and not isinstance(value, str):
            raise Refused(400, f"secret {name} must be a string or null")
    return values


def secret_name(name: object, what: str) -> str:
    """A name that can be a variable of an environment."""
    if not isinstance(name, str) or not _SECRET_NAME.fullmatch(name):
        raise Refused(422, f"invalid {what}: {name!r}")
    return name


def whole_number(value: object, what: str, *, most: int = 2**31 - 1) -> int:
    """A number of 0 or more, which in a query is a text."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise Refused(400, f"invalid {what}: {value!r}")
    return number


def an_object(data: Mapping[str, Any], key: str, where: str = "") -> dict[str, Any]:
    """The object under a key; none is an empty one."""
    found = data.get(key) or {}
    if not isinstance(found, dict):
        raise Refused(400, f"invalid {where}{key}: it must be an object")
    return found


def a_text(data: Mapping[str, Any], key: str) -> str:
    """The text under a key; none is an empty one."""
    found = data.get(key) or ""
    if not isinstance(found, str):
        raise Refused(400, f"invalid {key}: it must be a string")
    return found


def builder(role: object) -> None:
    """Building needs a Docker of Fly's, which no rehearsal has."""
    if role == "remote-docker-builder":
        raise Refused(422, NO_BUILDER)

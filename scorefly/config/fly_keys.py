"""Keys of a workload in scorefly.yaml that say what its app has on Fly: volumes, addresses and an organization."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from scorefly.config.value import Value
from scorefly.fly.addresses import KINDS, REGIONAL, split_address
from scorefly.fly.names import volume_name_problem
from scorefly.problems import InputError, Problem, input_error, nearest

MAX_SIZE_GB = 500
MAX_RETENTION = 60  # days
_VOLUME = ("size-gb", "snapshot-retention")
_ADDRESS = ("type", "region")
_ORG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_REGION = re.compile(r"[a-z]{3}", re.ASCII)


class VolumeSpec(Struct, frozen=True):
    """The size of a volume in GB, and the days its snapshots are kept; 0 means not set."""

    size_gb: int = 0
    snapshot_retention: int = 0


def volume_name(text: str) -> str:
    """Return the name on Fly of a volume of a Score file."""
    return text.replace("-", "_").lower()


def parse_org(value: Value) -> str:
    """Parse the slug of an organization."""
    if not isinstance(value.data, str) or not _ORG.fullmatch(value.data):
        hint = "give its slug, as `fly orgs list` shows it"
        raise input_error(f"org: {value.data!r} is not the slug of an organization", hint, value.place)
    return value.data


def parse_volumes(value: Value) -> Mapping[str, VolumeSpec]:
    """Parse `volumes: {data: {size-gb: 10}}`, by the name of the volume."""
    if not isinstance(value.data, dict):
        raise input_error("volumes: expected a mapping of volumes", "write `data: {size-gb: 10}` lines", value.place)
    problems: list[Problem] = []
    found = {}
    for name, each in value.children().items():
        if each.data is None:
            continue
        if problem := volume_name_problem(volume_name(name)):
            problems.append(Problem(f"volumes: {problem}", "use the name of the volume in the Score file", each.place))
            continue
        try:
            found[volume_name(name)] = _volume(name, each)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return found


def _volume(name: str, value: Value) -> VolumeSpec:
    if not isinstance(value.data, dict) or not value.data:
        raise input_error(f"volumes.{name}: expected a mapping", f"its keys are {', '.join(_VOLUME)}", value.place)
    numbers = {}
    for key, child in value.children().items():
        if key == "count":
            hint = "each Machine gets one volume: set count or regions of the workload"
            raise input_error("volumes have no count", hint, child.place)
        if key not in _VOLUME:
            raise input_error(f"unknown key {key!r} of a volume", nearest(key, _VOLUME), child.place)
        most = MAX_SIZE_GB if key == "size-gb" else MAX_RETENTION
        if isinstance(child.data, bool) or not isinstance(child.data, int) or not 1 <= child.data <= most:
            message = f"volumes.{name}.{key}: expected a whole number from 1 to {most}"
            raise input_error(message, "give it without a unit", child.place)
        numbers[key.replace("-", "_")] = child.data
    return VolumeSpec(**numbers)


def parse_addresses(value: Value) -> tuple[str, ...]:
    """Parse `addresses: [v6, {type: v4, region: ams}]`; an empty list means none."""
    if not isinstance(value.data, list):
        raise input_error("addresses: expected a list", f"write `- TYPE` lines with {', '.join(KINDS)}", value.place)
    problems: list[Problem] = []
    found: list[str] = []
    for index, data in enumerate(value.data):
        each = Value(data, value.places, (*value.path, index))  # type: ignore[arg-type]
        try:
            address = _address(each)
            if address in found:
                raise input_error(f"addresses: {address} is there twice", "remove one of them", each.place)
            if "v4" in (kinds := {split_address(other)[0] for other in (*found, address)}) and "shared_v4" in kinds:
                hint = "remove shared_v4, which a dedicated IPv4 address replaces"
                raise input_error("addresses: both v4 and shared_v4", hint, each.place)
            found.append(address)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return tuple(found)


def _address(value: Value) -> str:
    children = value.children()
    if isinstance(value.data, dict):
        for key, child in children.items():
            if key in ("network", "org"):
                hint = "run `fly ips allocate-v6 --private` with it once: it is kept"
                raise input_error(f"addresses: Fly does not tell the {key} of an address", hint, child.place)
            if key not in _ADDRESS:
                raise input_error(f"unknown key {key!r} of an address", nearest(key, _ADDRESS), child.place)
        kind, region = children.get("type"), children.get("region")
    else:
        kind, region = value, None
    if kind is None or kind.data not in KINDS:
        message = f"addresses: {kind.data!r} is not a type of address" if kind else "addresses: the type is missing"
        raise input_error(message, f"the types are {', '.join(KINDS)}", kind.place if kind else value.place)
    if region is None:
        return str(kind.data)
    if kind.data not in REGIONAL:
        raise input_error(f"addresses: {kind.data} has no region", "remove region", region.place)
    if not isinstance(region.data, str) or not _REGION.fullmatch(region.data):
        raise input_error(f"addresses: {region.data!r} is not a region", "give a code such as ams", region.place)
    return f"{kind.data}@{region.data}"

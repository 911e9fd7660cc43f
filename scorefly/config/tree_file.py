"""Keys of scorefly.yaml that describe a tree of projects, beside options and workloads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from scorefly.config.tree_keys import parse_after, parse_names, parse_project, parse_source, parse_text
from scorefly.config.value import Value, read_vars
from scorefly.problems import InputError, Place, Problem, input_error, nearest
from scorefly.sources.repository import Source

# Keys at the top, and those of them that an environment may have, too.
TOP_KEYS = ("project", "include", "vars", "defaults", "always", "after", "access")
ENVIRONMENT_KEYS = ("vars", "defaults", "always", "after")
_INCLUDE = ("path", "source", "provisioners", "secrets")
_ACCESS = ("token", "username", "ssh-key", "known-hosts")


class Include(Struct, frozen=True):
    """Another project: a folder or file of this one, or of a repository.

    A project from a repository brings provisioners only with `provisioners`, and grants only the `secrets` named here.
    """

    place: Place
    path: str = ""
    source: Source | None = None
    provisioners: bool = False
    secrets: tuple[str, ...] = ()


class AccessKeys(Struct, frozen=True):
    """Names of the secrets that hold the credentials for repositories whose key begins with `prefix`."""

    prefix: str
    place: Place
    token: str = ""
    username: str = ""
    ssh_key: str = ""
    known_hosts: str = ""


def parse_includes(value: Value) -> tuple[Include, ...]:
    """Parse `include: [{path: FOLDER}, {source: {repo: URL}}]`."""
    if not isinstance(value.data, list):
        raise input_error("include: expected a list", "write `- path: FOLDER` lines", value.place)
    problems: list[Problem] = []
    found = []
    for index in range(len(value.data)):
        try:
            found.append(parse_include(value, index))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return tuple(found)


def parse_include(includes: Value, index: int) -> Include:
    """Parse one entry of `include`."""
    data = includes.data[index] if isinstance(includes.data, list) else None
    value = Value(data, includes.places, (*includes.path, index))  # type: ignore[arg-type]
    children = value.children()
    for key, child in children.items():
        if key not in _INCLUDE:
            raise input_error(f"unknown key {key!r} of include", nearest(key, _INCLUDE), child.place)
    if ("path" in children) == ("source" in children):
        hint = "write `path: FOLDER`, or `source: {repo: URL}`"
        raise input_error("include: expected either a path or a source", hint, value.place)
    allowed = children.get("provisioners")
    secrets = parse_names(children["secrets"]) if "secrets" in children else ()
    provisioners = bool(allowed and allowed.data is True)
    if "source" in children:
        return Include(value.place, "", parse_source(children["source"]), provisioners, secrets)
    path = parse_text(children["path"])
    if path.startswith("/") or "\0" in path:
        raise input_error(f"include: {path!r} is not a relative path", "give a folder of this repository", value.place)
    return Include(value.place, os.path.normpath(path))


def parse_access(value: Value) -> tuple[AccessKeys, ...]:
    """Parse `access: {HOST/PATH: {token: SECRET}}`."""
    if not isinstance(value.data, dict):
        raise input_error("access: expected a mapping", "write `github.com/acme: {token: SECRET}` lines", value.place)
    return tuple(_access(prefix, each) for prefix, each in value.children().items())


def _access(prefix: str, value: Value) -> AccessKeys:
    if not re.fullmatch(r"[\w.-]+(?::[0-9]+)?(?:/[\w.~+%-]+)*", prefix, re.ASCII):
        hint = "write it as github.com or github.com/acme, without a protocol"
        raise input_error(f"access: {prefix!r} is not a host with a path", hint, value.place)
    values: dict[str, str] = {}
    for key, child in value.children().items():
        if key not in _ACCESS:
            raise input_error(f"unknown key {key!r} of access", nearest(key, _ACCESS), child.place)
        values[key.replace("-", "_")] = parse_text(child)
        if key in ("token", "ssh-key") and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(child.data), re.ASCII):
            hint = "give the name of a secret; its value does not belong in a file"
            raise input_error(f"access: {key} is not the name of a secret", hint, child.place)
    if not values:
        raise input_error(f"access: {prefix} has no credentials", f"its keys are {', '.join(_ACCESS)}", value.place)
    host, separator, path = prefix.partition("/")
    return AccessKeys(f"{host.lower()}{separator}{path.removesuffix('.git')}", value.place, **values)


_PARSERS: Mapping[str, Any] = {
    "project": parse_project,
    "include": parse_includes,
    "after": parse_after,
    "access": parse_access,
}


def check_tree_keys(values: Mapping[str, Value]) -> Iterator[Problem]:
    """Yield what is wrong with tree keys of the file, or of one environment; layers of workloads are checked apart."""
    for key, value in values.items():
        if value.data is None:
            continue
        problems: list[Problem] = []
        if key == "vars":
            read_vars(value, problems)
        elif parser := _PARSERS.get(key):
            try:
                parser(value)
            except InputError as error:
                problems += error.problems
        yield from problems

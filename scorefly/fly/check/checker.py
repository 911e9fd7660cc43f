"""The checker itself: documents in, findings out."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from scorefly.fly.check.containers import container_findings
from scorefly.fly.check.finding import DOCUMENT, Finding
from scorefly.fly.check.keys import FLY_TOML
from scorefly.fly.check.machine_keys import MACHINE_CONFIG
from scorefly.fly.check.rules import RULES
from scorefly.fly.check.shape import Section
from scorefly.problems import nearest

MACHINE_JSON = "machine.json"


def check(
    document: Mapping[str, Any],
    machine: Mapping[str, Any] | None = None,
    beside: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with a fly.toml, in an order that is always the same; nothing when Fly will take it.

    `document` is fly.toml as tomllib reads it. `machine` is the JSON file its `machine_config` names, as json
    reads it; None where it is not known. `beside` are the names of all files in flyctl's working folder that
    the two may name; None where they are not known, and then they are not looked for.
    """
    found: list[Finding] = []
    config = FLY_TOML.read(document, (), found)
    if config is None:
        return tuple(found)
    for rule in RULES:
        found += rule(config)
    machine_at, read = _machine(config, machine, found)
    if beside is not None:
        found += _missing_files(config, read, machine_at, beside)
    return tuple(dict.fromkeys(found))


def _machine(config: Section, machine: Mapping[str, Any] | None, found: list[Finding]) -> tuple[str, Section]:
    """The Machine's configuration that fly.toml brings along, checked, with the name of its document."""
    holder = next((each for each in (config.section("experimental"), config) if each.get("machine_config")), None)
    nothing = DOCUMENT, Section()
    if holder is None:
        if machine is not None:
            hint = 'write machine_config = "machine.json" into fly.toml'
            found.append(Finding((), "is named by nothing in fly.toml", hint, document=MACHINE_JSON))
        elif config.get("container"):
            message = "names a container, and without machine_config there are none"
            found.append(Finding(config.at("container"), message, "take it out"))
        return nothing
    source, path, name = str(holder.get("machine_config")), holder.at("machine_config"), DOCUMENT
    if source.startswith("{"):
        try:
            machine = json.loads(source)
        except (ValueError, RecursionError) as error:
            found.append(Finding(path, f"is no JSON: {error}", "name a .json file instead"))
            return nothing
    else:
        path, name = (), source
    if machine is None:
        return nothing
    inside: list[Finding] = []
    read = MACHINE_CONFIG.read(machine, path, inside)
    if read is not None:
        chosen = config.get("container", "")
        names = [each.get("name", "") for each in read.sections("containers")]
        if chosen and chosen not in names:
            found.append(Finding(config.at("container"), f"there is no container {chosen!r}", nearest(chosen, names)))
        inside += container_findings(read, chosen)
    found += [replace(each, document=name) for each in inside]
    return name, read or Section()


def _missing_files(config: Section, machine: Section, name: str, beside: Collection[str]) -> Iterator[Finding]:
    """Report files that flyctl would read, and that are none of those the artefact is known to have."""
    there = {_spelled(each) for each in beside}
    lists = [(DOCUMENT, config.sections("files"))]
    lists += [(name, container.sections("files")) for container in machine.sections("containers")]
    named = [(document, file.at("local_path"), file.get("local_path")) for document, files in lists for file in files]
    for section in (config, config.section("experimental")):
        source = section.get("machine_config", "{")
        if not source.startswith("{"):
            named.append((DOCUMENT, section.at("machine_config"), source))
    for document, path, local in named:
        if local and _spelled(local) not in there:
            hint = "only files that scorefly writes beside fly.toml can be named; give the content as raw_value"
            yield Finding(path, f"there is no file {local!r}", hint, document=document)


def _spelled(path: str) -> str:
    """The path without empty components and `.`; `..` stays, because a folder before it may be a link."""
    root = "/" if posixpath.isabs(path) else ""
    return root + "/".join(part for part in path.split("/") if part not in ("", "."))

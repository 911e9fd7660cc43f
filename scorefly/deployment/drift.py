"""Finds what others changed about an app's Machines since the last deploy."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scorefly.deployment.machine_counts import app_machines
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.fly.machine_config import STANDBY_VARIABLE
from scorefly.problems import Problem
from scorefly.report.plan import Drift
from scorefly.state.document import AppState
from scorefly.state.snapshot import Facts, Record, unpack


def facts_of(machines: Sequence[MachineView]) -> Facts:
    """Return what there is to know of an app's Machines, each fact once. Values of variables are only their digests."""
    found: dict[str, set[str]] = {}
    for machine in machines:
        for key, texts in _facts(machine.config).items():
            found.setdefault(key, set()).update(texts)
    regions = Counter(machine.region for machine in machines)
    counted = {"regions": tuple(f"{count} in {region}" for region, count in sorted(regions.items()))}
    return {key: tuple(sorted(each)) for key, each in sorted(found.items()) if each} | counted


def drift(record: Record | None, machines: Sequence[MachineView]) -> tuple[Drift, ...]:
    """Return what somebody else changed since the last deploy; nothing where it is not known what that left."""
    if record is None or not record.facts:
        return ()
    now = facts_of(machines)
    found = list[Drift]()
    for what in sorted({*record.facts, *now}):
        before, after = record.facts.get(what, ()), now.get(what, ())
        if before != after:
            gone = tuple(dict.fromkeys(_shown(text) for text in before if text not in after))
            come = tuple(dict.fromkeys(_shown(text) for text in after if text not in before))
            # On some of the Machines the value is as it was deployed, and on others it is another one.
            gone += tuple(sorted({_shown(text) for text in before}.intersection(come).difference(gone)))
            found.append(Drift(what, gone, come))
    count = len(app_machines(machines))
    if count < record.machines and not any(each.what == "regions" for each in found):
        found.append(Drift("machines", (str(record.machines),), (str(count),)))
    return tuple(found)


def drift_from_git(
    known: AppState, machines: Sequence[MachineView], secrets: Mapping[str, str] | None = None
) -> tuple[Drift, ...]:
    """Return what others changed since the last deploy and a deploy would set back.

    The number of Machines and their regions count only where they are stated. `secrets` are Fly's digests by name.
    """
    record = unpack(known.record)
    counted = () if record and record.counts else ("machines", "regions")
    found = [each for each in drift(record, machines) if each.what not in counted]
    before = {name: each.digest for name, each in known.secrets.items() if each.digest}
    changed = [name for name in before if secrets is not None and secrets.get(name) != before[name]]
    if changed:
        left = tuple(name for name in changed if secrets and name in secrets)
        found.append(Drift("secrets", tuple(changed), left))
    return tuple(found)


def drift_problem(app: str, found: Sequence[Drift], *, heals: bool) -> Problem:
    """Describe what others changed about an app."""
    message = f"{app} was changed outside of git: {'; '.join(map(str, found))}"
    hint = "" if heals else "set drift: heal to set it back, or change it in git"
    return Problem(message, hint, severity="notice" if heals else "warning")


def changes_from_running(app: App, machines: Sequence[MachineView]) -> tuple[str, ...]:
    """Describe what a deploy changes about Machines that another tool made, such as `image: a:1 becomes a:2`."""
    from scorefly.fly.machine_config import machine_config
    from scorefly.fly.process_groups import DEFAULT_GROUP, flatten, group_names

    toml = {key: value for key, value in app.config.items() if key != "files"}
    groups = group_names(toml)
    nowhere = Path()
    now: dict[str, set[str]] = {}
    later: dict[str, set[str]] = {}
    for machine in app_machines(machines):
        group = str(machine.metadata.get("fly_process_group") or DEFAULT_GROUP)
        if group not in groups:
            continue
        image = app.image if isinstance(app.image, str) else machine.image
        flat = flatten(toml, group)
        desired = machine_config(flat, app.machine, image, nowhere, nowhere, machine.config, group)
        for found, config in ((now, machine.config), (later, desired)):
            for key, texts in _facts(config).items():
                found.setdefault(key, set()).update(texts)
    return tuple(
        text for what in sorted({*now, *later}) for text in _changes(what, now.get(what, set()), later.get(what, set()))
    )


def _changes(what: str, before: set[str], after: set[str]) -> Iterator[str]:
    """Yield what is gone and what is new; a value that is not shown, such as a variable's, has changed."""
    gone, come = ({_shown(text) for text in texts} for texts in (before - after, after - before))
    if len(gone) == len(come) == 1 and gone != come:
        yield f"{what}: {min(gone)} becomes {min(come)}"
        return
    yield from (f"{what}: {text} changes" for text in sorted(gone & come))
    yield from (f"{what}: {text} is removed" for text in sorted(gone - come))
    yield from (f"{what}: {text} is added" for text in sorted(come - gone))


def _facts(config: Mapping[str, Any]) -> dict[str, list[str]]:
    guest = config.get("guest") or {}
    containers = config.get("containers") or ()
    services = config.get("services") or ()
    checks = {**(config.get("checks") or {})}
    for service in services:
        for check in service.get("checks") or ():
            checks[f"{check.get('type', '')} on {service.get('internal_port')}"] = check
    return {
        "image": [str(config.get("image", "")), *(f"{each.get('name')}: {each.get('image')}" for each in containers)],
        "size": [f"{guest.get('cpus')} {guest.get('cpu_kind')} CPU, {guest.get('memory_mb')} MB"] if guest else [],
        "checks": [_check(name, check) for name, check in checks.items()],
        "env": [
            *_digests(config.get("env") or {}, ""),
            *(text for each in containers for text in _digests(each.get("env") or {}, f"{each.get('name')}: ")),
        ],
        "mounts": [f"{each.get('name')} at {each.get('path')}" for each in config.get("mounts") or ()],
        "ports": [f"{each.get('internal_port')} at {_ports(each)}" for each in services],
    }


def _check(name: str, check: Mapping[str, Any]) -> str:
    """Its headers may hold secrets, so they are a digest."""
    where = f"{check.get('port', '')}{check.get('path', '')}"
    return f"{name}: {check.get('type', '')} {where}".rstrip() + _digest(json.dumps(check, sort_keys=True))


def _ports(service: Mapping[str, Any]) -> str:
    return ", ".join(str(each.get("port")) for each in service.get("ports") or ())


_DIGEST = "\0"


def _digests(env: Mapping[str, Any], prefix: str) -> list[str]:
    return [f"{prefix}{name}{_digest(str(value))}" for name, value in env.items() if name != STANDBY_VARIABLE]


def _digest(text: str) -> str:
    return _DIGEST + hashlib.sha256(text.encode()).hexdigest()[:16]


def _shown(fact: str) -> str:
    return fact.partition(_DIGEST)[0]

"""Counts the Machines an app needs, those that must run, and those left over from another run."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from scorefly.deployment.digest import METADATA_KEY
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import ANY_REGION, App
from scorefly.fly.process_groups import DEFAULT_GROUP, group_names, parts_of
from scorefly.state.document import AppState
from scorefly.state.snapshot import Record

_GROUP_KEY = "fly_process_group"
_PLATFORM_GROUPS = "fly_app_"  # release commands, consoles and test Machines, which come and go
_DOWN = ("created", "stopped", "suspended", "failed")
_LEAVING = ("destroying", "destroyed")
_LIFE_EVENTS = ("exit", "start", "launch", "restart")
_RELEASE_ID, _RELEASE_VERSION = "fly_release_id", "fly_release_version"


class GroupSize(Struct, frozen=True):
    """The Machines of one process group: those that serve or work, and stopped ones that replace them."""

    machines: int
    standbys: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.machines + self.standbys


class Placement(Struct, frozen=True):
    """A Machine to create: its process group and its region, which is empty where any region will do."""

    group: str
    region: str


class Census(Struct, frozen=True):
    """An app's Machines compared with what it needs.

    `missing` and `missing_standbys` name a process group once for each Machine it lacks, `stopped` are those that must
    run and do not, and `surplus` those that neither a finished run nor anybody else accounts for. In process groups
    whose number of Machines is stated, `create` and `remove` are the difference, the newest Machine first.
    """

    missing: tuple[str, ...] = ()
    missing_standbys: tuple[str, ...] = ()
    stopped: tuple[MachineView, ...] = ()
    surplus: tuple[MachineView, ...] = ()
    create: tuple[Placement, ...] = ()
    remove: tuple[MachineView, ...] = ()

    @property
    def complete(self) -> bool:
        """Decide whether nothing is to be done."""
        return not (self.missing or self.missing_standbys or self.stopped or self.surplus or self.resizes)

    @property
    def resizes(self) -> bool:
        """Decide whether a stated number of Machines is not there."""
        return bool(self.create or self.remove)


def desired_groups(app: App, ha: bool | None) -> dict[str, GroupSize]:
    """Return what flyctl makes on a first deploy, by process group; empty for Machines that remove themselves.

    As many as are stated. Else one Machine; a second one where the group has services, else a standby, unless it has a
    volume or `ha` is false.
    """
    if app.machine.get("auto_destroy"):
        return {}
    found = {}
    for group in group_names(app.config):
        if stated := app.counts.get(group):
            found[group] = GroupSize(sum(stated.values()), 0)
            continue
        single = ha is False or bool(mounted_names(app, group))
        serves = bool(_services(app, group))
        found[group] = GroupSize(2 if serves and not single else 1, 0 if serves or single else 1)
    return found


def group_of(machine: MachineView) -> str:
    """The Machine's process group."""
    return machine.metadata.get(_GROUP_KEY, "") or DEFAULT_GROUP


def app_machines(machines: Sequence[MachineView]) -> tuple[MachineView, ...]:
    """The Machines that flyctl deploys to: not those of a release command or console, or made beside it."""
    return tuple(
        each
        for each in machines
        if each.metadata.get("fly_platform_version")
        and not group_of(each).startswith(_PLATFORM_GROUPS)
        and each.state not in _LEAVING
    )


def deployed_app(app: AppState, record: Record) -> App:
    """Return the app as it was deployed last, as far as its Machines are counted."""
    texts = record.texts
    config, machine = tomllib.loads(texts.get("fly.toml", "")), json.loads(texts.get("machine.json", "{}"))
    return App(app.name, app.owner, config, "", "", machine, counts=record.counts)


def is_standby(machine: MachineView) -> bool:
    """Decide whether Fly starts the Machine in place of another one."""
    return bool(machine.config.get("standbys"))


def listed_as_complete(app: App, ha: bool | None, machines: Sequence[MachineView]) -> bool:
    """Decide whether a listing without configurations shows enough Machines, and enough of them running."""
    for group, size in desired_groups(app, ha).items():
        present = [each for each in machines if group_of(each) == group]
        running = [each for each in present if each.state not in _DOWN]
        if group in app.counts and _difference(app.counts[group], present) != ({}, {}):
            return False
        if group not in app.counts and len(present) > size.total and len(set(map(_release, present))) > 1:
            return False
        if len(present) < size.total or (_must_run(app, group) and len(running) < len(present) - size.standbys):
            return False
    return True


def take_census(
    app: App,
    ha: bool | None,
    machines: Sequence[MachineView],
    is_settled: Callable[[MachineView], bool],
    before: Mapping[str, int] | None = None,
) -> Census:
    """Compare Machines, with their configurations, with what the app needs.

    `is_settled` says whether a run finished with a Machine. With `before`, the number of Machines of each group before
    this deploy, everything beyond that and beyond what is needed is surplus; without it only what no run finished with.
    """
    missing: list[str] = []
    missing_standbys: list[str] = []
    stopped: list[MachineView] = []
    surplus: list[MachineView] = []
    create: list[Placement] = []
    remove: list[MachineView] = []
    for group, size in desired_groups(app, ha).items():
        present = [each for each in machines if group_of(each) == group]
        mains = [each for each in present if not is_standby(each)]
        if group in app.counts:
            placements, leaving = _resize(group, app.counts[group], present, is_settled)
            create += placements
            remove += leaving
            stopped += [
                each for each in mains if each not in leaving and each.state in _DOWN and not _may_be_down(each)
            ]
            continue
        standbys = len(present) - len(mains)
        doubled = superseded(mains)
        if before is not None:
            over = len(mains) - max(size.machines, before.get(group, 0))
        else:
            settled = sum(each not in doubled and is_settled(each) for each in mains)
            over = len(mains) - max(size.machines, settled) if settled else 0
        # sorted is stable: what was made last, as far as ids tell, goes first among equals.
        by_worth = sorted(mains, key=lambda each: (each not in doubled, is_settled(each), each.state not in _DOWN))
        left = by_worth[: max(0, over)]
        surplus += left
        kept = [each for each in mains if each not in left]
        missing += [group] * (size.machines - len(kept))
        missing_standbys += [group] * (size.standbys - standbys)
        stopped += [each for each in kept if each.state in _DOWN and not _may_be_down(each)]
    return Census(tuple(missing), tuple(missing_standbys), tuple(stopped), tuple(surplus), tuple(create), tuple(remove))


def compare_regions(app: App, machines: Sequence[MachineView]) -> tuple[tuple[str, str, int, int], ...]:
    """Return each process group and region with its number of Machines and the stated one, where a number is stated."""
    found = []
    for group, stated in sorted(app.counts.items()):
        mains = [each for each in app_machines(machines) if group_of(each) == group and not is_standby(each)]
        if ANY_REGION in stated:
            found.append((group, ANY_REGION, len(mains), stated[ANY_REGION]))
            continue
        there = Counter(each.region for each in mains)
        found += [(group, region, there[region], stated.get(region, 0)) for region in {**stated, **there}]
    return tuple(found)


def newest_first(machines: Sequence[MachineView]) -> list[MachineView]:
    """Sort Machines by their age."""
    return sorted(machines, key=lambda each: (each.created, each.id), reverse=True)


def _difference(stated: Mapping[str, int], machines: Sequence[MachineView]) -> tuple[dict[str, int], dict[str, int]]:
    """Compute the Machines to create and to remove by region; `ANY_REGION` stands for all of them."""
    there = Counter(ANY_REGION if ANY_REGION in stated else each.region for each in machines)
    desired = Counter(stated)
    return dict(desired - there), dict(there - desired)


def _resize(
    group: str,
    stated: Mapping[str, int],
    machines: Sequence[MachineView],
    is_settled: Callable[[MachineView], bool],
) -> tuple[list[Placement], list[MachineView]]:
    """Compute the Machines to create and to remove: standbys, what no run finished with, and then the newest ones."""
    mains = sorted(newest_first([each for each in machines if not is_standby(each)]), key=is_settled)
    more, less = _difference(stated, mains)
    remove = [each for each in machines if is_standby(each)]
    for region, count in less.items():
        remove += [each for each in mains if region in (ANY_REGION, each.region)][:count]
    return [Placement(group, region) for region, count in more.items() for _ in range(count)], remove


def superseded(machines: Sequence[MachineView]) -> tuple[MachineView, ...]:
    """Return the Machines that another run made while the deploy of the others was under way, and finished, too.

    A deploy updates every Machine, and Machines made by hand are copies, so all have the release of the last one. A
    deploy that failed half-way leaves Machines without a digest: those stay, and so do Machines with volumes.
    """
    if not machines or any(METADATA_KEY not in each.metadata or each.config.get("mounts") for each in machines):
        return ()
    last = max(machines, key=lambda each: (_release(each)[0], each.created))
    return tuple(each for each in machines if _release(each) != _release(last))


def _release(machine: MachineView) -> tuple[int, str]:
    """Return the version and id of flyctl's release of a Machine."""
    version = machine.metadata.get(_RELEASE_VERSION, "")
    return int(version) if version.isdecimal() else 0, machine.metadata.get(_RELEASE_ID, "")


def lone_standbys(machines: Sequence[MachineView]) -> tuple[MachineView, ...]:
    """Standbys in whose process group there is no other Machine: flyctl makes none there while they exist."""
    staffed = count_by_group(machines)
    return tuple(each for each in machines if is_standby(each) and group_of(each) not in staffed)


def count_by_group(machines: Sequence[MachineView]) -> dict[str, int]:
    """The number of Machines in each process group, without standbys."""
    found: dict[str, int] = {}
    for machine in machines:
        if not is_standby(machine):
            found[group_of(machine)] = found.get(group_of(machine), 0) + 1
    return found


def _may_be_down(machine: MachineView) -> bool:
    """Decide whether something else starts the Machine when that is due, or it has done its work."""
    config = machine.config
    served = any(each.get("ports") and each.get("autostart") is not False for each in config.get("services") or ())
    return served or bool(config.get("schedule")) or _is_finished(machine)


def _is_finished(machine: MachineView) -> bool:
    """Decide whether it ended with success where that is not a reason to start it again."""
    restart = (machine.config.get("restart") or {}).get("policy")
    event = next((each for each in machine.events if each.get("type") in _LIFE_EVENTS), {})
    ended = (event.get("request") or {}).get("exit_event") if event.get("type") == "exit" else None
    if not ended or restart not in ("no", "on-failure"):
        return False
    return not ended.get("exit_code") and not ended.get("requested_stop")


def _must_run(app: App, group: str) -> bool:
    served = any(
        (key == "http_service" or part.get("ports")) and part.get("auto_start_machines") is not False
        for key, part in _services(app, group)
    )
    return not (served or app.machine.get("schedule"))


def mounted_names(app: App, group: str) -> set[str]:
    """Return the names of the volumes that the Machines of a process group mount."""
    return {str(each.get("source")) for each in parts_of(app.config, "mounts", group)}


def _services(app: App, group: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(key, part) for key in ("http_service", "services") for part in parts_of(app.config, key, group)]

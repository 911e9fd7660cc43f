"""`horizontal-pod-autoscaler` resources: a range of replicas becomes a number of Machines that Fly starts and stops."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from scorefly.desired.load import Loaded
from scorefly.fly.app import MAX_MACHINES
from scorefly.problems import Place, Problem
from scorefly.score.workload import Workload
from scorefly.values import Tree, holds_secret, reveal_text, to_text

URI = "template://scorefly/horizontal-pod-autoscaler"
_NAMES = {"least": ("min", "minReplicas"), "most": ("max", "maxReplicas")}


class Autoscaler(Struct, frozen=True):
    """The range of replicas that a workload asks for, and the place of the resource that says so."""

    least: int
    most: int
    place: Place
    name: str
    ignored: tuple[str, ...] = ()

    def machines(self, served: bool) -> int:
        """Return the number of Machines: as many as allowed where Fly's proxy stops idle ones, else as few."""
        return self.most if served else max(1, self.least)

    @property
    def auto_stop(self) -> str:
        """Return what Fly does with idle Machines."""
        return "stop" if self.least < self.most else "off"

    def notice(self, served: bool) -> Problem:
        """Say what Fly does instead of scaling by CPU."""
        ignored = f"; {', '.join(self.ignored)} is ignored" if self.ignored else ""
        if self.least == self.most:
            message = f"{self.name}: {self.most} Machines, all of them running"
            return Problem(f"{message}{ignored}", "", self.place, "notice")
        if served:
            message = (
                f"{self.name}: {self.most} Machines, of which Fly's proxy stops idle ones down to {self.least}: "
                f"by connections or requests, not by CPU{ignored}"
            )
            hint = "the annotation scorefly/concurrency sets how many a Machine takes"
        else:
            message = (
                f"{self.name}: {self.machines(served)} Machines: no port is public or reached through Flycast, so "
                f"nothing starts and stops Machines by load{ignored}"
            )
            hint = "the annotation scorefly/count sets another number"
        return Problem(message, hint, self.place, "notice")


def read_autoscaler(
    workload: Workload, loaded: Loaded, params: Mapping[str, Mapping[str, Tree]], problems: list[Problem]
) -> Autoscaler | None:
    """Read the workload's autoscaler, or None where it has none that scorefly provisions itself."""
    for name, uid in loaded.graph.uids_of(workload).items():
        if loaded.provisioners[uid].spec.uri == URI:
            return _read(workload, name, params.get(uid, {}), problems)
    return None


def _read(workload: Workload, name: str, params: Mapping[str, Tree], problems: list[Problem]) -> Autoscaler | None:
    numbers: dict[str, int] = {}
    for bound, aliases in _NAMES.items():
        for alias in aliases:
            if alias not in params:
                continue
            value, place = params[alias], workload.place("resources", name, "params", alias)
            text = "" if holds_secret(value) or isinstance(value, dict | list) else reveal_text(to_text(value))
            lowest = 0 if bound == "least" else 1
            if not (text.isascii() and text.isdigit() and lowest <= int(text) <= MAX_MACHINES):
                message = f"{alias} of {name!r} is not a number of Machines from {lowest} to {MAX_MACHINES}"
                problems.append(Problem(message, "write a whole number", place))
                return None
            numbers.setdefault(bound, int(text))
    place = workload.place("resources", name)
    least = numbers.get("least", min(1, numbers.get("most", 0)))
    most = numbers.get("most", least)
    if not numbers:
        problems.append(Problem(f"{name} has neither min nor max and changes nothing", "add both", place, "warning"))
        return None
    if least > most:
        problems.append(Problem(f"{name}: min is {least} and max is {most}", "max has to be at least min", place))
        return None
    known = {alias for aliases in _NAMES.values() for alias in aliases}
    return Autoscaler(least, max(1, most), place, name, tuple(sorted(params.keys() - known)))

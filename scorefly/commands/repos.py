"""`repos`: the repositories of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.commands.tree_run import tree_run
from scorefly.config.settings import Settings
from scorefly.problems import Problem
from scorefly.project.units import Unit
from scorefly.report.progress import Progress
from scorefly.sources.repository import Pin, Source


class RepositoryRow(Struct, frozen=True):
    """One ref of a repository and the workloads that follow it. The environments' repository has no name.

    `problem` says why it cannot be read, and `units` are those that have the workloads.
    """

    repository: str
    ref: str
    kind: str
    commit: str
    readable: bool
    problem: str
    workloads: tuple[str, ...]
    units: tuple[Mapping[str, Any], ...]
    url: str = ""

    def json(self) -> dict[str, Any]:
        """Return the row as JSON data."""
        return {
            "repository": self.repository,
            "url": self.url,
            "ref": self.ref,
            "kind": self.kind,
            "commit": self.commit,
            "readable": self.readable,
            "problem": self.problem,
            "workloads": list(self.workloads),
            "units": [dict(unit) for unit in self.units],
        }


def list_repositories(settings: Settings, progress: Progress) -> tuple[list[RepositoryRow], int]:
    """Return a row for each repository and ref, and the exit status: 1 where one cannot be read."""
    with tree_run(settings, progress) as run:
        used: dict[Source, list[tuple[Unit, str]]] = {}
        for unit in run.units:
            for name in sorted(unit.sources):
                used.setdefault(_whole(unit.sources[name]), []).append((unit, name))
        included = {_whole(source): pin for source, pin in run.tree.pins.items()}
        found: dict[Source, Pin | Problem] = {**run.store.find_commits(used), **included}
        failed = run.store.fetch(
            pin for pin in found.values() if isinstance(pin, Pin) and pin.source.ref.kind == "commit"
        )
        own = tuple(_unit(unit) for unit in run.units)
        local = sorted({name for unit in run.units for name in unit.local.values()})
        rows = [RepositoryRow("", "", "", "", True, "", tuple(local), own)]
        for source in sorted(found, key=lambda each: (each.repository.key, str(each.ref))):
            pin = found[source]
            problem = pin if isinstance(pin, Problem) else failed.get(pin)
            users = used.get(source, [])
            rows.append(
                RepositoryRow(
                    source.repository.key,
                    str(source.ref),
                    source.ref.kind,
                    pin.commit if isinstance(pin, Pin) else "",
                    problem is None,
                    problem.message if problem else "",
                    tuple(dict.fromkeys(name for _, name in users)),
                    tuple({unit.name: _unit(unit) for unit, _ in users}.values()),
                    source.repository.url,
                )
            )
        unreadable = run.tree.unreadable or not all(row.readable for row in rows)
    return rows, 1 if unreadable else 0


def _whole(source: Source) -> Source:
    """The same ref of the repository, whatever folder is used."""
    return Source(source.repository, source.ref, "", source.place)


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "environment": unit.environment,
        "project": unit.project.name,
        "after": list(unit.after),
        "suspended": dict(unit.suspended),
    }

"""Two runs changed one state: what came of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from scorefly.state.document import EnvironmentState

_NONE: Any = object()


def merge(
    base: EnvironmentState | None, ours: EnvironmentState, theirs: EnvironmentState | None
) -> tuple[EnvironmentState, tuple[str, ...]]:
    """Theirs with our changes since `base`, and the names of what both changed, which is as in theirs.

    A resource, an app or a shared value is taken whole: halves of two would fit together by chance only.
    """
    if theirs is None or theirs == base:
        return ours, ()
    conflicts: list[str] = []

    def both(part: str) -> dict[str, Any]:
        was = getattr(base, part) if base else {}
        return _merge_part(was, getattr(ours, part), getattr(theirs, part), conflicts)

    merged = replace(
        theirs,
        repository=ours.repository.known_with(theirs.repository),
        resources=both("resources"),
        apps=both("apps"),
        shared=both("shared"),
        workloads=both("workloads"),
        sources=both("sources"),
        # Two runs that overlap: neither knows what both together deployed.
        synced="",
    )
    return merged, tuple(sorted(conflicts))


def _merge_part(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], conflicts: list[str]
) -> dict[str, Any]:
    merged = dict(theirs)
    for key in {**base, **ours}:
        was, our, their = base.get(key, _NONE), ours.get(key, _NONE), theirs.get(key, _NONE)
        if our in (was, their):
            continue
        if their != was:
            conflicts.append(key)
        elif our is _NONE:
            del merged[key]
        else:
            merged[key] = our
    return merged

"""In which order apps are deployed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter


def longest_chains_first(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names by how long a chain of others waits for them, for that decides when all are done; no circles."""
    chain = dict.fromkeys(needs, 0)
    for name in reversed([*TopologicalSorter(needs).static_order()]):
        for need in needs[name]:
            chain[need] = max(chain[need], chain[name] + 1)
    return sorted(needs, key=lambda name: -chain[name])


def waves(needs: Mapping[str, tuple[str, ...]]) -> tuple[list[list[str]], dict[str, tuple[str, ...]]]:
    """Names in waves, each wave needing only earlier ones, and the needs that were kept.

    Names that need each other in a circle lose one need of the circle, the same one in every run: all of
    them are reached by names that are known beforehand, so any order between them is right.
    """
    kept = {name: tuple(sorted(set(each))) for name, each in needs.items()}
    while True:
        sorter = TopologicalSorter(kept)
        try:
            sorter.prepare()
        except CycleError as error:
            circle = error.args[1]
            edges = [(after, before) for before, after in itertools.pairwise(circle)]
            name, need = min(edges)
            kept[name] = tuple(each for each in kept[name] if each != need)
            continue
        ordered = []
        while ready := sorted(sorter.get_ready()):
            ordered.append(ready)
            sorter.done(*ready)
        return ordered, kept

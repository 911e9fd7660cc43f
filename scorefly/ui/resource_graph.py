"""The resource graph as Mermaid: workloads, the resources they ask for, and the apps those bring."""

from __future__ import annotations

from collections.abc import Sequence

from scorefly.github.markdown import mermaid_label
from scorefly.report.report import ResourceReport

# Mermaid draws no more: its `maxEdges` and `maxTextSize`, as they are by default.
_MOST_EDGES = 500
_MOST_CHARACTERS = 50_000

_SHAPES = {"workload": ("[", "]"), "resource": ("(", ")"), "app": ("[[", "]]")}


def graph(resources: Sequence[ResourceReport]) -> str:
    """A fenced diagram, the same for the same resources; in words where Mermaid would refuse to draw it."""
    nodes: dict[tuple[str, str], str] = {}

    def node(kind: str, name: str) -> str:
        return nodes.setdefault((kind, name), f"n{len(nodes)}")

    edges = []
    for resource in resources:
        here = node("resource", resource.uid)
        edges += [f"  {node('workload', workload)} --> {here}" for workload in resource.workloads]
        edges += [f"  {here} --> {node('resource', need)}" for need in resource.needs]
        edges += [f"  {here} --> {node('app', app)}" for app in resource.apps]
    labels = [_node(kind, name, key) for (kind, name), key in nodes.items()]
    drawn = "\n".join(["graph LR", *labels, *edges])
    if len(edges) > _MOST_EDGES or len(drawn) >= _MOST_CHARACTERS:
        return f"{len(resources)} resources: too many to draw."
    return f"```mermaid\n{drawn}\n```"


def _node(kind: str, name: str, key: str) -> str:
    left, right = _SHAPES[kind]
    return f'  {key}{left}"{mermaid_label(name)}"{right}'

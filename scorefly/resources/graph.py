"""The graph of the resources that workloads use: their owners, and the order in which they are provisioned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct, field

from scorefly.problems import Place, Problem
from scorefly.score.placeholders import references
from scorefly.score.workload import Resource, Workload
from scorefly.values import Plain


def resource_uid(workload: str, resource: Resource) -> str:
    """`type.class#workload.name`, or `type.class#id` for a shared one, as score-compose and score-k8s write it."""
    return f"{resource.type}.{resource.class_}#{resource.id or f'{workload}.{resource.name}'}"


class ResourceNode(Struct, frozen=True):
    """One resource, whoever asks for it.

    `users` are (workload, resource name) pairs, sorted. `owner` is the workload the resource belongs to: of a
    shared one, the first that hands it to another resource of its own (a `dns` to a `route`), else the first
    that gives it params, else the first. `params` keep their placeholders, which mean what they mean in the file of
    the workload that defines the resource: one of `definers`, in the order of their files. `needs` are the uids those
    placeholders read.
    """

    uid: str
    type: str
    class_: str
    id: str
    name: str
    shared: bool
    owner: str
    users: tuple[tuple[str, str], ...]
    params: Mapping[str, Plain]
    definers: tuple[str, ...]
    metadata: Mapping[str, Plain]
    place: Place
    needs: tuple[str, ...]

    @property
    def workloads(self) -> tuple[str, ...]:
        """The names of the workloads that use it."""
        return tuple(dict.fromkeys(workload for workload, _ in self.users))


class ResourceGraph(Struct, frozen=True):
    """All resources by uid, each after those it needs."""

    nodes: Mapping[str, ResourceNode] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def uids_of(self, workload: Workload) -> Mapping[str, str]:
        """The workload's resource names with their uids."""
        return {name: resource_uid(workload.name, resource) for name, resource in workload.resources.items()}


def build_graph(workloads: Sequence[Workload]) -> ResourceGraph:
    """The resources of all workloads in dependency order; conflicts and cycles are problems.

    Rules: Score specification, "Resources"; a shared resource may be given params by several workloads only
    when they are equal.
    """
    requests: dict[str, list[_Request]] = {}
    position = {workload.name: number for number, workload in enumerate(workloads)}
    for workload in sorted(workloads, key=lambda each: each.name):
        for name in sorted(workload.resources):
            resource = workload.resources[name]
            needs = _needs(workload, resource)
            requests.setdefault(resource_uid(workload.name, resource), []).append(_Request(workload, resource, needs))
    handed_on = {
        (request.workload.name, need) for group in requests.values() for request in group for need in request.needs
    }
    problems: list[Problem] = []
    nodes = {uid: _merge(uid, group, handed_on, position, problems) for uid, group in requests.items()}
    order, cycle = _order(nodes)
    if cycle:
        problems.append(_cycle_problem(cycle, nodes))
    return ResourceGraph({uid: nodes[uid] for uid in order}, tuple(problems))


class _Request(Struct, frozen=True):
    workload: Workload
    resource: Resource
    needs: tuple[str, ...]

    def place(self, *path: str) -> Place:
        return self.workload.place("resources", self.resource.name, *path)


def _needs(workload: Workload, resource: Resource) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in _texts(resource.params):
        for reference in references(text):
            if len(reference) > 1 and reference[0] == "resources" and reference[1] in workload.resources:
                found[resource_uid(workload.name, workload.resources[reference[1]])] = None
    return tuple(sorted(found))


def _texts(tree: object) -> Iterable[str]:
    if isinstance(tree, str):
        if "$" in tree:
            yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)


def _merge(
    uid: str,
    group: list[_Request],
    handed_on: set[tuple[str, str]],
    position: Mapping[str, int],
    problems: list[Problem],
) -> ResourceNode:
    with_params = [request for request in group if request.resource.params]
    with_metadata = [request for request in group if request.resource.metadata]
    for label, given in (("params", with_params), ("metadata", with_metadata)):
        for other in given[1:]:
            if getattr(other.resource, label) != getattr(given[0].resource, label):
                problems.append(
                    Problem(
                        f"resource {uid} is shared, and its {label} differ from those at {given[0].place(label)}",
                        f"give {label} in one of the Score files, or the same in all",
                        other.place(label),
                    )
                )
    handing = [request for request in group if (request.workload.name, uid) in handed_on]
    owner = (handing or with_params or group)[0]
    defining = sorted(with_params or [owner], key=lambda request: position[request.workload.name])
    return ResourceNode(
        uid=uid,
        type=owner.resource.type,
        class_=owner.resource.class_,
        id=uid.partition("#")[2],
        name=owner.resource.name,
        shared=owner.resource.id is not None,
        owner=owner.workload.name,
        users=tuple((request.workload.name, request.resource.name) for request in group),
        params=defining[0].resource.params,
        definers=tuple(dict.fromkeys(request.workload.name for request in defining)),
        metadata=(with_metadata or [owner])[0].resource.metadata,
        place=owner.place(),
        needs=tuple(sorted({need for request in with_params for need in request.needs})),
    )


def _order(nodes: Mapping[str, ResourceNode]) -> tuple[list[str], list[str]]:
    """Uids in a stable dependency order, and the uids of a cycle when there is one."""
    sorter = TopologicalSorter({uid: node.needs for uid, node in nodes.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        return sorted(nodes), list(reversed(error.args[1]))
    order: list[str] = []
    while ready := sorted(sorter.get_ready()):
        order.extend(ready)
        sorter.done(*ready)
    return order, []


def _cycle_problem(cycle: list[str], nodes: Mapping[str, ResourceNode]) -> Problem:
    first = cycle.index(min(cycle[:-1]))
    turned = cycle[first:-1] + cycle[:first] + [cycle[first]]
    return Problem(
        f"resources need each other in a circle: {' -> '.join(turned)}",
        "take one of these placeholders out of the params",
        nodes[turned[0]].place,
    )

"""Takes provisioned resources away, each before those it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scorefly.problems import OutsideError, Place, Problem, ScoreflyError, raise_errors
from scorefly.resources.provisioner import Provisioner, Request, WorkloadView
from scorefly.run.keeper import Keeper
from scorefly.run.loading import provisioners_of
from scorefly.run.order import waves
from scorefly.run.progress import Progress
from scorefly.run.provisioning import surroundings_of
from scorefly.run.report import Finding
from scorefly.run.settings import Settings
from scorefly.state.document import EnvironmentState, ResourceState

# What these provision is all in the state, and in the Fly apps that come along.
_NOTHING_OUTSIDE = ("static", "template")


def deprovision(settings: Settings, keeper: Keeper, progress: Progress, uids: Iterable[str]) -> tuple[Finding, ...]:
    """Takes the resources of these uids out of the world and out of the state; their apps are left to the caller.

    One that fails stays, and so does what it needs. Each is out of the state as soon as it is gone.
    """
    resources = {uid: keeper.state.resources[uid] for uid in uids}
    needed_by_kept: set[str] = set()
    findings = []
    provisioners = _Provisioners(settings)
    for resource in in_reverse(resources):
        finding = Finding("resource", resource.uid, "removed", resource.provisioner)
        try:
            if resource.uid in needed_by_kept:
                raise OutsideError(Problem(f"{resource.uid} stays, for a resource that needs it could not be removed"))
            if not settings.dry_run:
                _deprovision(settings, keeper, resource, provisioners)
                keeper.record(lambda state, uid=resource.uid: state.without_resource(uid))  # type: ignore[misc]
                progress.step(f"{resource.uid}: deprovisioned")
        except ScoreflyError as error:
            for problem in error.problems:
                progress.problem(problem)
            needed_by_kept |= {resource.uid, *resource.needs}
            finding = replace(finding, outcome="failed", why=error.problems[0].message)
        findings.append(finding)
    return tuple(findings)


def in_reverse(resources: Mapping[str, ResourceState]) -> list[ResourceState]:
    """The resources, each before those it needs."""
    needs = {uid: tuple(need for need in each.needs if need in resources) for uid, each in resources.items()}
    ordered, _ = waves(needs)
    return [resources[uid] for wave in reversed(ordered) for uid in wave]


class _Provisioners:
    """Provisioner files, read when the first resource needs one: what needs none goes away without them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: tuple[Provisioner, ...] | None = None

    def of(self, resource: ResourceState) -> Provisioner:
        """The one that made the resource. Raises OutsideError when there is none of its uri any longer."""
        if self._found is None:
            loaded = provisioners_of(self._settings, check_templates=False)
            raise_errors(loaded.problems)
            self._found = loaded.provisioners
        for each in self._found:
            spec = each.spec
            if spec.uri == resource.provisioner and spec.matches(resource.type, resource.class_, resource.id):
                return each
        raise OutsideError(
            Problem(
                f"{resource.uid} was provisioned by {resource.provisioner}, and no provisioner file has that",
                "put the entry back until the resource is gone",
            )
        )


def _deprovision(settings: Settings, keeper: Keeper, resource: ResourceState, provisioners: _Provisioners) -> None:
    if resource.provisioner.partition("://")[0] in _NOTHING_OUTSIDE:
        return
    state = keeper.state
    provisioners.of(resource).deprovision(_request(resource, state), surroundings_of(settings, state, {}))


def _request(resource: ResourceState, state: EnvironmentState) -> Request:
    owner = next(iter(resource.workloads), "")
    app = next((each for each in state.apps.values() if each.workload == owner), None)
    return Request(
        uid=resource.uid,
        guid=resource.guid,
        type=resource.type,
        class_=resource.class_,
        id=resource.id,
        name=resource.id.rpartition(".")[2],
        params=resource.params,
        metadata={},
        owner=WorkloadView(owner, app.name if app else "", app.ports if app else {}),
        place=Place(resource.uid),
        state=resource.state,
        shared=state.shared,
        random=resource.random,
    )

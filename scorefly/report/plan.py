"""A plan: what `deploy` would do, as frozen data and as `plan.json`. Names of secrets are in it, values never."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, to_builtins

from scorefly.report.certificates import PlannedCertificate
from scorefly.report.costs import AppCost, CostSummary, cost_json

VERSION = 1

Action = Literal["create", "change", "keep", "remove"]


class Drift(Struct, frozen=True):
    """Something about an app's Machines that is no longer as it was deployed: only what differs, as texts."""

    what: str
    deployed: tuple[str, ...]
    running: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what}: {self.change()}"

    def change(self, shown: Callable[[str], str] = str) -> str:
        """Return what differs as one sentence; `shown` formats each text."""
        before, now = (", ".join(map(shown, side)) for side in (self.deployed, self.running))
        if before == now:
            return f"{now} has been changed"
        if not before:
            return f"{now} runs, and was not deployed"
        return f"{before} was deployed, {now} runs" if now else f"{before} was deployed, and is gone"


class PlannedMachines(Struct, frozen=True):
    """The Machines of a process group in a region, where their number is stated: the current and the stated number.

    An empty region stands for all regions.
    """

    group: str
    region: str
    current: int
    desired: int


class PlannedVolume(Struct, frozen=True):
    """A volume to make or change; an empty region is the one nearest to the run.

    `update` changes its snapshots; `detach` leaves it without a Machine; `remove` destroys it with its data.
    """

    action: Literal["create", "extend", "update", "detach", "remove"]
    name: str
    size_gb: int
    region: str


class FileDiff(Struct, frozen=True):
    """A unified diff of a file of the artefact, from the last deployed one to the wanted one."""

    file: str
    diff: str


class PlannedApp(Struct, frozen=True):
    """One app. `reasons` say why it changes, `drift` what others changed about its Machines since the last deploy.

    `machines` is given where a number of Machines is stated and the app changes. `data_risks` name data that the app
    would no longer see, and volumes that stay as they are.
    `network` is the private network that a new app joins; empty for the organization's default one.
    `wave` counts from 0: apps of a wave need only apps of earlier ones. It is None where nothing is to be deployed.
    """

    app: str
    owner: str
    action: Action
    workload: str = ""
    reasons: tuple[str, ...] = ()
    wave: int | None = None
    needs: tuple[str, ...] = ()
    image: str = ""
    size: str = ""
    region: str = ""
    url: str = ""
    artefact: str = ""
    secrets_set: tuple[str, ...] = ()
    secrets_removed: tuple[str, ...] = ()
    volumes: tuple[PlannedVolume, ...] = ()
    addresses: tuple[str, ...] = ()
    diffs: tuple[FileDiff, ...] = ()
    drift: tuple[Drift, ...] = ()
    data_risks: tuple[str, ...] = ()
    machines: tuple[PlannedMachines, ...] = ()
    certificates: tuple[PlannedCertificate, ...] = ()
    network: str = ""
    cost: AppCost | None = None


class PlannedResource(Struct, frozen=True):
    """One resource: what is orphaned is deprovisioned by `cleanup`, never by a deploy."""

    uid: str
    provisioner: str
    action: Literal["create", "keep", "deprovision"]
    workloads: tuple[str, ...] = ()


class MatrixJob(Struct, frozen=True):
    """A deploy of one workload, right on its own once those of earlier waves are done."""

    workload: str
    app: str
    score_files: str
    wave: int
    needs: tuple[str, ...]


class Plan(Struct, frozen=True):
    """`waves` are the apps to deploy, in order; `problems` say what a deploy would fail with.

    `risks` say which data the deploy would leave behind, or run with another engine.
    """

    environment: str
    org: str
    apps: tuple[PlannedApp, ...]
    resources: tuple[PlannedResource, ...]
    waves: tuple[tuple[str, ...], ...]
    matrix: tuple[MatrixJob, ...]
    problems: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    cost: CostSummary | None = None


def matrix_json(plan: Plan) -> dict[str, Any]:
    """Return what a workflow gives to `strategy.matrix`."""
    return {
        "include": [
            {
                "workload": job.workload,
                "app": job.app,
                "score-files": job.score_files,
                "wave": job.wave,
                "needs": list(job.needs),
            }
            for job in plan.matrix
        ]
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """The content of `plan.json`; docs/plan.schema.json describes it."""
    return {
        "version": VERSION,
        "environment": plan.environment,
        "org": plan.org,
        "apps": [_app_json(app) for app in plan.apps],
        "resources": [to_builtins(each) for each in plan.resources],
        "waves": [list(wave) for wave in plan.waves],
        "matrix": matrix_json(plan),
        "problems": list(plan.problems),
        "risks": list(plan.risks),
        "cost": cost_json(plan.cost) if plan.cost else None,
    }


def _app_json(app: PlannedApp) -> dict[str, Any]:
    data = to_builtins(app)
    secrets = {"set": data.pop("secrets_set"), "remove": data.pop("secrets_removed")}
    if not app.machines:
        del data["machines"]
    return {**data, "secrets": secrets}


def tree_plan_json(plans: Mapping[str, Plan]) -> dict[str, Any]:
    """Return the content of the `plan.json` of a tree: the plan of each unit."""
    return {"version": VERSION, "units": [plan_json(plan) for plan in plans.values()]}

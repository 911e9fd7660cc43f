"""Numbers of Machines that go up and down in several regions, step by step."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

REGIONS = ("ams", "fra", "iad")
BODIES = {
    "web": "service: {ports: {http: {port: 80}}}\n",
    "worker": "",
    "store": '    volumes: {/data: {source: "${resources.data}"}}\nresources: {data: {type: volume}}\n',
}
# The primary region stays, so that what a step changes is the number of Machines alone.
COUNTS = st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 2)).map(
    lambda counts: {region: count for region, count in zip(REGIONS, counts, strict=True) if count}
)
STEPS = st.lists(st.fixed_dictionaries(dict.fromkeys(BODIES, COUNTS)), min_size=10, max_size=10)


class Watch:
    """Notes every moment at which an app runs fewer Machines than it had before the step and has after it."""

    def __init__(self, fly: Rehearsal) -> None:
        self.apps: dict[str, Any] = fly.world.data["apps"]
        self.least: dict[str, int] = {}
        self.failures: list[str] = []
        listing_changed = fly.world.on_change

        def changed() -> None:
            listing_changed()
            for name, least in self.least.items():
                if (number := running(self.apps[name])) < least:
                    self.failures.append(f"{name} runs {number} of {least} Machines")

        fly.world.on_change = changed


def running(app: Any) -> int:
    return sum(each["state"] == "started" for each in app["machines"].values())


def regions_of(entries: Any) -> dict[str, int]:
    return dict(Counter(each["region"] for each in entries.values()))


@settings(max_examples=settings().max_examples // 10, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_exactly_the_stated_machines_and_volumes_exist_after_each_step(
    tmp_path_factory: Any, steps: list[dict[str, dict[str, int]]]
) -> None:
    path: Path = tmp_path_factory.mktemp("scaling")
    (path / "workspace").mkdir()
    workspace = Workspace(path / "workspace")
    for name, body in BODIES.items():
        workspace.workload(name, body)
    with Rehearsal(None) as fly:
        given_environment = quick(path, fly)
        watch = Watch(fly)
        before: dict[str, dict[str, int]] = {}
        for step in steps:
            stated = {"workloads": {name: {"regions": counts} for name, counts in step.items()}}
            (workspace.path / "scorefly.yaml").write_text(json.dumps(stated), encoding="utf-8")
            totals = {name: sum(counts.values()) for name, counts in step.items()}
            watch.least = {name: min(totals[name], sum(counts.values())) for name, counts in before.items()}
            fly.requests.clear()
            result = workspace.run("deploy", **given_environment)
            assert result.code == 0, result.err
            assert watch.failures == []
            for name, counts in step.items():
                app = watch.apps[name]
                assert regions_of(app["machines"]) == counts
                assert running(app) == totals[name]
                assert regions_of(app["volumes"]) == (counts if name == "store" else {})
            assert {each["attached_machine_id"] for each in watch.apps["store"]["volumes"].values()} == set(
                watch.apps["store"]["machines"]
            )
            changed = sum(
                abs(counts.get(region, 0) - before.get(name, {}).get(region, 0))
                for name, counts in step.items()
                for region in REGIONS
            )
            assert len(fly.requests) <= (90 if not before else 30) + 9 * changed
            before = step
        assert "3 unchanged" in workspace.run("deploy", **given_environment).out


def quick(folder: Path, fly: Rehearsal) -> dict[str, str]:
    """The environment of a run, with a flyctl that tells its version at once."""
    found = environment(folder, fly)
    program = folder / "bin" / "flyctl"
    program.rename(folder / "bin" / "slow")
    version = json.dumps({"Name": "flyctl", "Version": "0.4.87"})
    program.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo \'{version}\' && exit\nexec {folder}/bin/slow "$@"\n')
    program.chmod(0o755)
    return found

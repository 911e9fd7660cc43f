"""Counts and regions: what is stated is what runs, with its volumes, through every face."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.faults import Fault
from scorefly.rehearsal.server import Rehearsal
from workspaces import DATA, Workspace

DISK = '    volumes: {/data: {source: "${resources.data}"}}\nresources: {data: {type: volume}}\n'
PORT = "service: {ports: {http: {port: 80}}}\n"


def state(workspace: Workspace, annotations: str = "", body: str = PORT, name: str = "web") -> None:
    """Write a workload with annotations such as `count=3` and `regions=ams=2`."""
    lines = dict(line.split("=", 1) for line in annotations.split())
    stated = json.dumps({f"scorefly/{key}": value for key, value in lines.items()})
    head = f"apiVersion: score.dev/v1b1\nmetadata:\n  name: {name}\n  annotations: {stated}\n"
    workspace.write(f"{name}.score.yaml", f"{head}containers:\n  main:\n    image: nginx:1.27\n{body}")


def machines(app: Any) -> dict[str, int]:
    return dict(Counter(each["region"] for each in app["machines"].values()))


def running(workspace: Workspace, name: str = "web") -> dict[str, int]:
    app = workspace.world["apps"][name]
    assert {each["state"] for each in app["machines"].values()} == {"started"}
    return machines(app)


def planned(workspace: Workspace) -> Any:
    (app,) = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())["apps"]
    return app


@pytest.mark.parametrize("body", ["", PORT, DISK])
@pytest.mark.parametrize("ha", ["true", "false"])
def test_count_of_one_is_one_machine_without_a_standby(workspace: Workspace, body: str, ha: str) -> None:
    state(workspace, "count=1", body)
    assert workspace.run("deploy", "--rehearse", "--ha", ha).code == 0
    assert running(workspace) == {"ams": 1}
    assert "1 unchanged" in workspace.run("deploy", "--rehearse", "--ha", ha).out


@pytest.mark.parametrize("body", ["", PORT])
def test_standby_and_spare_are_removed_when_a_count_of_one_is_stated(workspace: Workspace, body: str) -> None:
    state(workspace, "", body)
    assert workspace.run("deploy", "--rehearse").code == 0
    assert len(workspace.world["apps"]["web"]["machines"]) == 2
    kept = min(workspace.world["apps"]["web"]["machines"].values(), key=lambda each: each["created_at"])["id"]
    state(workspace, "count=1", body)
    assert workspace.run("deploy", "--rehearse").code == 0
    assert list(workspace.world["apps"]["web"]["machines"]) == [kept]


def test_counts_go_up_and_down_without_restarting_what_stays(workspace: Workspace) -> None:
    state(workspace, "regions=ams=2,iad=1")
    workspace.run("deploy", "--rehearse")
    assert running(workspace) == {"ams": 2, "iad": 1}
    before = workspace.world["apps"]["web"]["machines"]
    state(workspace, "regions=ams=3,fra=1")
    assert "Machines in ams: 2 → 3, Machines in fra: 0 → 1, Machines in iad: 1 → 0" in (
        workspace.run("plan", "--rehearse").out
    )
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, "1 deployed" in result.out) == (0, True)
    assert running(workspace) == {"ams": 3, "fra": 1}
    after = workspace.world["apps"]["web"]["machines"]
    kept = [each for each in before.values() if each["region"] == "ams"]
    assert all(after[each["id"]]["instance_id"] == each["instance_id"] for each in kept)
    assert "1 unchanged" in workspace.run("deploy", "--rehearse").out
    state(workspace, "regions=ams=2")
    assert workspace.run("deploy", "--rehearse").code == 0
    assert set(workspace.world["apps"]["web"]["machines"]) == {each["id"] for each in kept}


def test_project_file_wins_over_annotations_and_the_environment_over_both(workspace: Workspace) -> None:
    state(workspace, "count=3")
    workspace.write(
        "scorefly.yaml",
        """\
        region: ams
        workloads: {web: {count: 2}}
        environments: {local: {}, qa: {app-suffix: -qa, workloads: {web: {count: 1}}}}
        """,
    )
    assert workspace.run("deploy", "--rehearse").code == 0
    assert running(workspace) == {"ams": 2}
    assert workspace.run("deploy", "--rehearse", "--environment", "qa").code == 0
    assert running(workspace, "web-qa") == {"ams": 1}


def test_every_machine_has_a_volume_of_its_own_and_takes_it_along(workspace: Workspace) -> None:
    state(workspace, "regions=ams=2,iad=1", DISK)
    workspace.run("plan", "--rehearse")
    assert [(each["action"], each["region"]) for each in planned(workspace)["volumes"]] == [
        ("create", "ams"),
        ("create", "ams"),
        ("create", "iad"),
    ]
    workspace.run("deploy", "--rehearse")
    app = workspace.world["apps"]["web"]
    assert sorted(each["region"] for each in app["volumes"].values()) == ["ams", "ams", "iad"]
    assert {each["attached_machine_id"] for each in app["volumes"].values()} == set(app["machines"])
    state(workspace, "regions=ams=1", DISK)
    result = workspace.run("plan", "--rehearse")
    assert "removed with their Machines and their data: volume 'data' (vol_" in result.out
    assert {each["action"] for each in planned(workspace)["volumes"]} == {"remove"}
    assert planned(workspace)["machines"] == [
        {"group": "app", "region": "ams", "current": 2, "desired": 1},
        {"group": "app", "region": "iad", "current": 1, "desired": 0},
    ]
    assert workspace.run("deploy", "--rehearse").code == 0
    app = workspace.world["apps"]["web"]
    assert [each["attached_machine_id"] for each in app["volumes"].values()] == list(app["machines"])
    assert "1 unchanged" in workspace.run("deploy", "--rehearse").out


def test_last_copy_of_a_volume_is_kept_unless_replace_names_the_workload(workspace: Workspace) -> None:
    state(workspace, "regions=ams=1", DISK)
    workspace.run("deploy", "--rehearse")
    (volume,) = workspace.world["apps"]["web"]["volumes"]
    state(workspace, "regions=iad=1", DISK)
    for command in ("plan", "deploy"):
        result = workspace.run(command, "--rehearse")
        assert result.code == 1
        assert "web would lose the last copy of volume 'data'" in result.err
        assert f"fly volumes fork {volume} --region iad -a web" in result.err
    assert running(workspace) == {"ams": 1}
    assert workspace.run("deploy", "--rehearse", "--replace", "web").code == 0
    app = workspace.world["apps"]["web"]
    assert (running(workspace), [each["region"] for each in app["volumes"].values()]) == ({"iad": 1}, ["iad"])


def test_forked_volume_is_used_in_the_new_region(workspace: Workspace, tmp_path: Path) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        state(workspace, "regions=ams=1", DISK)
        assert workspace.run("deploy", **given).code == 0
        fork = fly.world.create_volume("web", {"name": "data", "region": "iad", "size_gb": 1})["id"]
        state(workspace, "regions=iad=1", DISK)
        result = workspace.run("deploy", **given)
        assert result.code == 0, result.err
        app = fly.world.data["apps"]["web"]
        assert (machines(app), list(app["volumes"])) == ({"iad": 1}, [fork])


def test_machines_changed_by_hand_are_shown_as_drift_and_set_back(workspace: Workspace, tmp_path: Path) -> None:
    state(workspace, "regions=ams=2")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", **given).code == 0
        app = fly.world.data["apps"]["web"]
        app["machines"].popitem()
        plan = workspace.run("plan", **given)
        assert "Machines in ams: 1 → 2" in plan.out
        assert "drift, regions: 2 in ams was deployed, 1 in ams runs" in plan.out
        assert workspace.run("deploy", **given).code == 0
        assert machines(app) == {"ams": 2}


def test_late_listing_is_not_taken_for_a_changed_count(workspace: Workspace, tmp_path: Path) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        for count in (2, 3, 2):
            state(workspace, f"count={count}")
            if count == 3:
                late = deepcopy(fly.listing.machines("personal"))
                fly.listing.machines = {"personal": late}.__getitem__  # type: ignore[assignment]
            assert workspace.run("deploy", "--region", "ams", **given).code == 0
            assert machines(fly.world.data["apps"]["web"]) == {"ams": count}


def test_region_without_room_is_refused_in_plan_with_those_that_have_it(workspace: Workspace, tmp_path: Path) -> None:
    state(workspace, "regions=ams=1,iad=3")
    with Rehearsal(None) as fly:
        fly.world.room = 2
        given = environment(tmp_path, fly)
        for command in ("plan", "deploy"):
            result = workspace.run(command, **given)
            assert result.code == 1
            assert (
                "3 more Machines of web (shared-cpu-1x, 256 MB) do not fit in region iad, which takes 2" in result.err
            )
        assert "web" not in fly.world.data["apps"]
        state(workspace, "regions=ams=1,iad=2")
        assert workspace.run("deploy", **given).code == 0


def test_full_region_that_placements_did_not_foresee_keeps_what_runs(workspace: Workspace, tmp_path: Path) -> None:
    state(workspace, "regions=ams=1")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", **given).code == 0
        state(workspace, "regions=ams=1,iad=2")
        fly.world.room = 1
        fly.faults.append(Fault("POST", "/v1/platform/placements", status=404))
        result = workspace.run("deploy", **given)
        assert (result.code, "Fly has no room for a Machine in iad" in result.err) == (1, True), result.err
        assert machines(fly.world.data["apps"]["web"]) == {"ams": 1, "iad": 1}
        fly.world.room = 2
        assert workspace.run("deploy", **given).code == 0
        assert machines(fly.world.data["apps"]["web"]) == {"ams": 1, "iad": 2}


@pytest.mark.parametrize(
    ("annotations", "project", "message"),
    [
        ("count=0", "", "web.score.yaml:4:17: scorefly/count is '0': the number of Machines must be from 1 to 500"),
        ("count=-2", "", "scorefly/count is '-2': the number of Machines must be from 1 to 500"),
        ("count=many", "", "scorefly/count is 'many': must be a number of Machines"),
        ("regions=ams", "", "scorefly/regions is 'ams': must be regions with a number of Machines each"),
        ("regions=ams=1,ams=2", "", "scorefly/regions is 'ams=1,ams=2': 'ams' is given twice"),
        ("regions=ams=0", "", "the number of Machines must be from 1 to 500"),
        ("regions=amx=1", "", "web.score.yaml:4:17: Fly has no region 'amx' (did you mean 'ams'? there are: ams, arn"),
        ("", "workloads: {web: {regions: {ams: 1, zzz: 1}}}", "scorefly.yaml:1:37: Fly has no region 'zzz'"),
        ("", "workloads: {web: {regions: {london: 1}}}", "1:29: Fly has no region 'london' (did you mean 'lhr'?"),
        ("count=2", "workloads: {web: {regions: {ams: 1}}}", "count is 2, and regions (scorefly.yaml:1:19) come to 1"),
        ("regions=ams=1 region=iad", "", "the primary region is iad, and regions has no Machine there: ams"),
        ("count=2 schedule=daily", "", "count is set for a workload with a schedule"),
        (
            "schedule=daily",
            "workloads: {web: {regions: {ams: 1}}}",
            "scorefly.yaml:1:19: regions is set for a workload",
        ),
        ("count=worker=2", "", "count: unknown process group 'worker'"),
        ("", "workloads: {web: {regions: {worker: {ams: 2}}}}", "regions: unknown process group 'worker'"),
    ],
)
def test_invalid_counts_and_regions_are_refused(
    workspace: Workspace, annotations: str, project: str, message: str
) -> None:
    state(workspace, annotations, "" if "schedule" in annotations else PORT)
    if project:
        workspace.write("scorefly.yaml", f"{project}\n")
    for command in (("validate",), ("plan", "--rehearse")):
        result = workspace.run(*command)
        assert (result.code, message in result.err) == (2, True), result.err


def test_autoscaler_becomes_a_count_that_fly_starts_and_stops(workspace: Workspace) -> None:
    params = "{minReplicas: 1, maxReplicas: 3, targetCPUUtilizationPercentage: 80}"
    hpa = f"resources: {{hpa: {{type: horizontal-pod-autoscaler, params: {params}}}}}\n"
    state(workspace, "", PORT + hpa)
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0
    assert (
        "hpa: 3 Machines, of which Fly's proxy stops idle ones down to 1: by connections or requests, not by CPU; "
        in (result.err)
    )
    assert "targetCPUUtilizationPercentage is ignored" in result.err
    assert running(workspace) == {"ams": 3}
    service = workspace.toml("web")["http_service"]
    assert (service["auto_stop_machines"], service["min_machines_running"]) == ("stop", 1)
    state(workspace, "", hpa)
    assert "nothing starts and stops Machines by load" in workspace.run("deploy", "--rehearse").err
    assert running(workspace) == {"ams": 1}
    state(workspace, "count=2", PORT + hpa)
    workspace.run("deploy", "--rehearse")
    assert running(workspace) == {"ams": 2}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("{min: 3, max: 2}", "web.score.yaml:9:13: hpa: min is 3 and max is 2"),
        ("{min: a, max: 2}", "web.score.yaml:9:61: min of 'hpa' is not a number of Machines from 0 to 500"),
        ("{max: 0}", "max of 'hpa' is not a number of Machines from 1 to 500"),
    ],
)
def test_autoscaler_with_an_invalid_range_is_refused(workspace: Workspace, params: str, message: str) -> None:
    state(workspace, "", f"{PORT}resources: {{hpa: {{type: horizontal-pod-autoscaler, params: {params}}}}}\n")
    result = workspace.run("validate")
    assert (result.code, message in result.err) == (2, True), result.err


def test_interrupted_removal_is_finished_by_the_next_deploy(workspace: Workspace, tmp_path: Path) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        state(workspace, "count=2", DISK)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        app = fly.world.data["apps"]["web"]
        state(workspace, "count=1", DISK)
        delete, fly.world.delete_volume = fly.world.delete_volume, _refuse  # type: ignore[method-assign]
        result = workspace.run("deploy", "--region", "ams", **given)
        assert (result.code, "cannot be removed yet" in result.err) == (0, True)
        assert (len(app["machines"]), len(app["volumes"])) == (1, 2)
        fly.world.delete_volume = delete  # type: ignore[method-assign]
        fly.world.create_volume("web", {"name": "data", "region": "ams", "size_gb": 1})
        assert "volumes to remove: vol_" in workspace.run("plan", "--region", "ams", **given).out
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        assert (len(app["machines"]), len(app["volumes"])) == (1, 2)
        assert "1 unchanged" in workspace.run("deploy", "--region", "ams", **given).out


def _refuse(name: str, volume: str) -> Any:
    from scorefly.rehearsal.rules import Refused

    raise Refused(412, f"volume {volume} of {name} is attached to a machine")


def test_placements_have_the_published_shape() -> None:
    from jsonschema import Draft202012Validator

    document = json.loads((DATA / "fly/machines-openapi.json").read_text())
    schema = {"$ref": "#/components/schemas/main.getPlacementsResponse", "components": document["components"]}
    with Rehearsal(None) as fly:
        from rehearsing import Client

        answer = Client(fly).made("/platform/placements", {"org_slug": "personal", "region": "ams,iad", "count": 2})
    Draft202012Validator(schema).validate(answer)
    assert [(each["region"], each["count"]) for each in answer["regions"]] == [("ams", 2), ("iad", 2)]


def test_rollback_keeps_the_stated_number_of_machines(workspace: Workspace) -> None:
    for line in ("    variables: {RELEASE: one}\n", "    variables: {RELEASE: two}\n"):
        state(workspace, "regions=ams=1,iad=1", line + PORT)
        assert workspace.run("deploy", "--rehearse").code == 0
    result = workspace.run("rollback", "--rehearse")
    assert result.code == 0, result.err
    assert running(workspace) == {"ams": 1, "iad": 1}
    configs = [each["config"] for each in workspace.world["apps"]["web"]["machines"].values()]
    assert {each["env"]["RELEASE"] for each in configs} == {"one"}

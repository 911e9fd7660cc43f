"""A workload with two built containers: both are built, and each is deployed by its own digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import CALLS, FLYCTL, environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

NO_BUILDER = "the rehearsal builds no images"
stand_in_only = pytest.mark.skipif(bool(FLYCTL), reason="the real flyctl has no builder here")
PROJECT = """\
workloads:
  web:
    builds:
      main: {context: app, target: prod}
      proxy: {context: proxy, dockerfile: ../docker/proxy.Dockerfile, target: run, args: {A: b c}}
"""


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        rehearsal.world.has_builder = not FLYCTL
        yield rehearsal


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    _append(workspace.workload("web", image="."), "  proxy: {image: ., variables: {A: b}}\n")
    workspace.write("app/Dockerfile", "FROM scratch AS prod\n")
    workspace.write("proxy/nginx.conf", "first\n")
    workspace.write("docker/proxy.Dockerfile", "FROM scratch AS run\n")
    workspace.write("scorefly.yaml", PROJECT)
    return workspace


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def builds(folder: Path) -> list[list[str]]:
    lines = (folder / CALLS).read_text().splitlines() if (folder / CALLS).exists() else []
    return [line.split(" ") for line in lines if "--build-only" in line]


def containers(fly: Rehearsal) -> set[tuple[str, ...]]:
    """The images of the containers of each Machine."""
    machines = fly.world.data["apps"]["web"]["machines"].values()
    return {tuple(each["image"] for each in machine["config"]["containers"]) for machine in machines}


def machine_json(workspace: Workspace) -> list[str]:
    text = (workspace.path / ".scorefly/out/local/web/machine.json").read_text()
    return [each["image"] for each in json.loads(text)["containers"]]


def test_both_images_reach_the_builder(two: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    result = two.run("deploy", **given)
    first, *others = builds(tmp_path)
    assert first[0] == str(two.path / "app")
    if FLYCTL:
        # The real one ends at the first image here; the second is seen where the first one is given.
        assert (result.code, NO_BUILDER in result.out + result.err) == (1, True), result.err
        two.write("scorefly.yaml", PROJECT.replace("      main: {context: app, target: prod}\n", ""))
        result = two.run("deploy", "--images", "web.main=nginx:1.27", **given)
        assert (result.code, NO_BUILDER in result.out + result.err) == (1, True), result.err
        others = builds(tmp_path)[-1:]
    else:
        assert result.code == 0, result.err
    (second,) = others
    assert second[0] == str(two.path / "proxy")
    line = " ".join(second)
    assert f"--dockerfile {two.path}/docker/proxy.Dockerfile --build-arg A=b c --build-target run" in line
    assert str(two.path) not in second[second.index("--config") + 1]


@stand_in_only
def test_each_container_runs_its_own_digest(two: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    assert two.run("generate", **given).code == 0
    assert machine_json(two) == [".", "."]
    assert two.run("deploy", **given).code == 0
    ((main, proxy),) = containers(fly)
    assert main != proxy
    assert all(each.startswith(f"{fly.registry_host}/web@sha256:") for each in (main, proxy))
    manifests = [json.loads(each) for each in fly.images.manifests["web"].values()]
    assert {(each["dockerfile"], each["target"]) for each in manifests} == {
        ("FROM scratch AS prod\n", "prod"),
        ("FROM scratch AS run\n", "run"),
    }
    assert machine_json(two) == [".", proxy]
    assert "1 unchanged" in two.run("deploy", **given).out
    assert machine_json(two) == [".", proxy]
    assert len(builds(tmp_path)) == 2

    two.write("docker/proxy.Dockerfile", "FROM scratch AS run\nUSER 1\n")
    assert two.run("plan", **given).code == 0
    plan: dict[str, Any] = json.loads((two.path / ".scorefly/out/local/plan.json").read_text())
    assert plan["apps"][0]["reasons"] == ["built from proxy: ../docker/proxy.Dockerfile"]
    assert two.run("deploy", **given).code == 0
    assert len(builds(tmp_path)) == 3
    ((again, changed),) = containers(fly)
    assert again == main
    assert changed != proxy

    result = two.run("rollback", "web", "--force", **given)
    assert result.code == 0, result.err
    assert containers(fly) == {(main, proxy)}
    assert len(builds(tmp_path)) == 3


@stand_in_only
def test_equal_builds_of_two_containers_are_built_once(workspace: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    _append(workspace.workload("web", image="."), "  worker: {image: ., args: [work]}\n")
    workspace.write("Dockerfile", "FROM scratch\n")
    workspace.write(".dockerignore", "*.yaml\n")
    result = workspace.run("deploy", **environment(tmp_path, fly), FLY_REGION="ams")
    assert result.code == 0, result.err
    assert len(builds(tmp_path)) == 1
    ((main, worker),) = containers(fly)
    assert main == worker


@stand_in_only
def test_second_image_alone_is_built_beside_a_given_one(two: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    two.write("scorefly.yaml", PROJECT.replace("      main: {context: app, target: prod}\n", ""))
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    result = two.run("deploy", "--images", "web.main=nginx:1.27", **given)
    assert result.code == 0, result.err
    ((main, proxy),) = containers(fly)
    assert main.startswith("nginx")
    assert proxy.startswith(f"{fly.registry_host}/web@sha256:")


@stand_in_only
def test_built_sidecar_is_promoted_by_digest(two: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    assert two.run("deploy", "--environment", "staging", **given).code == 0
    ((main, proxy),) = containers(fly)
    two.write("scorefly.yaml", "environments: {production: {app-suffix: -live, images-from: staging}}\n")
    result = two.run("deploy", "--environment", "production", **given)
    assert result.code == 0, result.err
    machines = fly.world.data["apps"]["web-live"]["machines"].values()
    assert {tuple(each["image"] for each in one["config"]["containers"]) for one in machines} == {(main, proxy)}
    assert len(builds(tmp_path)) == 2


@stand_in_only
def test_failed_second_build_touches_no_machine_and_builds_the_first_no_more(
    two: Workspace, tmp_path: Path, fly: Rehearsal
) -> None:
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    two.write("docker/proxy.Dockerfile", "FAIL\n")
    assert two.run("deploy", **given).code == 1
    assert not fly.world.data["apps"]["web"]["machines"]
    two.write("docker/proxy.Dockerfile", "FROM scratch AS run\n")
    (tmp_path / CALLS).unlink()
    assert two.run("deploy", **given).code == 0
    assert [each[0] for each in builds(tmp_path)] == [str(two.path / "proxy")]


def test_rehearsal_deploys_two_built_containers(two: Workspace) -> None:
    result = two.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    machines = two.world["apps"]["web"]["machines"].values()
    images = {each["image"] for machine in machines for each in machine["config"]["containers"]}
    assert len(images) == 2
    assert "1 unchanged" in two.run("deploy", "--rehearse").out

"""Images that flyctl builds, against the rehearsal: each build once, pushed once, deployed everywhere by digest.

The real flyctl gets as far as the builder, which no rehearsal has; the stand-in builds.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import CALLS, FLYCTL, environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, Workspace

NO_BUILDER = "the rehearsal builds no images"
stand_in_only = pytest.mark.skipif(bool(FLYCTL), reason="the real flyctl has no builder here")

SHARED = """\
workloads:
  web: {builds: {main: {context: ., dockerfile: docker/Dockerfile, target: web}}}
  api: {builds: {main: {context: ., dockerfile: docker/Dockerfile, target: web}}}
  job: {builds: {main: {context: ., dockerfile: docker/Dockerfile, target: web}}}
"""
TWO_CONTEXTS = """\
workloads:
  web: {builds: {main: {context: services/web, dockerfile: ../../docker/Dockerfile, args: {NAME: web}}}}
  api: {builds: {main: {context: services/api, target: prod}}}
"""


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        rehearsal.world.has_builder = not FLYCTL
        yield rehearsal


@pytest.fixture
def monorepo(workspace: Workspace) -> Workspace:
    for name in ("web", "api", "job"):
        workspace.workload(name, image=".", file=f"services/{name}/score.yaml")
    workspace.write("services/api/Dockerfile", "FROM scratch AS prod\n")
    workspace.write("docker/Dockerfile", "FROM scratch AS web\n")
    return workspace


def calls(folder: Path) -> list[tuple[str, list[str]]]:
    """The builds of flyctl: the working folder of each, relative to the workspace, and its arguments."""
    found = [line.split() for line in (folder / CALLS).read_text().splitlines()]
    builds = [(words[0], words[1:]) for words in found if "--build-only" in words]
    return [(str(Path(path).relative_to(folder / "workspace")), words) for path, words in builds]


def built(fly: Rehearsal) -> dict[str, dict[str, Any]]:
    """What the stand-in built, by repository."""
    return {
        repository: json.loads(content)
        for repository, manifests in fly.images.manifests.items()
        for tag, content in manifests.items()
        if tag.startswith("scorefly-")
    }


def images(fly: Rehearsal) -> dict[str, set[str]]:
    """The images of the Machines, by app."""
    apps = fly.world.data["apps"]
    return {name: {each["config"]["image"] for each in app["machines"].values()} for name, app in apps.items()}


def test_example_reaches_the_builder(workspace: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    for name in ("score.yaml", "Dockerfile"):
        shutil.copy(REPOSITORY / "examples/dockerfile" / name, workspace.path / name)
    result = workspace.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    (folder, words), *_ = calls(tmp_path)
    assert folder == "."
    assert words[words.index("--dockerfile") + 1] == str(workspace.path / "Dockerfile")
    assert (result.code, NO_BUILDER in result.out + result.err) == ((1, True) if FLYCTL else (0, False)), result.err


def test_workloads_on_one_dockerfile_are_built_once(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    monorepo.write("scorefly.yaml", SHARED)
    result = monorepo.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    made = calls(tmp_path)
    assert [folder for folder, _ in made] == ["."]
    app = made[0][1][made[0][1].index("--app") + 1]
    assert monorepo.toml(app)["build"] == {"dockerfile": "../../../../docker/Dockerfile", "build-target": "web"}
    if FLYCTL:
        assert (result.code, NO_BUILDER in result.out + result.err) == (1, True), result.err
        return
    assert result.code == 0, result.err
    assert built(fly) == {app: built(fly)[app]}
    assert built(fly)[app]["target"] == "web"
    reference = images(fly)["web"]
    assert re.fullmatch(rf"{fly.registry_host}/{app}@sha256:[0-9a-f]{{64}}", next(iter(reference)))
    assert images(fly) == dict.fromkeys(("api", "job", "web"), reference)


def test_each_context_is_built_from_its_own_dockerfile(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    monorepo.write("scorefly.yaml", TWO_CONTEXTS)
    (monorepo.path / "services/job/score.yaml").unlink()
    result = monorepo.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    assert sorted(folder for folder, _ in calls(tmp_path)) == ["services/api", "services/web"]
    assert monorepo.toml("web")["build"] == {"dockerfile": "../../../../docker/Dockerfile", "args": {"NAME": "web"}}
    assert monorepo.toml("api")["build"] == {
        "dockerfile": "../../../../services/api/Dockerfile",
        "build-target": "prod",
    }
    if FLYCTL:
        assert (result.out + result.err).count(NO_BUILDER) >= 2, result.err
        return
    assert result.code == 0, result.err
    assert {name: (each["dockerfile"], each["target"], each["args"]) for name, each in built(fly).items()} == {
        "web": ("FROM scratch AS web\n", "", {"NAME": "web"}),
        "api": ("FROM scratch AS prod\n", "prod", {}),
    }


def test_dockerfile_of_an_overlay_is_found(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    monorepo.workload("web", image=".", file="services/web/score.yaml")
    monorepo.write("services/web/Dockerfile", "FROM scratch\n")
    monorepo.write("services/web/src/other.Dockerfile", "FROM scratch AS other\n")
    monorepo.write(".scorefly/overlay.web.yaml", "build: {dockerfile: src/other.Dockerfile}\n")
    result = monorepo.run("deploy", "services/web/score.yaml", "--region", "ams", **environment(tmp_path, fly))
    assert "not found" not in result.out + result.err
    if FLYCTL:
        assert NO_BUILDER in result.out + result.err
    else:
        assert built(fly)["web"]["dockerfile"] == "FROM scratch AS other\n"


@stand_in_only
def test_image_is_built_again_only_when_its_build_changes(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    monorepo.write("scorefly.yaml", SHARED)
    given = environment(tmp_path, fly)

    def deploy(*options: str) -> int:
        """Deploy, and return how many builds there were."""
        (tmp_path / CALLS).unlink(missing_ok=True)
        result = monorepo.run("deploy", "--region", "ams", *options, **given)
        assert result.code == 0, result.err
        return len(calls(tmp_path))

    assert deploy() == 1
    before = images(fly)
    assert deploy() == 0
    monorepo.workload("web", "    variables: {A: b}\n", image=".", file="services/web/score.yaml")
    monorepo.write(".dockerignore", "services/*/score.yaml\nscorefly.yaml\n")
    assert deploy() == 1
    monorepo.workload("web", "    variables: {A: c}\n", image=".", file="services/web/score.yaml")
    assert deploy() == 0
    assert images(fly).keys() == before.keys()
    assert deploy("--force") == 1


@stand_in_only
def test_failed_build_fails_every_app_that_shares_it(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    fly.world.has_builder = False
    monorepo.write("scorefly.yaml", SHARED)
    result = monorepo.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    assert result.code == 1
    assert len(calls(tmp_path)) == 1
    assert "3 failed" in result.out
    assert len(re.findall(r"the image that it shares with \w+ was not built", result.err)) == 2


@stand_in_only
def test_built_image_of_a_failed_deploy_is_used_by_the_next_one(
    monorepo: Workspace, tmp_path: Path, fly: Rehearsal
) -> None:
    from scorefly.rehearsal.faults import Fault

    monorepo.write("scorefly.yaml", TWO_CONTEXTS)
    given = environment(tmp_path, fly)
    fly.faults.append(Fault("POST", "/v1/apps/web/machines", 422, times=50))
    assert monorepo.run("deploy", "services/web/score.yaml", "--region", "ams", **given).code == 1
    fly.faults.clear()
    result = monorepo.run("deploy", "services/web/score.yaml", "--region", "ams", **given)
    assert result.code == 0, result.err
    assert len(calls(tmp_path)) == 1


@stand_in_only
def test_credentials_of_docker_hub_reach_builds_and_no_output(
    monorepo: Workspace, tmp_path: Path, fly: Rehearsal
) -> None:
    monorepo.write("scorefly.yaml", SHARED)
    hub = {"DOCKER_HUB_USERNAME": "somebody", "DOCKER_HUB_PASSWORD": "canary-4711"}
    result = monorepo.run("deploy", "--region", "ams", **environment(tmp_path, fly), **hub)
    assert result.code == 0, result.err
    assert {each["user"] for each in built(fly).values()} == {"somebody"}
    assert "canary-4711" not in result.out + result.err + (tmp_path / CALLS).read_text()


@stand_in_only
def test_promotion_deploys_the_digest_of_the_other_environment(
    monorepo: Workspace, tmp_path: Path, fly: Rehearsal
) -> None:
    monorepo.write(
        "scorefly.yaml",
        SHARED + "environments: {staging: {app-suffix: -staging}, production: {images-from: staging}}\n",
    )
    given = {**environment(tmp_path, fly), "FLY_REGION": "ams"}
    result = monorepo.run("deploy", "--environment", "production", **given)
    assert result.code == 2
    assert "services/web/score.yaml:5:5: staging has no deployed image of container 'main'" in result.err
    assert monorepo.run("deploy", "--environment", "staging", **given).code == 0
    monorepo.write("docker/Dockerfile", "FROM scratch AS changed\n")
    result = monorepo.run("deploy", "--environment", "production", **given)
    assert result.code == 0, result.err
    assert len(calls(tmp_path)) == 1
    assert images(fly)["web"] == images(fly)["web-staging"]
    assert monorepo.toml("web", "production")["build"] == {"image": next(iter(images(fly)["web"]))}
    assert "3 unchanged" in monorepo.run("deploy", "--environment", "production", **given).out
    result = monorepo.run("plan", "--environment", "staging", "--images-from", "staging", **given)
    assert (result.code, "--images-from: images-from is 'staging'" in result.err) == (2, True)


@stand_in_only
def test_failed_build_leaves_running_machines_as_they_are(monorepo: Workspace, tmp_path: Path, fly: Rehearsal) -> None:
    monorepo.write("scorefly.yaml", TWO_CONTEXTS)
    volume = "    volumes: {/data: {source: '${resources.disk}'}}\nresources: {disk: {type: volume}}\n"
    monorepo.workload("web", volume, image=".", file="services/web/score.yaml")
    given = environment(tmp_path, fly)
    assert monorepo.run("deploy", "services/web/score.yaml", "--region", "ams", **given).code == 0
    before = fly.world.data["apps"]["web"]["machines"].copy()
    fly.world.has_builder = False
    monorepo.workload("web", image=".", file="services/web/score.yaml")
    assert monorepo.run("deploy", "services/web/score.yaml", "--region", "ams", **given).code == 1
    assert fly.world.data["apps"]["web"]["machines"] == before

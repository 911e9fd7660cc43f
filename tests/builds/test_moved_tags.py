"""Tags are resolved at a registry before images are compared, and deploys use the digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorefly.rehearsal.server import Rehearsal
from workspaces import Result, Workspace

IMAGE = "acme/web:1"


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        yield rehearsal


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def run(workspace: Workspace, fly: Rehearsal, *arguments: str, **variables: str) -> Result:
    return workspace.run(*arguments, "--rehearse", SCOREFLY_TEST_REGISTRY=fly.url, **variables)


def images(workspace: Workspace, app: str = "web") -> set[str]:
    """The images of an app's Machines."""
    return {machine["config"]["image"] for machine in workspace.world["apps"][app]["machines"].values()}


def test_moved_tag_is_deployed_by_its_new_digest(workspace: Workspace, fly: Rehearsal) -> None:
    workspace.workload("web", image=IMAGE)
    first = fly.images.push("acme/web", "1", b"first")
    assert run(workspace, fly, "deploy").code == 0
    assert images(workspace) == {f"acme/web@{first}"}
    assert workspace.toml("web")["build"] == {"image": IMAGE}
    assert "1 unchanged" in run(workspace, fly, "deploy").out
    second = fly.images.push("acme/web", "1", b"second")
    assert run(workspace, fly, "plan").code == 0
    plan = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    assert plan["apps"][0]["reasons"] == [f"{IMAGE} is {second[:19]} now"]
    assert "1 deployed" in run(workspace, fly, "deploy").out
    assert images(workspace) == {f"acme/web@{second}"}
    assert "1 unchanged" in run(workspace, fly, "deploy").out


def test_moved_tag_of_a_sidecar_is_deployed_by_its_new_digest(workspace: Workspace, fly: Rehearsal) -> None:
    _append(workspace.workload("web", image="nginx:1.27"), f"  proxy: {{image: '{IMAGE}'}}\n")
    fly.images.push("library/nginx", "1.27")

    def sidecars() -> set[str]:
        machines = workspace.world["apps"]["web"]["machines"].values()
        return {each["config"]["containers"][1]["image"] for each in machines}

    first = fly.images.push("acme/web", "1", b"first")
    assert run(workspace, fly, "deploy").code == 0
    assert sidecars() == {f"acme/web@{first}"}
    assert "1 unchanged" in run(workspace, fly, "deploy").out
    machine = (workspace.path / ".scorefly/out/local/web/machine.json").read_text()
    assert f"acme/web@{first}" in machine
    second = fly.images.push("acme/web", "1", b"second")
    assert run(workspace, fly, "plan").code == 0
    plan = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    assert plan["apps"][0]["reasons"] == [f"{IMAGE} is {second[:19]} now"]
    fly.images.broken = 503
    assert "1 unchanged" in run(workspace, fly, "deploy").out
    fly.images.broken = 0
    assert "1 deployed" in run(workspace, fly, "deploy").out
    assert sidecars() == {f"acme/web@{second}"}


def test_private_image_of_a_sidecar_is_refused(workspace: Workspace, fly: Rehearsal) -> None:
    _append(workspace.workload("web", image="nginx:1.27"), "  proxy: {image: ghcr.io/acme/proxy:1}\n")
    fly.images.push("library/nginx", "1.27")
    fly.images.push("acme/proxy", "1")
    fly.images.private.add("acme/proxy")
    result = run(workspace, fly, "plan")
    assert result.code == 2
    assert "web.score.yaml:6:11: Fly cannot pull ghcr.io/acme/proxy:1: access is denied (HTTP 401)" in result.err


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("nginx", "library/nginx", "latest"),
        ("docker.io/nginx:1.27", "library/nginx", "1.27"),
        ("index.docker.io/acme/web", "acme/web", "latest"),
        ("ghcr.io/acme/team/web:2", "acme/team/web", "2"),
        ("ghcr.io:443/acme/web:2", "acme/web", "2"),
    ],
)
def test_references_are_read_as_docker_reads_them(
    workspace: Workspace, fly: Rehearsal, image: str, repository: str, tag: str
) -> None:
    workspace.workload("web", image=image)
    digest = fly.images.push(repository, tag)
    result = run(workspace, fly, "deploy")
    assert result.code == 0, result.err
    assert next(iter(images(workspace))).endswith(f"@{digest}")
    assert "under the same tag" not in run(workspace, fly, "plan").err


def test_image_with_a_digest_and_images_of_resources_are_not_looked_up(workspace: Workspace, fly: Rehearsal) -> None:
    workspace.workload("web", "resources: {pg: {type: postgres}}\n", image=f"nginx:1@sha256:{'a' * 64}")
    assert run(workspace, fly, "deploy").code == 0
    assert fly.images.asked == []


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_private_image_is_refused_with_the_way_out(workspace: Workspace, fly: Rehearsal, command: str) -> None:
    workspace.workload("web", image="ghcr.io/acme/web:1")
    fly.images.push("acme/web", "1")
    fly.images.private.add("acme/web")
    result = run(workspace, fly, command)
    assert result.code == 2
    assert "web.score.yaml:5:5: Fly cannot pull ghcr.io/acme/web:1: access is denied (HTTP 401)" in result.err
    assert "docker buildx imagetools create --tag registry.fly.io/web:web ghcr.io/acme/web:1" in result.err
    assert not (workspace.path / ".scorefly/out").exists()


def test_missing_image_is_refused_with_its_place(workspace: Workspace, fly: Rehearsal) -> None:
    workspace.workload("web", image=".")
    result = run(workspace, fly, "deploy", "--images", IMAGE)
    assert (result.code, f"--images: {IMAGE}: there is no such image in its registry" in result.err) == (2, True)


@pytest.mark.parametrize(("status", "reason"), [(429, "too many requests"), (503, "Service Unavailable")])
def test_registry_that_does_not_answer_is_told_of_once(
    workspace: Workspace, fly: Rehearsal, status: int, reason: str
) -> None:
    for name in ("web", "other"):
        workspace.workload(name, image=IMAGE)
    fly.images.push("acme/web", "1")
    fly.images.broken = status
    for command in ("plan", "deploy", "deploy"):
        result = run(workspace, fly, command)
        assert result.code == 0, result.err
        words = f"so a newer one is not noticed: {IMAGE} ({reason} (HTTP {status}))"
        assert (result.out + result.err).count(words) == 1
    assert images(workspace) == {IMAGE}


def test_nothing_outside_is_asked_in_a_rehearsal(workspace: Workspace, fly: Rehearsal) -> None:
    workspace.workload("web", image=IMAGE)
    result = workspace.run("deploy", "--rehearse", SCOREFLY_TEST_REGISTRY="https://registry.example")
    assert result.code == 0
    assert images(workspace) == {IMAGE}
    assert fly.images.asked == []

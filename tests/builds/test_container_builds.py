"""What a container's image is built from: `builds` in scorefly.yaml, and `--build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workspaces import Workspace

BUILDS = "workloads: {web: {builds: {main: %s}}}\n"


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.workload("web", image=".", file="services/web/score.yaml")
    workspace.write("docker/web.Dockerfile", "FROM scratch\n")
    workspace.write("services/web/Dockerfile", "FROM scratch\n")
    return workspace


def build_of(workspace: Workspace, *options: str) -> dict[str, Any]:
    """Generate, and return `[build]` of fly.toml."""
    result = workspace.run("generate", *options)
    assert result.code == 0, result.err
    found: dict[str, Any] = workspace.toml("web").get("build", {})
    return found


STATED = {
    "dockerfile": "../../../../docker/web.Dockerfile",
    "build-target": "prod",
    "args": {"A": "b", "N": "1", "T": "true"},
}


def test_build_in_the_project_file_reaches_fly_toml(shop: Workspace) -> None:
    shop.write(
        "scorefly.yaml",
        BUILDS % "{context: ., dockerfile: docker/web.Dockerfile, target: prod, args: {A: b, N: 1, T: true}}",
    )
    assert build_of(shop) == STATED


@pytest.mark.parametrize("name", ["main", "web.main"])
def test_build_option_takes_json(shop: Workspace, name: str) -> None:
    text = '{"context": "services", "dockerfile": "../docker/web.Dockerfile", "target": "prod", "args": ["A=b", "N=1", "T=true"]}'
    assert build_of(shop, "--build", f"{name}={text}") == STATED


def test_build_option_takes_a_path_and_replaces_the_project_file(shop: Workspace) -> None:
    shop.write("scorefly.yaml", BUILDS % "{context: missing}")
    assert build_of(shop, "--build", "main=services/web") == {"dockerfile": "../../../../services/web/Dockerfile"}


def test_build_is_an_input_of_the_action(shop: Workspace) -> None:
    result = shop.action({"command": "generate", "rehearse": "true", "build": "main=services/web", "state": "file"})
    assert result.code == 0, result.out + result.err
    assert shop.toml("web", "production")["build"] == {"dockerfile": "../../../../services/web/Dockerfile"}


def test_files_are_found_from_the_context_of_a_build(shop: Workspace) -> None:
    shop.workload("web", "    files: {/etc/a: {content: hello}}\n", image=".", file="services/web/score.yaml")
    assert shop.run("generate", "--build", "main=docker", "--dry-run").code == 2
    assert build_of(shop, "--build", 'main={"context": "docker", "dockerfile": "web.Dockerfile"}')
    local = shop.toml("web")["files"][0]["local_path"]
    assert (shop.path / "docker" / local).read_text() == "hello"


def test_build_args_of_all_builds_are_added(shop: Workspace) -> None:
    shop.write("scorefly.yaml", BUILDS % "{context: services/web, args: {A: own}}" + "build-args: {A: all, B: all}\n")
    assert build_of(shop)["args"] == {"A": "own", "B": "all"}


def test_buildpacks_need_no_dockerfile(shop: Workspace) -> None:
    shop.write("scorefly.yaml", BUILDS % "{context: docker, builder: 'heroku/builder:24', buildpacks: [heroku/python]}")
    assert build_of(shop) == {"builder": "heroku/builder:24", "buildpacks": ["heroku/python"]}


def test_given_image_replaces_a_build(shop: Workspace) -> None:
    shop.write("scorefly.yaml", BUILDS % "{context: services/web}")
    assert build_of(shop, "--images", "web=nginx:1.27") == {"image": "nginx:1.27"}


def test_context_may_be_anywhere_in_the_checkout_around_the_workspace(shop: Workspace) -> None:
    (shop.path / ".git").mkdir()
    below = Workspace(shop.path / "services/web")
    assert build_of(below, "--build", 'main={"context": "../..", "dockerfile": "docker/web.Dockerfile"}') == {
        "dockerfile": "../../../../../../docker/web.Dockerfile"
    }


def test_stated_build_is_deployed_again_when_it_changes(shop: Workspace) -> None:
    def deploy(build: str) -> str:
        shop.write("scorefly.yaml", BUILDS % build)
        result = shop.run("deploy", "--rehearse")
        assert result.code == 0, result.err
        return result.out

    assert "1 created" in deploy("{context: docker, dockerfile: web.Dockerfile}")
    shop.write("services/web/other", "not in the context\n")
    assert "1 unchanged" in deploy("{context: docker, dockerfile: web.Dockerfile}")
    assert "1 deployed" in deploy("{context: docker, dockerfile: web.Dockerfile, target: a}")
    assert "1 deployed" in deploy("{context: docker, dockerfile: web.Dockerfile, target: a, args: {A: b}}")
    shop.write("docker/web.Dockerfile", "FROM scratch\nUSER 1\n")
    assert "1 deployed" in deploy("{context: docker, dockerfile: web.Dockerfile, target: a, args: {A: b}}")


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize(
    ("build", "message"),
    [
        ("{context: ../..}", "1:28: the context ../.. is outside the repository (give a context inside the workspace)"),
        ("{context: /etc}", "1:28: the context /etc is outside the repository"),
        (
            "{context: ., dockerfile: ../Dockerfile}",
            "1:28: the Dockerfile ../Dockerfile is outside the repository (give a Dockerfile inside the workspace)",
        ),
        ("{context: link}", "1:28: the context link is outside the repository"),
        ("{context: .git/x}", "1:28: the context .git/x is in a .git folder"),
        ("{context: nowhere}", "1:28: there is no folder nowhere to build from"),
        ("{contxt: .}", "1:35: unknown key 'contxt' of a build (did you mean 'context'?)"),
        ("{context: 1}", "1:35: context of a build: expected a string"),
        ("{args: {A: [1]}}", "1:35: args of a build: 'A' has no valid name and value"),
        ("{buildpacks: [a]}", "1:28: buildpacks need a builder"),
        ("{builder: a, target: b}", "1:28: buildpacks build without a Dockerfile"),
        ("[.]", "1:28: a build is the path of its context, or a mapping"),
    ],
)
def test_invalid_build_is_refused_with_its_place(shop: Workspace, command: str, build: str, message: str) -> None:
    (shop.path / "link").symlink_to("/etc")
    shop.write("scorefly.yaml", BUILDS % build)
    result = shop.run(command, "--rehearse")
    assert result.code == 2
    assert f"scorefly.yaml:{message}" in result.err


def test_missing_dockerfile_is_refused_with_its_place(shop: Workspace) -> None:
    shop.write("scorefly.yaml", BUILDS % "{context: docker}")
    result = shop.run("plan", "--rehearse")
    assert (result.code, "scorefly.yaml:1:28: there is no Dockerfile docker/Dockerfile" in result.err) == (2, True)


def test_build_of_a_container_with_an_image_is_refused(workspace: Workspace) -> None:
    workspace.workload("web", image="nginx:1.27")
    workspace.write("scorefly.yaml", BUILDS % ".")
    result = workspace.run("validate")
    assert result.code == 2
    assert "scorefly.yaml:1:28: container 'main' of web has an image: nginx:1.27 (write `image: .`" in result.err
    (workspace.path / "scorefly.yaml").unlink()
    for name in ("main", "web.main"):
        result = workspace.run("validate", "--build", f"{name}=.")
        assert (result.code, "--build: container 'main' " in result.err) == (2, True), name


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("other=.", "no container is called 'other' (there are: main, web.main)"),
        ("wbe.main=.", "no container is called 'wbe.main' (did you mean 'web.main'?)"),
        ("main", "build has the line 'main'"),
        ("main=", "build has the line 'main='"),
        ("main={", "build main: invalid JSON"),
        ('main={"a": 1}', "main: unknown key 'a' of a build"),
    ],
)
def test_invalid_build_option_is_refused(shop: Workspace, option: str, message: str) -> None:
    result = shop.run("validate", "--build", option)
    assert (result.code, f"--build: {message}" in result.err) == (2, True), result.err


def test_unknown_container_in_the_project_file_is_refused(shop: Workspace) -> None:
    shop.write("scorefly.yaml", "workloads: {web: {builds: {mian: .}}}\n")
    result = shop.run("validate")
    assert result.code == 2
    assert "scorefly.yaml:1:28: workload 'web' has no container 'mian' to build (did you mean 'main'?)" in result.err


def test_secret_file_outside_is_not_read(shop: Workspace, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("canary-4711")
    (shop.path / "Dockerfile").symlink_to(tmp_path / "canary")
    result = shop.run("deploy", "--rehearse", "--build", "main=.")
    assert (result.code, "canary-4711" in result.err + result.out) == (2, False)

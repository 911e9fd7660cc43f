"""An app is built again when what the builder would receive changed, and only then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.workload("web", image=".")
    for name, text in {
        "Dockerfile": "FROM nginx\nCOPY . /app\n",
        "README.md": "one\n",
        "src/main.py": "one\n",
        "src/keep.md": "one\n",
        "node_modules/a/index.js": "one\n",
    }.items():
        workspace.write(name, text)
    return workspace


def deploy(workspace: Workspace) -> str:
    """Deploy, and return what it says of the app."""
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    return result.out + result.err


def reasons(workspace: Workspace) -> list[str]:
    """Plan, and return why the app would be deployed."""
    result = workspace.run("plan", "--rehearse")
    assert result.code == 0, result.err
    app: dict[str, Any] = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())["apps"][0]
    found: list[str] = app["reasons"]
    return found


def assert_builds(workspace: Workspace, name: str, text: str, *, built: bool = True) -> None:
    """Assert whether a changed file is a reason to deploy, and restore it."""
    path = workspace.path / name
    before = path.read_text() if path.exists() else None
    workspace.write(name, text)
    assert reasons(workspace) == ([f"built from {name}"] if built else []), name
    path.write_text(before) if before is not None else path.unlink()
    assert reasons(workspace) == []


def test_ignored_files_build_nothing(shop: Workspace) -> None:
    shop.write(
        ".dockerignore", "# not built\n**/*.md\n!src/keep.md\n/node_modules/\nDockerfile\n.dockerignore\n*.log\n"
    )
    deploy(shop)
    assert_builds(shop, "README.md", "two\n", built=False)
    assert_builds(shop, "node_modules/a/index.js", "two\n", built=False)
    assert_builds(shop, "node_modules/b.js", "two\n", built=False)
    assert_builds(shop, "debug.log", "two\n", built=False)
    assert_builds(shop, ".dockerignore", (shop.path / ".dockerignore").read_text() + "# more\n", built=False)
    assert_builds(shop, "src/keep.md", "two\n")
    assert_builds(shop, "src/main.py", "two\n")
    assert_builds(shop, "src/new.py", "two\n")
    assert_builds(shop, "Dockerfile", "FROM nginx:2\n")
    assert ": unchanged" in deploy(shop)


def test_ignore_file_of_the_dockerfile_comes_first(shop: Workspace) -> None:
    shop.write(".dockerignore", "src\n")
    shop.write("Dockerfile.dockerignore", "README.md\n")
    deploy(shop)
    assert_builds(shop, "README.md", "two\n", built=False)
    assert_builds(shop, "src/main.py", "two\n")


def test_ignoring_a_file_that_was_built_is_a_change(shop: Workspace) -> None:
    deploy(shop)
    shop.write(".dockerignore", ".dockerignore\nREADME.md\n")
    assert reasons(shop) == ["built from README.md"]


def test_modes_links_and_empty_folders_are_built(shop: Workspace) -> None:
    (shop.path / "link").symlink_to("src")
    (shop.path / "empty").mkdir()
    deploy(shop)
    (shop.path / "link").unlink()
    (shop.path / "link").symlink_to("node_modules")
    (shop.path / "src/main.py").chmod(0o755)
    (shop.path / "empty").rmdir()
    assert reasons(shop) == ["built from empty/, link, src/main.py"]


def test_deploy_names_the_first_changed_files(shop: Workspace) -> None:
    deploy(shop)
    for number in range(5):
        shop.write(f"src/{number}.py", "new\n")
    assert "web: updating, because src/0.py, src/1.py, src/2.py and 2 more changed" in deploy(shop)
    assert ": unchanged" in deploy(shop)


def test_changes_among_many_files_are_named_by_folder(shop: Workspace) -> None:
    for folder in range(30):
        for number in range(20):
            shop.write(f"src/{folder}/{number}.py", "one\n")
    deploy(shop)
    shop.write("src/7/3.py", "two\n")
    assert reasons(shop) == ["built from src/7/"]


def test_own_artefacts_are_not_built(shop: Workspace) -> None:
    shop.write("scorefly.yaml", "artefacts: generated\n")
    deploy(shop)
    assert (shop.path / "generated").is_dir()
    shop.write("generated/other", "x\n")
    assert ": unchanged" in deploy(shop)


def test_files_that_an_overlay_names_decide(shop: Workspace) -> None:
    shop.write(".scorefly/overlay.yaml", "build: {dockerfile: src/Dockerfile, ignorefile: src/ignored}\n")
    shop.write("src/Dockerfile", "FROM nginx\n")
    shop.write("src/ignored", "src\n*.md\n")
    deploy(shop)
    assert_builds(shop, "README.md", "two\n", built=False)
    assert_builds(shop, "src/Dockerfile", "FROM nginx:2\n")


def test_ignored_folders_are_not_read(shop: Workspace) -> None:
    shop.write(".dockerignore", "node_modules\n")
    with (shop.path / "node_modules/a/large").open("wb") as file:
        file.truncate(1 << 40)
    assert ": created" in deploy(shop)

"""No input of a repository reads a file of the machine that runs scorefly."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest

from workspaces import Result, Workspace

CANARY = "canary-7d40c2e9a1"
COMMANDS = (("validate",), ("deploy", "--rehearse"))


@pytest.fixture
def secret(workspace: Workspace) -> Path:
    """A file outside the workspace which only the user who runs scorefly may see."""
    path = workspace.path.parent / "runner-secret.json"
    path.write_text(json.dumps({"canary": CANARY}))
    return path


def assert_refused(workspace: Workspace, says: str, *options: str, code: int = 2) -> None:
    for command in COMMANDS:
        result = workspace.run(*command, *options, LEAK=CANARY)
        assert result.code == code, (command, result.err)
        assert says in result.err, (command, result.err)
        assert result.problems, (command, result.err)
        assert_no_canary(workspace, result)


def assert_no_canary(workspace: Workspace, result: Result) -> None:
    forms = (CANARY, b64encode(CANARY.encode()).decode()[4:-4])
    written = "".join(text.decode("utf-8", "replace") for text in written_files(workspace))
    assert not [form for form in forms if form in written + result.out + result.err]


def written_files(workspace: Workspace) -> list[bytes]:
    folder = workspace.path / ".scorefly"
    return [path.read_bytes() for name in ("out", "rehearsal") for path in (folder / name).rglob("*") if path.is_file()]


def overlay_files(workspace: Workspace, local_path: str) -> None:
    workspace.workload("web")
    workspace.write(".scorefly/overlay.toml", f'[[files]]\nguest_path = "/leak"\nlocal_path = "{local_path}"\n')


@pytest.mark.parametrize(
    "local_path",
    [
        "/proc/self/environ",
        "SECRET",
        "../../../../../runner-secret.json",
        "/dev/zero",
        "/dev",
        "files/../../../../../../runner-secret.json",
        "../../../../score.yaml",
        "fly.toml",
        ".",
    ],
)
def test_local_path_in_overlay_names_only_files_of_the_artefact(
    workspace: Workspace, secret: Path, local_path: str
) -> None:
    overlay_files(workspace, local_path.replace("SECRET", str(secret)))
    assert_refused(workspace, "files[0].local_path: there is no file")


@pytest.mark.parametrize("command", ["generate", "plan"])
def test_local_path_is_refused_by_every_command(workspace: Workspace, secret: Path, command: str) -> None:
    overlay_files(workspace, str(secret))
    result = workspace.run(command, "--rehearse")
    assert (result.code, "there is no file" in result.err) == (2, True)
    assert_no_canary(workspace, result)


def test_local_path_through_link_in_build_context_is_refused(workspace: Workspace, secret: Path) -> None:
    workspace.workload("web", "    files: {/etc/a: {content: honest}}\n", image=".")
    workspace.write("Dockerfile", "FROM scratch\n")
    (workspace.path / "away").symlink_to(secret.parent)
    away = "away/../.scorefly/out/local/web/files/etc/a"
    workspace.write(".scorefly/overlay.yaml", f"files: [{{guest_path: /leak, local_path: {away}}}]\n")
    assert_refused(workspace, "files[0].local_path: there is no file")


def test_local_path_of_mounted_file_can_be_named_in_overlay(workspace: Workspace) -> None:
    workspace.workload("web", "    files: {/etc/a: {content: honest}}\n")
    workspace.write(".scorefly/overlay.yaml", "files: [{guest_path: /moved, local_path: ./files//etc/a}]\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    assert b64encode(b"honest").decode() in json.dumps(workspace.world)


@pytest.mark.parametrize("key", ["", "experimental"])
@pytest.mark.parametrize("inline", [True, False])
def test_machine_config_in_overlay_names_only_files_of_the_artefact(
    workspace: Workspace, secret: Path, key: str, inline: bool
) -> None:
    machine = {"containers": [{"name": "main", "files": [{"guest_path": "/leak", "local_path": str(secret)}]}]}
    value = json.dumps(json.dumps(machine)) if inline else f'"{secret}"'
    workspace.workload("web")
    workspace.write(".scorefly/overlay.toml", f"{f'[{key}]' if key else ''}\nmachine_config = {value}\n")
    assert_refused(workspace, "there is no file")


@pytest.mark.parametrize(
    "entry",
    [
        'files: [{guest_path: /leak, local_path: "SECRET"}]',
        "files: [{guest_path: /leak, local_path: /proc/self/environ}]",
        'machine_config: "SECRET"',
        'experimental: {machine_config: "SECRET"}',
    ],
)
def test_resource_app_reads_no_local_file(workspace: Workspace, secret: Path, entry: str) -> None:
    workspace.workload("web", "resources: {side: {type: side}}\n")
    workspace.write(
        ".scorefly/side.provisioners.yaml",
        "- uri: template://test/side\n  type: side\n  apps:\n    side:\n      build: {image: 'redis:7'}\n"
        f"      {entry.replace('SECRET', str(secret))}\n",
    )
    assert_refused(workspace, "there is no file")


@pytest.mark.parametrize("key", ["dockerfile", "ignorefile"])
@pytest.mark.parametrize("path", ["SECRET", "../runner-secret.json", "link", ".git/config"])
def test_build_files_outside_the_workspace_are_refused(workspace: Workspace, secret: Path, key: str, path: str) -> None:
    workspace.workload("web", image=".")
    workspace.write("Dockerfile", "FROM scratch\n")
    workspace.write(".git/config", CANARY)
    (workspace.path / "link").symlink_to(secret)
    workspace.write(".scorefly/overlay.yaml", f"build: {{{key}: {path.replace('SECRET', str(secret))}}}\n")
    assert_refused(workspace, f"build.{key}")


def test_compose_file_in_overlay_is_refused(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write(".scorefly/overlay.yaml", "build: {compose: {file: compose.yaml}}\n")
    assert_refused(workspace, "build.compose")


@pytest.mark.parametrize("name", ["overlay.toml", "overlay.web.toml", "overlay.yaml"])
def test_linked_overlay_outside_is_refused(workspace: Workspace, secret: Path, name: str) -> None:
    workspace.workload("web")
    secret.write_text(f'kill_signal = "{CANARY}"\n' if name.endswith("toml") else f"kill_signal: {CANARY}\n")
    (workspace.path / ".scorefly").mkdir()
    (workspace.path / ".scorefly" / name).symlink_to(secret)
    assert_refused(workspace, f".scorefly/{name} is outside the workspace")


def test_fifo_as_overlay_is_refused(workspace: Workspace) -> None:
    workspace.workload("web")
    (workspace.path / ".scorefly").mkdir()
    os.mkfifo(workspace.path / ".scorefly/overlay.toml")
    assert_refused(workspace, ".scorefly/overlay.toml is not a regular file")


def test_overlay_linked_inside_the_workspace_is_read(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("shared/overlay.toml", 'kill_signal = "SIGTERM"\n')
    (workspace.path / ".scorefly").mkdir()
    (workspace.path / ".scorefly/overlay.toml").symlink_to("../shared/overlay.toml")
    assert workspace.run("generate").code == 0
    assert workspace.toml("web")["kill_signal"] == "SIGTERM"


SCORE = (
    "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers: {main: {image: nginx, variables: {A: CANARY}}}\n"
)


def linked(workspace: Workspace, name: str, target: Path | str) -> None:
    path = workspace.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("options", [(), ("score.yaml",), ("*.yaml",)])
def test_linked_score_file_outside_is_refused(workspace: Workspace, secret: Path, options: tuple[str, ...]) -> None:
    secret.write_text(SCORE.replace("CANARY", CANARY))
    linked(workspace, "score.yaml", secret)
    assert_refused(workspace, "score.yaml is outside the workspace", *options)


def test_fifo_as_score_file_is_refused(workspace: Workspace) -> None:
    os.mkfifo(workspace.path / "score.yaml")
    assert_refused(workspace, "score.yaml:1:1: score.yaml is not a regular file")


@pytest.mark.parametrize("target", ["/dev/zero", "/proc/self/environ", "/dev/stdin"])
def test_device_as_score_file_is_refused(workspace: Workspace, target: str) -> None:
    linked(workspace, "score.yaml", target)
    assert_refused(workspace, "score.yaml is outside the workspace")


def test_large_score_file_is_refused_without_reading_it(workspace: Workspace) -> None:
    with (workspace.path / "score.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert_refused(workspace, "score.yaml is larger than 1048576 bytes")


def test_score_file_linked_inside_the_workspace_is_read(workspace: Workspace) -> None:
    workspace.write("apps/web.yaml", SCORE)
    linked(workspace, "score.yaml", "apps/web.yaml")
    assert workspace.run("validate").code == 0


def test_score_file_whose_name_is_not_utf8_is_refused(workspace: Workspace) -> None:
    workspace.workload("web")
    name = os.fsdecode(b"\xff.score.yaml")
    (workspace.path / name).write_text(SCORE)
    assert_refused(workspace, "the file name is not UTF-8")


def test_score_file_in_git_folder_is_refused(workspace: Workspace) -> None:
    workspace.write(".GIT/score.yaml", SCORE)
    assert_refused(workspace, "is in a .git folder", ".GIT/score.yaml")


@pytest.mark.parametrize("name", ["mine.provisioners.yaml", "folder/mine.provisioners.yaml"])
def test_linked_provisioner_file_outside_is_refused(workspace: Workspace, secret: Path, name: str) -> None:
    workspace.workload("web", "    variables: {A: '${resources.x.v}'}\nresources: {x: {type: mine}}\n")
    secret.write_text(f"- {{uri: static://x, type: mine, outputs: {{v: {CANARY}}}}}\n")
    if "/" in name:
        secret.rename(secret.parent / "mine.provisioners.yaml")
        linked(workspace, ".scorefly/folder", secret.parent)
    else:
        linked(workspace, f".scorefly/{name}", secret)
    assert_refused(workspace, f".scorefly/{name} is outside the workspace", "--provisioners", f".scorefly/{name}")


@pytest.mark.parametrize("option", ["provisioners: [SECRET]", "overrides-file: SECRET", "score-files: SECRET"])
@pytest.mark.parametrize("path", ["absolute", "../runner-secret.json"])
def test_project_file_names_no_input_outside(workspace: Workspace, secret: Path, option: str, path: str) -> None:
    workspace.workload("web")
    text = option.replace("SECRET", str(secret) if path == "absolute" else path)
    workspace.write("scorefly.yaml", f"{text}\n")
    assert_refused(workspace, "is outside the workspace")


def test_action_reads_no_input_outside(workspace: Workspace, secret: Path) -> None:
    workspace.workload("web")
    secret.write_text(f"metadata: {{name: {CANARY}}}\n")
    for name in ("overrides-file", "provisioners"):
        result = workspace.action({"command": "generate", "rehearse": "true", name: str(secret)})
        assert (result.code, "is outside the workspace" in result.out) == (2, True), result.out
        assert_no_canary(workspace, result)


def test_linked_overrides_file_outside_is_refused(workspace: Workspace, secret: Path) -> None:
    workspace.workload("web")
    secret.write_text(f"containers: {{main: {{variables: {{A: {CANARY}}}}}}}\n")
    linked(workspace, "over.yaml", secret)
    assert_refused(workspace, "over.yaml is outside the workspace", "--overrides-file", "over.yaml")


@pytest.mark.parametrize("path", ["over.yaml", "../runner-secret.json", "absolute"])
def test_overrides_of_project_file_outside_are_refused(workspace: Workspace, secret: Path, path: str) -> None:
    workspace.workload("web")
    secret.write_text(f"containers: {{main: {{variables: {{A: {CANARY}}}}}}}\n")
    linked(workspace, "over.yaml", secret)
    workspace.write("scorefly.yaml", f"overrides: {{web: {secret if path == 'absolute' else path}}}\n")
    assert_refused(workspace, "is outside the workspace")


def test_linked_project_file_outside_is_refused(workspace: Workspace, secret: Path) -> None:
    workspace.workload("web")
    secret.write_text(f"{CANARY}: 1\n")
    linked(workspace, "scorefly.yaml", secret)
    assert_refused(workspace, "scorefly.yaml is outside the workspace")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("link", "is outside the workspace"),
        ("folder/runner-secret.json", "is outside the workspace"),
        ("../runner-secret.json", "is outside the workspace"),
        ("/proc/self/environ", "is no relative path"),
        (".git/config", "is in a .git folder"),
        ("sub/.Git/config", "is in a .git folder"),
        ("inner", "is in a .git folder"),
        ("fifo", "is not a regular file"),
        ("sub", "is not a regular file"),
        ("environ", "is outside the workspace"),
    ],
)
def test_file_source_outside_is_refused(workspace: Workspace, secret: Path, source: str, says: str) -> None:
    workspace.write(".git/config", CANARY)
    workspace.write("sub/.Git/config", CANARY)
    os.mkfifo(workspace.path / "fifo")
    linked(workspace, "link", secret)
    linked(workspace, "folder", secret.parent)
    linked(workspace, "inner", ".git/config")
    linked(workspace, "environ", "/proc/self/environ")
    workspace.workload("web", f"    files: {{/etc/a: {{source: {source}}}}}\n")
    assert_refused(workspace, says)


def test_file_source_through_link_inside_is_mounted(workspace: Workspace) -> None:
    workspace.write("shared/a.txt", "hello")
    linked(workspace, "apps/shared", "../shared")
    workspace.workload("web", "    files: {/etc/a: {source: shared/a.txt}}\n", file="apps/score.yaml")
    assert workspace.run("generate").code == 0
    assert (workspace.path / ".scorefly/out/local/web/files/etc/a").read_text() == "hello"


def test_linked_dockerfile_outside_is_refused(workspace: Workspace, secret: Path) -> None:
    workspace.workload("web", image=".")
    linked(workspace, "Dockerfile", secret)
    assert_refused(workspace, "Dockerfile is outside the workspace")


def test_linked_build_context_outside_is_refused(workspace: Workspace, secret: Path) -> None:
    (secret.parent / "away").mkdir()
    (secret.parent / "away/score.yaml").write_text(SCORE.replace("nginx", "."))
    (secret.parent / "away/Dockerfile").write_text("FROM scratch\n")
    linked(workspace, "app", "../away")
    assert_refused(workspace, "app/score.yaml is outside the workspace", "app/score.yaml")


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000])
def test_overlay_that_overwhelms_its_parser_is_refused(workspace: Workspace, text: str) -> None:
    workspace.workload("web")
    workspace.write(".scorefly/overlay.toml", text)
    assert_refused(workspace, ".scorefly/overlay.toml:1:1: ")

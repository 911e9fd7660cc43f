"""What is allowed once is not allowed any number of times: files, texts and elements are bounded together."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace

MIB = 1 << 20


def test_files_of_a_container_are_bounded_together(workspace: Workspace) -> None:
    (workspace.path / "large").write_bytes(b"a" * MIB)
    files = "".join(f"  /etc/{number}: {{source: large}}\n" for number in range(18))
    workspace.workload("web", f"files:\n{files}")
    result = workspace.run("validate")
    assert result.code == 2
    assert "web.score.yaml:23:7: the files of a container have more than 16 MiB together" in result.err


def test_placeholders_cannot_make_endless_texts(workspace: Workspace) -> None:
    outputs = "  outputs: {text: \"{{ 'a' * 1000000 }}\"}\n"
    workspace.write(".scorefly/x.provisioners.yaml", f"- uri: template://x\n  type: large\n{outputs}")
    many = "${resources.one.text}" * 30
    (workspace.path / "source").write_text(many)
    workspace.workload(
        "web",
        f"variables: {{A: '{many}'}}\nfiles:\n  /etc/a: {{content: '{many}'}}\n  /etc/b: {{source: source}}\n"
        "resources: {one: {type: large}}\n".replace("resources", "    resources", 0),
    )
    text = (workspace.path / "web.score.yaml").read_text().replace("    resources:", "resources:")
    (workspace.path / "web.score.yaml").write_text(text)
    result = workspace.run("validate")
    assert result.code == 2
    assert result.err.count("the placeholders make a text of more than 4194304 characters") == 3


def test_many_score_files_are_refused(workspace: Workspace) -> None:
    for number in range(10_001):
        (workspace.path / f"w{number}.score.yaml").write_text("")
    result = workspace.run("validate")
    assert result.code == 2
    assert "there are 10001 Score files, and 10000 are allowed" in result.err


def test_score_files_are_bounded_together(workspace: Workspace) -> None:
    for number in range(18):
        (workspace.path / f"w{number}.score.yaml").write_text(f"# {'a' * (MIB - 10)}\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert "the Score files have more than 16 MiB together" in result.err


@pytest.mark.parametrize("pattern", ["**/*/**/*/**/*/**/*.yaml", "*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*.yaml"])
def test_globs_through_links_end(workspace: Workspace, pattern: str) -> None:
    workspace.workload("web")
    for name in ("a", "b", "c"):
        (workspace.path / name).symlink_to(".")
    found = workspace.run("validate", pattern)
    assert found.code == 0 or "matches no file" in found.err, found.err
    assert workspace.run("validate", "web.score.yaml", "--provisioners", pattern).err.count("is a list of entries") <= 1


def test_glob_finds_files_through_a_link_to_a_folder(workspace: Workspace) -> None:
    workspace.workload("web", file="apps/web/score.yaml")
    (workspace.path / "linked").symlink_to("apps")
    result = workspace.run("generate", "linked/*/score.yaml")
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{'a.' * 20_000}b = 1\n", "an overlay has at most 30 levels"),
        (f"a = {'[' * 20_000}{']' * 20_000}\n", "the file is nested too deeply"),
        ("".join(f"a{number} = 1\n" for number in range(6000)), "an overlay has at most 5000 elements"),
    ],
    ids=["deep keys", "deep lists", "wide"],
)
def test_deep_and_wide_overlays_are_refused(workspace: Workspace, content: str, reason: str) -> None:
    workspace.workload("web")
    workspace.write(".scorefly/overlay.toml", content)
    result = workspace.run("validate")
    assert result.code == 2
    assert f".scorefly/overlay.toml:1:1: {reason}" in result.err


@pytest.mark.parametrize("name", ["secrets", "variables", "images"])
def test_deep_inputs_are_no_fault(workspace: Workspace, name: str) -> None:
    workspace.workload("web")
    for deep in ("[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000):
        result = workspace.action({"command": "validate", name: deep})
        assert "fault" not in result.out
    wide = json.dumps({f"A{number}": "b" for number in range(2000)})
    assert "fault" not in workspace.action({"command": "validate", name: wide}).out

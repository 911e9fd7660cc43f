"""Which secrets Fly holds after a deploy, by way of the CLI."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace

BODY = """\
    variables: {{{}}}
resources:
  res-a: {{type: secret, params: {{name: A}}}}
  res-b: {{type: secret, params: {{name: B}}}}
"""


def deploy(workspace: Workspace, names: str, *options: str, **values: str) -> str:
    variables = ", ".join(f'{name}: "${{resources.res-{name.lower()}.value}}"' for name in names)
    workspace.workload("web", BODY.format(variables))
    secrets = {"A": "first-value-a", "B": "first-value-b", **values}
    result = workspace.run("deploy", "--rehearse", *options, SCOREFLY_SECRETS=json.dumps(secrets))
    assert result.code == 0, result.err
    return result.out


def held(workspace: Workspace) -> list[str]:
    return sorted(workspace.world["apps"]["web"]["secrets"])


def set_by_hand(workspace: Workspace, name: str) -> None:
    world = workspace.world
    world["apps"]["web"]["secrets"][name] = {"name": name, "digest": "0123456789abcdef"}
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def test_what_is_new_is_set_and_what_is_unwanted_is_removed(workspace: Workspace) -> None:
    deploy(workspace, "A")
    assert held(workspace) == ["A"]
    deploy(workspace, "B")
    assert held(workspace) == ["B"]


def test_a_value_that_changed_is_sent_and_others_are_not(workspace: Workspace) -> None:
    deploy(workspace, "AB")
    before = workspace.world["apps"]["web"]
    out = deploy(workspace, "AB", B="second-value-b")
    after = workspace.world["apps"]["web"]
    assert "+1" in out
    assert after["secrets"]["A"] == before["secrets"]["A"]
    assert after["secrets"]["B"]["digest"] != before["secrets"]["B"]["digest"]
    assert after["secrets_version"] == before["secrets_version"] + 1


def test_a_secret_changed_by_hand_is_set_back(workspace: Workspace) -> None:
    deploy(workspace, "A")
    digest = workspace.world["apps"]["web"]["secrets"]["A"]["digest"]
    set_by_hand(workspace, "A")
    assert "deployed" in deploy(workspace, "A")
    assert workspace.world["apps"]["web"]["secrets"]["A"]["digest"] == digest


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ((), ["A", "THEIRS"]),
        (("--unused-secrets", "all"), ["A"]),
        (("--unused-secrets", "all", "--keep-secrets", "TH*"), ["A", "THEIRS"]),
    ],
)
def test_a_secret_of_somebody_else_goes_only_when_asked(
    workspace: Workspace, options: tuple[str, ...], left: list[str]
) -> None:
    deploy(workspace, "A")
    set_by_hand(workspace, "THEIRS")
    deploy(workspace, "A", *options)
    assert held(workspace) == left


@pytest.mark.parametrize("options", [("--unused-secrets", "keep"), ("--keep-secrets", "A")])
def test_a_secret_that_is_kept_stays_though_nobody_wants_it(workspace: Workspace, options: tuple[str, ...]) -> None:
    deploy(workspace, "A")
    deploy(workspace, "B", *options)
    assert held(workspace) == ["A", "B"]


def test_remove_unused_secrets_removes_without_a_deploy(workspace: Workspace) -> None:
    deploy(workspace, "A")
    deploy(workspace, "B", "--unused-secrets", "keep")
    machines = workspace.world["apps"]["web"]["machines"]
    secrets = json.dumps({"A": "x", "B": "y"})
    dry = workspace.run("remove-unused-secrets", "--rehearse", "--dry-run", SCOREFLY_SECRETS=secrets)
    assert (dry.code, "-1" in dry.out, held(workspace)) == (0, True, ["A", "B"])
    assert workspace.run("remove-unused-secrets", "--rehearse", SCOREFLY_SECRETS=secrets).code == 0
    assert held(workspace) == ["B"]
    assert workspace.world["apps"]["web"]["machines"] == machines

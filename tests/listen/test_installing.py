"""`install` deploys the listener through scorefly's own engine, and upgrades it without new secrets."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from flyctl_programs import CALLS, environment
from listeners import listening
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

OPTIONS = (
    "--project",
    "https://github.com/acme/environments",
    "--image",
    "ghcr.io/acme/scorefly:v1",
    "--region",
    "ams",
)


def shown(text: str) -> dict[str, str]:
    """The addresses and secrets that an installation shows."""
    return dict(re.findall(r"^  (https://\S+(?:  \([\w-]+\))?)\n    (\S+)$", text, re.MULTILINE))


def test_an_installation_has_a_volume_secrets_and_runs_without_pause(workspace: Workspace) -> None:
    result = workspace.run("install", *OPTIONS, "--sender", "github", "--sender", "generic", "--rehearse")
    assert result.code == 0, result.err
    assert "warning" not in result.err
    url = "https://scorefly-listener.fly.dev"
    secrets = shown(result.out)
    assert list(secrets) == [
        f"{url}/  (act-token)", f"{url}/  (read-token)", f"{url}/hooks/generic", f"{url}/hooks/github",
    ]  # fmt: skip
    assert len(set(secrets.values())) == 4
    assert base64.b64decode(secrets[f"{url}/hooks/generic"].removeprefix("whsec_"), validate=True)
    toml = (workspace.path / "scorefly-listener/.scorefly/out/listener/scorefly-listener/fly.toml").read_text()
    for line in ('auto_stop_machines = "off"', 'kill_timeout = "300s"', 'destination = "/data"', 'path = "/healthz"'):
        assert line in toml
    files = [path.read_text(errors="replace") for path in workspace.path.rglob("*") if path.is_file()]
    assert not [secret for secret in secrets.values() for text in files if secret in text]


def test_a_second_run_upgrades_and_makes_no_new_secrets(workspace: Workspace) -> None:
    workspace.run("install", *OPTIONS, "--rehearse")
    result = workspace.run("install", *OPTIONS[:3], "ghcr.io/acme/scorefly:v2", "--sender", "gitlab", "--rehearse")
    assert (result.code, "1 deployed" in result.out) == (0, True)
    assert list(shown(result.out)) == ["https://scorefly-listener.fly.dev/hooks/gitlab"]


def test_a_dry_run_makes_nothing(workspace: Workspace) -> None:
    result = workspace.run("install", *OPTIONS, "--rehearse", "--dry-run")
    assert (result.code, shown(result.out)) == (0, {})
    assert not list(workspace.path.rglob("*.state"))


def test_the_fly_token_is_of_the_organization_and_ends(workspace: Workspace) -> None:
    with Rehearsal(None) as fly:
        variables = environment(workspace.path, fly)
        given = {"SCOREFLY_SECRETS": json.dumps({"DB": "canary-of-a-source"}), "SCOREFLY_GITHUB_APP_ID": "123456789"}
        result = workspace.run("install", *OPTIONS, "--org", "acme", **variables, **given)
        assert result.code == 0, result.err + result.out
        upgrade = (*OPTIONS[:3], "ghcr.io/acme/scorefly:v2", "--region", "ams", "--org", "acme", "--expiry", "90d")
        again = workspace.run("install", *upgrade, **variables, **given)
        assert (again.code, "1 deployed" in again.out, shown(again.out)) == (0, True, {}), again.err + again.out
        assert "The listener's Fly token is valid until 20" in again.out
        (machine,) = fly.world.data["apps"]["scorefly-listener"]["machines"].values()
        config = machine["config"]
        assert config["image"].startswith("ghcr.io/acme/scorefly:v2")
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", config["env"]["SCOREFLY_FLY_ACCESS_UNTIL"])
        assert "canary-of" not in json.dumps(config)
        calls = (workspace.path / CALLS).read_text()
    assert "tokens create org --org acme --expiry 31536000s --name scorefly-listener --json" in calls
    for canary in ("canary-of", "fo1_dummy", *shown(result.out).values()):
        assert canary not in calls
    assert "--expiry 7776000s" in calls
    assert "canary-of" not in result.out + result.err + again.out + again.err


def test_a_dry_run_against_fly_makes_no_token_and_no_app(workspace: Workspace) -> None:
    with Rehearsal(None) as fly:
        variables = environment(workspace.path, fly)
        result = workspace.run("install", *OPTIONS, "--org", "acme", "--dry-run", **variables)
        assert result.code == 0, result.err + result.out
        calls = workspace.path / CALLS
        assert "tokens create" not in (calls.read_text() if calls.exists() else "")
        assert fly.world.data["apps"] == {}
    assert shown(result.out) == {}


def test_without_flyctl_nothing_is_done(workspace: Workspace) -> None:
    result = workspace.run("install", *OPTIONS, PATH="/nonexistent", FLY_API_TOKEN="fo1_dummy")
    assert (result.code, "there is no flyctl on PATH" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--sender", "githup"), "--sender: unknown sender 'githup'"),
        (("--project", "ext::x"), "--project: this is not the address of a git repository"),
        (("--name", "Not A Name"), "name"),
        (("--expiry", "soon"), "--expiry"),
        (("--expiry", "30m"), "--expiry"),
    ],
)
def test_wrong_options_end_with_2(options: tuple[str, ...], problem: str, workspace: Workspace) -> None:
    result = workspace.run("install", *OPTIONS, *options, "--rehearse")
    assert (result.code, problem in result.err) == (2, True)


def test_the_installed_command_starts_with_the_secrets_that_were_made(workspace: Workspace, tmp_path: Path) -> None:
    result = workspace.run("install", *OPTIONS, "--rehearse")
    secrets = shown(result.out)
    url = "https://scorefly-listener.fly.dev"
    variables = {
        "SCOREFLY_WEBHOOK_SECRET_GITHUB": secrets[f"{url}/hooks/github"],
        "SCOREFLY_ACT_TOKEN": secrets[f"{url}/  (act-token)"],
    }
    with listening(str(tmp_path / "none.git"), tmp_path / "data", **variables) as listener:  # type: ignore[arg-type]
        assert not [line for line in listener.lines if "warning" in line]
        assert listener.get("/api/units", variables["SCOREFLY_ACT_TOKEN"]).status == 200

"""The command line shows no secret and obeys no text, from its first error on."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", "--secrets", '{"A":', '"hunter2-QZ"}'),
        ("validate", "--fly-api-token", "FlyV1", "fm2_QZsecret"),
        ("validate", "--nosuch", "fm2_QZsecret", "--fly-api-token=fm2_QZsecret"),
        ("validate", "--secrets", '{"A": "fm2_QZsecret"}', "--max-parallel", "fm2_QZsecret"),
        ("validate", "--build-secrets", "NPM=fm2_QZsecret", "--region", "fm2_QZsecret"),
        ("fm2_QZsecret", "--state-key", "fm2_QZsecret"),
        ("provisioners", "add", "https://user:QZword-7@host.example/x", "--config", "QZword-7"),
        ("rehearsal", "serve", "--latency", "fm2_QZsecret", "--fly-api-token", "fm2_QZsecret"),
    ],
)
def test_error_of_an_option_shows_no_secret(arguments: tuple[str, ...], workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("--debug", *arguments)
    assert result.code == 2, result.err
    assert "QZ" not in result.out + result.err


@pytest.mark.parametrize("variable", ["FLY_API_TOKEN", "GITHUB_TOKEN", "SCOREFLY_SECRETS", "SCOREFLY_BUILD_SECRETS"])
def test_error_of_an_option_shows_nothing_secret_in_the_environment(variable: str, workspace: Workspace) -> None:
    workspace.workload("web")
    value = {"SCOREFLY_SECRETS": '{"A": "fm2_QZsecret"', "SCOREFLY_BUILD_SECRETS": "A=fm2_QZsecret"}
    result = workspace.run("validate", "--region", "fm2_QZsecret", **{variable: value.get(variable, "fm2_QZsecret")})
    assert result.code == 2
    assert "***" in result.err
    assert "QZ" not in result.out + result.err


def test_secret_in_a_project_file_is_refused_and_not_shown(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "fly-api-token: fm2_QZsecret\nregion: fm2_QZsecret\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert "region is '***'" in result.err
    assert "QZ" not in result.out + result.err


def test_score_file_after_the_secrets_is_named_in_errors(workspace: Workspace) -> None:
    result = workspace.run("validate", "--secrets", '{"A": "fm2_QZsecret"}', "missing.score.yaml")
    assert "there is no Score file 'missing.score.yaml'" in result.err


@pytest.mark.parametrize("escape", ["\x1b]0;title\x07", "\x1b[2J", "\u202e", "\x9b31m", "\x7f"])
def test_text_of_others_reaches_no_terminal_as_a_command(escape: str, workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write(
        ".scorefly/x.provisioners.yaml",
        "- uri: template://x\n  type: thing\n  description: "
        + json.dumps(f"a{escape}b")
        + "\n  outputs: {"
        + json.dumps(f"o{escape}")
        + ": 1}\n",
    )
    for arguments in (
        ("validate", f"no{escape}file"),
        (f"no{escape}command",),
        ("validate", f"--no{escape}option"),
        ("provisioners", "list"),
        ("provisioners", "list", "--format", "json"),
        ("resources", "outputs", f"x{escape}"),
        ("resources", "deprovision", f"x{escape}", "--state", "file"),
        ("state", "unlock", "--state", f"file:x{escape}"),
    ):
        result = workspace.run(*arguments)
        shown = (result.out + result.err).replace("\n", "")
        assert shown.isprintable(), (arguments, shown)
        if arguments[-1] == "json":
            assert any(row["description"] == f"a{escape}b" for row in json.loads(result.out))


def test_a_plan_at_a_terminal_shows_no_escapes_of_files(workspace: Workspace) -> None:
    workspace.workload("web", "    variables: {A: before}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    workspace.workload("web", '    variables: {A: "x\\e]0;title\\a\\u202e"}\n')
    result = workspace.run("plan", "--rehearse")
    assert result.code == 0, result.err
    assert (result.out + result.err).replace("\n", "").isprintable()

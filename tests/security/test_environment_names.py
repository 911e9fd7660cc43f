"""A misspelt environment is not made, and one that does not exist is not destroyed with success."""

from __future__ import annotations

import pytest

from scorefly.problems import one_edit_apart
from workspaces import Workspace

FILE = "environments:\n  production: {app-prefix: acme-}\n  staging: {app-prefix: acme-staging-}\n"


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    workspace.workload("web")
    workspace.write("scorefly.yaml", FILE)
    return workspace


@pytest.mark.parametrize("command", ["validate", "generate", "deploy", "plan", "export-secrets", "cleanup"])
def test_name_without_an_entry_is_refused_where_others_have_one(team: Workspace, command: str) -> None:
    before = team.tree()
    result = team.run(command, "--environment", "stagin")
    assert result.code == 2
    assert "--environment: the project file has no entry for environment 'stagin'" in result.err
    assert "did you mean 'staging'?; if stagin is meant, add `stagin: {}` below environments" in result.err
    assert team.tree() == before


def test_name_from_a_variable_or_the_action_is_checked_too(team: Workspace) -> None:
    assert team.run("generate", SCOREFLY_ENVIRONMENT="qa").code == 2
    result = team.action({"command": "validate", "environment": "stagin"})
    assert result.code == 2
    assert "did you mean 'staging'?" in result.out


@pytest.mark.parametrize("entry", ["{}", ""])
def test_entry_without_options_is_enough(team: Workspace, entry: str) -> None:
    team.write("scorefly.yaml", f"{FILE}  qa: {entry}\n")
    assert team.run("generate", "--environment", "qa").code == 0


@pytest.mark.parametrize("options", ["validate", "generate --environment local", "deploy --rehearse"])
def test_default_without_an_entry_gets_a_notice(team: Workspace, options: str) -> None:
    result = team.run(*options.split())
    assert result.code == 0
    assert "notice: --environment: the project file has no entry for environment 'local'" in result.err


def test_misspelt_entry_is_noticed_where_production_is_the_default(team: Workspace) -> None:
    team.write("scorefly.yaml", FILE.replace("production", "prodution"))
    result = team.action({"rehearse": "true"})
    assert result.code == 0
    assert "did you mean 'prodution'?" in result.out


def test_rehearsals_and_previews_need_no_entry(team: Workspace) -> None:
    rehearsed = team.run("deploy", "--rehearse", "--environment", "qa")
    assert rehearsed.code == 0
    assert "notice: --environment: the project file has no entry for environment 'qa'" in rehearsed.err
    assert "no entry" not in team.run("generate", "--environment", "pr-7").err


def test_entries_for_previews_alone_make_no_other_name_wrong(team: Workspace) -> None:
    team.write("scorefly.yaml", "environments: {pr-*: {app-prefix: preview-}}\n")
    result = team.run("generate", "--environment", "qa")
    assert (result.code, "no entry" in result.err) == (0, False)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{production: {}, staging: {region: ams}}", 2, "'production' and 'staging' give apps the same"),
        ("{staging: {app-suffix: -s}, qa: {app-suffix: -s}}", 2, "'staging' and 'qa' give apps the same"),
        ("{local: {region: ams}, production: {}}", 0, "environments 'local' and 'production'"),
        ("{one: {overrides: {web: x.yaml}}, two: {}}", 0, "environments 'one' and 'two'"),
        ("{production: {}, staging: {app-suffix: -staging}, pr-*: {}}", 0, ""),
    ],
)
def test_validate_reports_environments_with_the_same_app_names(
    team: Workspace, text: str, code: int, words: str
) -> None:
    team.write("scorefly.yaml", f"environments: {text}\n")
    result = team.run("validate")
    assert (result.code, words in result.err, "the same names" in result.err) == (code, True, bool(words))
    assert ("warning: scorefly.yaml:1:" in result.err) == (code == 0 and bool(words))


def test_nearly_the_name_of_another_environment_is_a_warning(workspace: Workspace) -> None:
    workspace.workload("web")
    assert workspace.run("generate", "--environment", "production").code == 0
    warning = "warning: --environment: environment 'prodution' has no state yet, and 'production' has one"
    for words in (warning, ""):
        result = workspace.run("generate", "--environment", "prodution")
        assert result.code == 0
        assert ("has no state yet" in result.err, words in result.err) == (bool(words), True)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("production", "prodution", True),
        ("production", "porduction", True),
        ("staging", "stagimg", True),
        ("staging", "sstaging", True),
        ("staging", "staging2", False),
        ("qa-1", "qa-2", False),
        ("eu", "us", False),
        ("staging", "staging", False),
        ("staging", "production", False),
    ],
)
def test_names_that_are_one_edit_apart(one: str, other: str, near: bool) -> None:
    assert (one_edit_apart(one, other), one_edit_apart(other, one)) == (near, near)


@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
def test_destroying_an_unknown_environment_fails_with_the_known_names(workspace: Workspace, how: str) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse", "--environment", "staging").code == 0
    result = workspace.run("destroy", "--rehearse", "--environment", "stagign", how)
    assert result.code == 2
    assert "environment 'stagign' has no state and no apps (did you mean 'staging'?)" in result.err
    assert list(workspace.world["apps"]) == ["web"]
    assert workspace.run("destroy", "--rehearse", "--environment", "staging", how).code == 0


def test_destroying_a_preview_twice_succeeds(workspace: Workspace) -> None:
    for _ in range(2):
        assert workspace.run("destroy", "--rehearse", "--environment", "pr-7", "--yes").code == 0


@pytest.mark.parametrize("name", ["local", "production", "qa"])
def test_destroying_a_known_environment_again_succeeds_with_a_warning(workspace: Workspace, name: str) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "environments: {local: {}, production: {}, qa: {app-prefix: qa-}}\n")
    named = ("--rehearse", "--environment", name)
    assert workspace.run("deploy", *named).code == 0
    assert workspace.run("destroy", *named, "--yes").code == 0
    again = workspace.run("destroy", *named, "--yes")
    assert again.code == 0
    assert f"warning: --environment: environment '{name}' has no state and no apps: nothing is destroyed" in again.err

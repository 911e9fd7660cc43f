"""`environments:` in scorefly.yaml: what differs between them is said there once."""

from __future__ import annotations

import pytest

from workspaces import Workspace

FILE = """\
region: ams
app-prefix: acme-
provisioners: [one.yaml]
environments:
  production: {region: cdg}
  staging:
    app-prefix: acme-staging-
    provisioners: [two.yaml]
    variables: {MODE: careful}
  pr-*: {app-prefix: "acme-pr-", region: lhr}
"""


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    body = '    variables: {KIND: "${resources.thing.kind}"}\nresources: {thing: {type: thing}}\n'
    workspace.workload("web", body)
    for name in ("one", "two"):
        workspace.write(f"{name}.yaml", f"- {{uri: static://{name}, type: thing, outputs: {{kind: {name}}}}}\n")
    workspace.write("scorefly.yaml", FILE)
    return workspace


def generated(workspace: Workspace, app: str, environment: str, *options: str, **variables: str) -> tuple[str, str]:
    """The region and the provisioner's output in an environment's artefact."""
    result = workspace.run("generate", "--environment", environment, *options, **variables)
    assert result.code == 0, result.err
    toml = workspace.toml(app, environment)
    return toml["primary_region"], toml["env"]["KIND"]


def test_an_environment_says_what_differs_and_the_rest_is_for_all(team: Workspace) -> None:
    assert generated(team, "acme-web", "production") == ("cdg", "one")
    assert generated(team, "acme-staging-web", "staging") == ("ams", "two")
    assert generated(team, "acme-web", "local") == ("ams", "one")


def test_a_pattern_is_for_every_environment_that_fits_and_has_no_entry_of_its_own(team: Workspace) -> None:
    assert generated(team, "acme-pr-web", "pr-7") == ("lhr", "one")
    team.write("scorefly.yaml", f"{FILE}  pr-7: {{app-prefix: seven-}}\n")
    assert generated(team, "seven-web", "pr-7") == ("ams", "one")


def test_options_and_environment_variables_win_over_it(team: Workspace) -> None:
    assert generated(team, "acme-web", "production", FLY_REGION="lhr")[0] == "lhr"
    assert generated(team, "acme-web", "production", "--region", "iad", FLY_REGION="lhr")[0] == "iad"


def test_the_file_itself_may_name_the_environment(team: Workspace) -> None:
    team.write("scorefly.yaml", f"environment: production\n{FILE}")
    team.run("generate")
    assert team.toml("acme-web", "production")["primary_region"] == "cdg"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "environments: {production: {regoin: ams}}\n",
            "scorefly.yaml:1:29: unknown key 'regoin' (did you mean 'region'?)",
        ),
        ("enviroments: {}\n", "scorefly.yaml:1:1: unknown key 'enviroments' (did you mean 'environments'?)"),
        ("environments:\n  production:\n    environment: x\n", "scorefly.yaml:3:5: unknown key 'environment'"),
        (
            "environments: {production: {state-key: x}}\n",
            "scorefly.yaml:1:29: 'state-key' does not belong into a file",
        ),
        ("environments: [production]\n", "scorefly.yaml:1:1: environments is not a mapping"),
        ("environments: {production: ams}\n", "scorefly.yaml:1:16: environment 'production' is not a mapping"),
        ("environments: {local: {region: Ams}}\n", "scorefly.yaml:1:24: region is 'Ams'"),
        ("environments: {local: {max-parallel: many}}\n", "scorefly.yaml:1:24: max-parallel is 'many'"),
    ],
)
def test_what_is_wrong_with_it_is_told_where_it_stands(workspace: Workspace, text: str, problem: str) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", text)
    result = workspace.run("generate")
    assert result.code == 2
    assert [line for line in result.problems if line.startswith(problem)] == result.problems
    assert result.problems


def test_an_environment_may_have_nothing_of_its_own(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "environments:\n  production:\n")
    assert workspace.run("generate", "--environment", "production").code == 0


def test_an_override_changes_a_workload_in_one_environment(workspace: Workspace) -> None:
    workspace.workload("web", "    variables: {MODE: fast, DEBUG: 'true'}\n")
    workspace.write("small.yaml", "containers: {main: {variables: {DEBUG: null, SIZE: small}}}\n")
    workspace.write("scorefly.yaml", "environments: {staging: {overrides: {web: small.yaml}}}\n")
    for environment, env in (
        ("staging", {"MODE": "fast", "SIZE": "small"}),
        ("production", {"MODE": "fast", "DEBUG": "true"}),
    ):
        workspace.run("generate", "--environment", environment)
        assert workspace.toml("web", environment)["env"] == env


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ("{wep: x.yaml}", "scorefly.yaml:1:13: no workload is called 'wep' (did you mean 'web'?)"),
        ("{web: x.yaml}", "scorefly.yaml:1:13: x.yaml cannot be read: No such file or directory (check the path)"),
        ("[web]", "scorefly.yaml:1:1: overrides has to be workloads with files"),
        ("{web: 5}", "scorefly.yaml:1:1: overrides has to be workloads with files"),
        ("{web: wrong.yaml}", "wrong.yaml:1:1: the document: unknown key 'nope'"),
    ],
)
def test_an_override_that_is_wrong_is_told_where_it_stands(workspace: Workspace, overrides: str, problem: str) -> None:
    workspace.workload("web")
    workspace.write("wrong.yaml", "nope: 1\n")
    workspace.write("scorefly.yaml", f"overrides: {overrides}\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert len(result.problems) == 1
    assert result.problems[0].startswith(problem)

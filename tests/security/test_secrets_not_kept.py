"""State keeps no GitHub secret, and scorefly's own tokens reach no Score file."""

from __future__ import annotations

import json

import pytest

from scorefly.state.document import EnvironmentState, ResourceState
from scorefly.state.document_json import dump, load
from scorefly.state.encryption import parse_keys
from scorefly.state.file import FileStore
from scorefly.values import Secret
from workspaces import Workspace

GIVEN = "given-secret-4d1f"
PROVISIONERS = """\
- uri: template://test/mixed
  type: mixed
  state:
    password: "{{ state.password or random_password(32) }}"
    seed: "{{ state.seed or secrets.X | reverse }}"
  shared: {copy: "{{ secrets.X | upper }}"}
  secrets:
    url: "https://{{ state.password }}:{{ secrets.X }}@host"
    own: "{{ state.password }}"
"""
BODY = """\
    variables: {ONE: "${resources.one.value}", ENV: "${resources.env.X}", URL: "${resources.mixed.url}"}
resources:
  one: {type: secret, params: {name: X}}
  env: {type: environment, params: {secrets: [X]}}
  mixed: {type: mixed, params: {from: "${resources.one.value}", list: ["${resources.one.value}"]}}
"""


@pytest.fixture
def deployed(workspace: Workspace) -> Workspace:
    workspace.workload("web", BODY)
    workspace.write(".scorefly/test.provisioners.yaml", PROVISIONERS)
    assert workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"X": GIVEN})).code == 0
    return workspace


def kept(workspace: Workspace) -> tuple[EnvironmentState, str]:
    """The state of the rehearsal, and its JSON."""
    path = workspace.path / ".scorefly/rehearsal/local.state"
    keys = parse_keys(path.with_suffix(".key").read_text()) if path.with_suffix(".key").exists() else None
    state = FileStore(path, "rehearsal of local", keys).load()
    assert state is not None
    return state, dump(state).decode()


def test_state_keeps_no_given_secret_and_keeps_generated_password(deployed: Workspace) -> None:
    state, text = kept(deployed)
    assert [form for form in (GIVEN, GIVEN[::-1], GIVEN.upper()) if form in text] == []
    mixed = state.resources["mixed.default#web.mixed"]
    assert mixed.outputs["own"] == mixed.state["password"] != Secret(None)


def test_next_deploy_is_given_secrets_anew_and_changes_nothing(deployed: Workspace) -> None:
    result = deployed.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"X": GIVEN}))
    assert result.code == 0
    assert "unchanged" in result.out + result.err


def test_resources_outputs_says_what_is_not_kept(deployed: Workspace) -> None:
    result = deployed.run("resources", "outputs", "secret.default#web.one", "--rehearse", "--reveal")
    assert (result.code, "not kept in state" in result.out) == (0, True), result.out + result.err


@pytest.mark.parametrize("command", [["cleanup"], ["destroy", "--yes"], ["resources", "list"]])
def test_commands_work_from_state_without_secrets(deployed: Workspace, command: list[str]) -> None:
    result = deployed.run(*command, "--rehearse")
    assert result.code == 0, result.err


def test_values_kept_by_earlier_versions_are_dropped() -> None:
    old = ResourceState(
        uid="secret.default#web.one",
        guid="g",
        provisioner="template://scorefly/secret",
        type="secret",
        class_="default",
        id="web.one",
        outputs={"value": Secret(GIVEN)},
    )
    state = EnvironmentState("local", "00" * 16).with_resource(old)
    assert GIVEN in dump(state).decode()
    assert GIVEN not in dump(load(dump(state))).decode()


KEYS = "7gZ4bHc3S0m6mJkq1l2b6Zb8nB2nqQ1mYp3mS3m1v1E=\nq1l2b6Zb8nB2nqQ1mYp3mS3m1v1E7gZ4bHc3S0m6mJk=\n"
FLY, GITHUB = "FlyV1 fm2_abcdefghijklmnop,fm2_qrstuvwxyz123456", "ghs_0123456789abcdefghij"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("github_token", "anything"),
        ("FLY_API_TOKEN", "anything"),
        ("GITHUB_TOKEN", "anything"),
        ("SCOREFLY_STATE_KEY", "anything"),
        ("HARMLESS", FLY),
        ("HARMLESS", FLY.removeprefix("FlyV1 ")),
        ("HARMLESS", "fm2_abcdefghijklmnop"),
        ("HARMLESS", json.dumps({"all": GITHUB})),
        ("HARMLESS", f" {GITHUB}\n"),
        ("HARMLESS", "second-key"),
    ],
)
@pytest.mark.parametrize("way", ["secret", "environment", "template", "find", "command"])
def test_own_token_is_not_handed_out(workspace: Workspace, name: str, value: str, way: str) -> None:
    resources = {
        "secret": f"{{type: secret, params: {{name: {name}}}}}",
        "environment": f"{{type: environment, params: {{secrets: [{name}]}}}}",
        "template": "{type: taker}",
        "find": "{type: finder}",
        "command": "{type: command}",
    }
    workspace.workload("web", f"resources:\n  thing: {resources[way]}\n")
    workspace.write(
        ".scorefly/test.provisioners.yaml",
        f"- {{uri: template://test/taker, type: taker, secrets: {{a: '{{{{ secrets.{name} }}}}'}}}}\n"
        f"- {{uri: template://test/finder, type: finder, secrets: {{a: '{{{{ find_secret(\"{name}\") }}}}'}}}}\n"
        f"- {{uri: 'cmd://true', type: command, rehearse: true, env: {{A: '{{{{ secrets.{name} }}}}'}}}}\n",
    )
    secrets = json.dumps({name: value.replace("second-key", KEYS.splitlines()[1])})
    tokens = {"FLY_API_TOKEN": FLY, "GITHUB_TOKEN": GITHUB, "SCOREFLY_STATE_KEY": KEYS}
    result = workspace.run("generate", "--rehearse", SCOREFLY_SECRETS=secrets, **tokens)
    assert result.code == 2, result.out + result.err
    assert f"secret {name} is scorefly's own token and is not handed to Score files" in result.problems[0]
    assert value not in result.err or value == "anything"


def test_resource_of_another_workload_that_is_not_kept_is_not_left_out_silently(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/list.provisioners.yaml",
        """\
        - uri: template://acme/list
          type: list
          apps:
            server:
              app: lists
              build: {image: "nginx:1.27"}
              env: {ITEMS: "{{ peers.params.values() | map(attribute='item') | join(',') }}"}
        """,
    )
    workspace.workload(
        "aa",
        "resources: {key: {type: secret, params: {name: K}}, "
        'mine: {type: list, params: {item: "${resources.key.value}"}}}\n',
    )
    workspace.workload("bb", "resources: {mine: {type: list, params: {item: two}}}\n")
    secrets = {"SCOREFLY_SECRETS": '{"K": "s3cret-s3cret"}'}
    assert workspace.run("deploy", "--rehearse", **secrets).code == 0
    assert "3 unchanged" in workspace.run("deploy", "--rehearse", **secrets).out
    alone = workspace.run("deploy", "--rehearse", "bb.score.yaml", **secrets)
    assert alone.code == 2
    assert "made from a GitHub secret that state does not keep" in alone.err
    assert "include workload aa in this run" in alone.err

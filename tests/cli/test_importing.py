"""`scorefly state import`: a state of score-flyio's becomes ours."""

from __future__ import annotations

import pytest
import yaml

from workspaces import Workspace

PASSWORD = "pw-4f1d8a2c9e"
STATE = {
    "workloads": {
        "web": {
            "spec": {
                "apiVersion": "score.dev/v1b1",
                "metadata": {"name": "web"},
                "containers": {"main": {"image": "nginx:1.27"}},
                "service": {"ports": {"http": {"port": 80, "targetPort": 8080}}},
            },
            "file": "score.yaml",
        }
    },
    "resources": {
        "thing.default#web.thing": {
            "guid": "8b1a9953-c461-4e04-8f1f-6d0bbd1a4a3d",
            "type": "thing",
            "class": "default",
            "id": "web.thing",
            "metadata": {},
            "params": {},
            "source_workload": "web",
            "provisioner": "thing-by-program",
            "state": {"password": PASSWORD},
            "outputs": {"host": "old.example"},
        }
    },
    "shared_state": {"score-flyio-app-prefix": "acme-", "deep": {"password": PASSWORD}},
    "app_prefix": "acme-",
    "provisioners": [
        {
            "id": "thing-by-program",
            "resource_type": "thing",
            "cmd": {"binary": "python3", "args": ["thing.py", "$SCORE_PROVISIONER_MODE"]},
        },
        {"id": "by-http", "resource_type": "other", "http": {"url": "https://provisioner.example/other"}},
        {"id": "fixed", "resource_type": "fixed", "resource_class": "one", "static": {"a": "b"}},
    ],
}
PROGRAM = """\
import json, sys
given = json.load(sys.stdin)
known = given["state"]["password"]
json.dump({"state": given["state"], "values": {"host": given["resource_uid"]}, "secrets": {"password": known}}, sys.stdout)
"""
BODY = '    variables: {P: "${resources.thing.password}", H: "${resources.thing.host}"}\nresources: {thing: {type: thing}}\n'


@pytest.fixture
def theirs(workspace: Workspace) -> Workspace:
    workspace.write(".score-flyio/state.yaml", yaml.safe_dump(STATE))
    workspace.write("thing.py", PROGRAM)
    workspace.workload("web", BODY)
    return workspace


def test_resources_go_on_with_their_passwords_and_provisioners(theirs: Workspace) -> None:
    result = theirs.run("state", "import")
    assert result.code == 0, result.err
    assert "imported 1 resources and 1 apps into local" in result.out
    assert "app-prefix: acme-" in result.out
    assert PASSWORD not in result.out + result.err
    made = theirs.run("generate", "--app-prefix", "acme-")
    assert made.code == 0, made.err
    assert theirs.toml("acme-web")["env"] == {"H": "8b1a9953-c461-4e04-8f1f-6d0bbd1a4a3d"}
    exported = theirs.run("export-secrets", "--app", "acme-web", "--app-prefix", "acme-")
    assert f"P='{PASSWORD}'" in exported.out


def test_provisioners_are_a_file_of_ours(theirs: Workspace) -> None:
    assert theirs.run("state", "import").code == 0
    entries = yaml.safe_load((theirs.path / ".scorefly/score-flyio.provisioners.yaml").read_text())
    assert entries == [
        {"uri": "cmd://python3", "type": "thing", "args": ["thing.py", "$SCORE_PROVISIONER_MODE"]},
        {"uri": "https://provisioner.example/other", "type": "other"},
        {"uri": "static://fixed", "type": "fixed", "class": "one", "outputs": {"a": "b"}},
    ]
    assert theirs.run("validate").code == 0


def test_what_is_known_is_not_shown_and_not_imported_twice(theirs: Workspace) -> None:
    assert theirs.run("state", "import").code == 0
    assert PASSWORD not in theirs.run("state", "show").out
    again = theirs.run("state", "import")
    assert again.code == 2
    assert "knows thing.default#web.thing already" in again.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not valid YAML"),
        ("a: 1", "not a state of score-flyio"),
        ("{workloads: {}, resources: [1]}", "resources is not a mapping"),
        ("{workloads: {}, resources: {x: {type: y}}}", "not as score-flyio writes it"),
    ],
)
def test_what_is_no_such_state_is_refused(workspace: Workspace, text: str, words: str) -> None:
    workspace.write(".score-flyio/state.yaml", text)
    result = workspace.run("state", "import")
    assert result.code == 2
    assert ".score-flyio/state.yaml:" in result.err
    assert words in result.err

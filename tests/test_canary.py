"""A secret put through every path is found nowhere but in what Fly receives."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import STAND_IN
from provisioning_server import ProvisioningServer, Reply, provisioning_server
from workspaces import Workspace

CANARY = "canary-8c1f3b7e5d"
FORMS = (CANARY, b64encode(CANARY.encode()).decode(), CANARY.upper(), CANARY[::-1])

PROVISIONERS = """\
- uri: template://test/derived
  type: derived
  state: {kept: "{{ secrets.CANARY | reverse }}"}
  outputs:
    upper: "{{ params.from | upper }}"
    again: "{{ state.kept }}"
    looped: "{% for c in params.list %}{{ c }}{% endfor %}"
  secrets: {straight: "{{ secrets.CANARY }}"}
  apps:
    side:
      build: {image: "redis:7"}
      env: {SIDE: "x-{{ secrets.CANARY }}"}
      files: [{guest_path: /side, raw_value: "{{ params.from }}"}]
- {uri: static://test/fixed, type: fixed, secrets: {value: canary-8c1f3b7e5d}}
- uri: cmd://python3
  type: command
  args: [echo.py, $SCORE_PROVISIONER_MODE]
  env: {CANARY: "{{ secrets.CANARY }}"}
  rehearse: true
- uri: URL
  type: server
  headers: {Authorization: "Bearer {{ secrets.CANARY }}"}
  rehearse: true
"""

# Tells its secret in every way it has: as messages, as commands to the runner, as values that are not secret.
ECHO = """\
import json, os, sys
question = json.load(sys.stdin)
secret = question["resource_params"]["from"]
assert os.environ["CANARY"] == secret and question["state"].get("kept", secret) == secret
print("::error::" + secret, "##[group]", os.environ["CANARY"], secret[::-1], file=sys.stderr)
json.dump({
    "state": {"kept": secret},
    "values": {"url": f"amqp://user:{secret}@host", "list": [{"deep": secret}], "env": os.environ["CANARY"]},
    "secrets": {"reversed": secret[::-1], "upper": secret.upper()},
    "shared": {"echo": secret},
}, sys.stdout)
"""

ANSWER = {
    "state": {"kept": CANARY},
    "values": {"url": f"https://{CANARY}@host"},
    "secrets": {"reversed": CANARY[::-1]},
    "shared": {"answer": {"deep": CANARY}},
}

BODY = """\
    variables:
      STRAIGHT: ${resources.one.value}
      INSIDE: a ${resources.one.value} b
      UPPER: ${resources.derived.upper}
      AGAIN: ${resources.derived.again}
      LOOPED: ${resources.derived.looped}
      FIXED: ${resources.fixed.value}
      ENV: ${resources.env.CANARY}
      COMMAND: ${resources.command.url} ${resources.command.list}
      COMMAND_SECRETS: ${resources.command.reversed} ${resources.command.upper} ${resources.command.env}
      SERVER: ${resources.server.url} ${resources.server.reversed}
    files:
      /etc/content: {content: "key=${resources.one.value}"}
      /etc/source: {source: template.txt}
resources:
  one: {type: secret, params: {name: CANARY}}
  env: {type: environment, params: {secrets: [CANARY]}}
  fixed: {type: fixed}
  command: {type: command, params: {from: "${resources.one.value}"}}
  server: {type: server, params: {from: "${resources.one.value}"}}
  derived: {type: derived, params: {from: "${resources.one.value}", list: ["${resources.one.value}"]}}
"""


@pytest.fixture
def server() -> Iterator[ProvisioningServer]:
    with provisioning_server(Reply(body=ANSWER)) as running:
        yield running


@pytest.fixture
def poisoned(workspace: Workspace, server: ProvisioningServer) -> Workspace:
    workspace.workload("web", BODY)
    workspace.write("template.txt", "source ${resources.derived.straight}\n")
    workspace.write("echo.py", ECHO)
    workspace.write(".scorefly/test.provisioners.yaml", PROVISIONERS.replace("URL", server.url))
    return workspace


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def ours(workspace: Workspace) -> dict[str, bytes]:
    """Every file scorefly wrote, but not the input that holds the canary by itself."""
    return {name: text for name, text in workspace.tree().items() if "provisioners" not in name}


@pytest.mark.parametrize("fate", ["nginx:1.27", "rehearsal.invalid/crashing:1"])
def test_from_the_command_line(poisoned: Workspace, fate: str) -> None:
    poisoned.workload("web", BODY, image=fate)
    secrets = json.dumps({"CANARY": CANARY})
    for command in (
        ["validate"],
        ["generate", "--rehearse"],
        ["plan", "--rehearse"],
        ["deploy", "--rehearse"],
        ["plan", "--rehearse", "--force"],
        ["deploy", "--rehearse"],
        ["resources", "list", "--rehearse"],
    ):
        result = poisoned.run("--debug", *command, SCOREFLY_SECRETS=secrets)
        assert leaks(result.out + result.err) == []
    for name in ("derived", "command", "server"):
        outputs = poisoned.run("resources", "outputs", f"{name}.default#web.{name}", "--rehearse")
        assert (outputs.code, leaks(outputs.out)) == (0, [])
    assert {
        name: leaks(text.decode("latin-1")) for name, text in ours(poisoned).items() if leaks(text.decode("latin-1"))
    } == {}


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_from_the_action(poisoned: Workspace, command: str) -> None:
    secrets = json.dumps({"CANARY": CANARY})
    result = poisoned.action({"rehearse": "true", "secrets": secrets, "command": command}, RUNNER_DEBUG="1")
    assert result.code == 0, result.out
    log = "\n".join(line for line in result.out.splitlines() if not line.startswith("::add-mask::"))
    assert leaks(log + result.err + result.summary + json.dumps(result.outputs)) == []
    assert {name for name, text in ours(poisoned).items() if leaks(text.decode("latin-1"))} == set()


def test_it_does_reach_fly(poisoned: Workspace) -> None:
    secrets = json.dumps({"CANARY": CANARY})
    assert poisoned.run("generate", SCOREFLY_SECRETS=secrets).code == 0
    exported = poisoned.run("export-secrets", "--app", "web", SCOREFLY_SECRETS=secrets).out
    names = {line.partition("=")[0] for line in exported.splitlines()}
    assert {"STRAIGHT", "INSIDE", "UPPER", "AGAIN", "LOOPED", "FIXED", "ENV"} <= names
    assert {"COMMAND", "COMMAND_SECRETS", "SERVER"} <= names
    assert len(names) == 12
    assert f"INSIDE='a {CANARY} b'" in exported


def test_the_arguments_and_environment_of_flyctl_hold_no_secret_but_its_token(
    poisoned: Workspace, tmp_path: Path
) -> None:
    """flyctl is the stand-in, which writes down how it was called; the API is the rehearsal."""
    from scorefly.rehearsal.server import Rehearsal

    log = tmp_path / "calls"
    folder = tmp_path / "bin"
    folder.mkdir()
    stand_in = folder / "flyctl"
    stand_in.write_text(
        "#!/usr/bin/env python3\n"
        "import json, os, sys\n"
        f"open({str(log)!r}, 'a').write(json.dumps([sys.argv, dict(os.environ)]) + '\\n')\n"
        f"if sys.argv[1] != 'version': print('::error::{CANARY}', flush=True)\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, {str(STAND_IN)!r}, *sys.argv[1:]])\n"
    )
    stand_in.chmod(0o755)
    import os

    with Rehearsal(None) as fly:
        result = poisoned.run(
            "deploy",
            SCOREFLY_SECRETS=json.dumps({"CANARY": CANARY}),
            FLY_API_TOKEN="fo1_token",
            **dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url),
            GITHUB_TOKEN="ghs_token",
            PATH=f"{folder}:{os.environ['PATH']}",
        )
        assert result.code == 0, result.err
        assert fly.received_secrets("web")["STRAIGHT"] == CANARY
    calls: list[tuple[list[str], dict[str, str]]] = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    verbs = [arguments[1] for arguments, _ in calls]
    assert sorted(verbs) == ["deploy", "deploy", "secrets", "secrets", "version"]
    assert leaks(result.out + result.err + log.read_text()) == []
    environments: list[dict[str, Any]] = [environment for _, environment in calls]
    assert all("ghs_token" not in json.dumps(each) for each in environments)
    assert len({each["FLY_CONFIG_DIR"] for each in environments}) == 3
    assert not any(Path(each["FLY_CONFIG_DIR"]).exists() for each in environments)


def test_a_provisioner_that_fails_tells_nothing_either(poisoned: Workspace, server: ProvisioningServer) -> None:
    secrets = json.dumps({"CANARY": CANARY})
    poisoned.write("echo.py", f"{ECHO}sys.exit(f'no {{secret}}')\n")
    failing = poisoned.run("--debug", "deploy", "--rehearse", SCOREFLY_SECRETS=secrets)
    assert (failing.code, leaks(failing.out + failing.err)) == (1, [])
    poisoned.write("echo.py", "import os, sys\nprint(os.environ['CANARY'])\nsys.exit(os.environ['CANARY'])\n")
    failing = poisoned.run("--debug", "deploy", "--rehearse", SCOREFLY_SECRETS=secrets)
    assert (failing.code, leaks(failing.out + failing.err)) == (1, [])
    poisoned.write("echo.py", ECHO)
    server.replies[:] = [Reply(400, {"error": f"no {CANARY}", **ANSWER})]
    failing = poisoned.run("--debug", "deploy", "--rehearse", SCOREFLY_SECRETS=secrets)
    assert (failing.code, leaks(failing.out + failing.err)) == (1, [])
    assert "no *** (HTTP 400)" in failing.err
    assert {name for name, text in ours(poisoned).items() if leaks(text.decode("latin-1"))} == set()

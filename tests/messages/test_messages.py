"""Mistakes that users make, each with what scorefly tells them: the reason, and what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flyctl_programs import environment
from github_events import pull_request, variables
from github_server import GitHub
from scorefly.fly.flyctl_failures import explain
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

PORT = "service: {ports: {http: {port: 80}}}\n"
USES_SECRET = '    variables: {A: "${resources.key.value}"}\nresources: {key: {type: secret, params: {name: TOK}}}\n'
USES_VARIABLE = '    variables: {A: "${resources.env.TOK}"}\nresources: {env: {type: environment}}\n'
COMPOSE = """\
- uri: template://default-provisioners/redis
  type: redis
  init: |
    name: x
  outputs: |
    host: {{ .State.name }}
  volumes: |
    {{ .State.name }}: {driver: local}
  services: |
    {{ .State.name }}: {image: redis}
- uri: template://default-provisioners/dns
  type: dns
  outputs: |
    host: localhost
"""


@dataclass(frozen=True)
class Case:
    """A workload's body or whole files, the command, and what is said. `count` is the number of errors."""

    mistake: str
    words: tuple[str, ...]
    body: str = ""
    image: str = "nginx:1.27"
    files: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("validate",)
    code: int = 2
    count: int = 1
    variables: dict[str, str] = field(default_factory=dict)


def resource(text: str) -> str:
    return f"{PORT}resources: {{main: {{{text}}}}}\n"


def container_variable(value: str) -> str:
    return f"    variables: {{A: {json.dumps(value)}}}\nresources: {{db: {{type: postgres}}}}\n"


REHEARSE = ("deploy", "--rehearse")
UNFINISHED = "looks like an unfinished placeholder"
CASES = [
    *(
        Case(
            f"type {name}",
            (f"no provisioner for resource type '{name}'", f"did you mean '{meant}'?", "scorefly provisioners list"),
            resource(f"type: {name}"),
        )
        for name, meant in [
            *(
                ("postgresql", "postgres"),
                ("rabbitmq", "amqp"),
                ("bucket", "s3"),
                ("redes", "redis"),
                ("REDIS", "redis"),
            ),
            *(
                ("mongo", "mongodb"),
                ("kafka", "kafka-topic"),
                ("mariadb", "mysql"),
                ("cache", "redis"),
                ("pvc", "volume"),
            ),
            *(("sqlserver", "mssql"), ("elastic", "elasticsearch"), ("ingress", "route"), ("memcached", "redis")),
        ]
    ),
    Case(
        "class shred",
        ("warning: ", "postgres has no class 'shred' (classes: managed, previews, shared); using the default class"),
        resource("type: postgres, class: shred"),
        code=0,
    ),
    Case(
        "another case of a secret's name",
        ("did you mean 'TOK'?",),
        USES_SECRET.replace("TOK", "tok"),
        command=REHEARSE,
        variables={"SCOREFLY_SECRETS": '{"TOK": "x"}'},
    ),
    Case(
        "secrets as NAME=VALUE",
        ('pass a JSON object, e.g. \'{"API_KEY": "…"}\'', "SCOREFLY_SECRETS keeps it out of the process list"),
        command=(*REHEARSE, "--secrets", "API_KEY=foo"),
    ),
    Case(
        "variables as NAME=VALUE",
        ("toJSON(vars)", "SCOREFLY_VAR_FOO=bar"),
        command=(*REHEARSE, "--variables", "FOO=bar"),
    ),
    Case("secret without a name", ("params.name is missing: the name of the GitHub secret",), resource("type: secret")),
    Case("service-port without a workload", ("params.workload is missing",), resource("type: service-port")),
    Case(
        "service-port without a port",
        ("params.port is missing",),
        resource("type: service-port, params: {workload: web}"),
    ),
    Case(
        "unset variable",
        ("no variable TOK", "set it in `variables` or SCOREFLY_VAR_TOK, or list the secret under params.secrets"),
        USES_VARIABLE,
        command=REHEARSE,
    ),
    Case(
        "another case of a variable's name",
        ("no variable TOK (did you mean 'tok'?)",),
        USES_VARIABLE,
        command=(*REHEARSE, "--variables", '{"tok": "x"}'),
    ),
    *(
        Case(
            f"size_gb: {size}",
            (f"params.size_gb {size!r} is not a whole number of GB from 1 to 500",),
            resource(f"type: {kind}, params: {{size_gb: {size}}}"),
        )
        for kind, size in [("postgres", "ten"), ("redis", 0), ("volume", 1.5), ("s3", 501), ("mysql", "10gb")]
    ),
    Case(
        "route without a port",
        ("params.port is missing", "name a service port (http)"),
        resource("type: route, params: {host: a.example, path: /}"),
    ),
    Case(
        "two ports both 80",
        ("service.ports.http and service.ports.admin both use port 80; only one can be public",),
        "service: {ports: {http: {port: 80}, admin: {port: 80, targetPort: 8080}}}\n",
    ),
    Case(
        "annotation of a port that is not there",
        ("no service port is called 'web' (ports: http",),
        files={
            "web.score.yaml": (
                'apiVersion: score.dev/v1b1\nmetadata: {name: web, annotations: {scorefly/service-web-public: "true"}}\n'
                f"containers: {{main: {{image: nginx}}}}\n{PORT}"
            )
        },
    ),
    *(
        Case(f"unfinished {written}", ("warning: ", UNFINISHED, written), container_variable(text), code=0)
        for text, written in [
            ("x${resources.db.host", "${resources.db.host"),
            ("{{ resources.db.host }}", "{{ resources.db.host }}"),
            ("$resources.db.host", "$resources.db.host"),
            ("$(metadata.name)", "$(metadata.name)"),
        ]
    ),
    Case(
        "placeholder in args",
        ("warning: ", "Score has no placeholders in args"),
        '    args: ["--db=${resources.db.host}"]\nresources: {db: {type: postgres}}\n',
        code=0,
    ),
    Case(
        "placeholder in image",
        ("Score has no placeholders in image", "write '.' and pass images"),
        image='"${IMAGE}"',
    ),
    *(
        Case(
            f"control character {text} in a name", ("6:17", "no control character"), f'    variables: {{"{text}": x}}\n'
        )
        for text in ("A\\u0007B", "A\\nB", "A\\u007f")
    ),
    Case(
        "overlay of no workload",
        (".scorefly/overlay.wbe.toml:1:1", "matches no workload", "did you mean 'web'?"),
        files={".scorefly/overlay.wbe.toml": "[env]\nA = 'b'\n"},
        code=0,
    ),
    *(
        Case(
            f"provisioner file {name}",
            (f".scorefly/{name}:1:1", "no run reads this provisioner file", meant),
            files={f".scorefly/{name}": "- {uri: 'static://x', type: x}\n"},
            code=0,
        )
        for name, meant in [
            ("a.provisioner.yaml", ".scorefly/a.provisioners.yaml"),
            ("a.provisioners.yml", ".scorefly/a.provisioners.yaml"),
            ("provisioners.yaml", ".scorefly/my.provisioners.yaml"),
        ]
    ),
    Case("delpoy", ("no such command 'delpoy'. Did you mean 'deploy'?",), command=("delpoy",)),
    Case("state shw", ("no such command 'shw'. Did you mean 'show'?",), command=("state", "shw")),
    Case("-e", ("no such option '-e'. Did you mean '--environment'?",), command=("deploy", "-e", "staging")),
    Case("--env", ("no such option '--env'. Did you mean '--environment'?",), command=("deploy", "--env", "staging")),
    Case("1000Gi", (" 1024000 MiB",), "    variables: {}\n    resources: {limits: {memory: 1000Gi}}\n"),
    Case(
        "workload called 1ST",
        ("metadata.name: invalid value '1ST'", "lower-case letters", "'1st' would do"),
        files={"web.score.yaml": "apiVersion: score.dev/v1b1\nmetadata: {name: 1ST}\ncontainers: {main: {image: x}}\n"},
    ),
    Case(
        "build argument called 1ST",
        ("does not begin with a digit",),
        command=(*REHEARSE, "--build-args", "1ST=x"),
    ),
    Case(
        "provisioner file of score-compose",
        ("this is a provisioner file of score-compose",),
        files={".scorefly/10.provisioners.yaml": COMPOSE},
    ),
    Case(
        "provisioner file in Go's templates",
        ("this is a provisioner file of score-compose or score-k8s", "docs/provisioners.md"),
        files={
            ".scorefly/10.provisioners.yaml": (
                '- uri: template://x/dns\n  type: dns\n  state: |\n    name: {{ dig "x" .State }}\n  outputs: |\n    host: x\n'
                "- uri: template://x/y\n  type: y\n  outputs: |\n    host: {{ .State.name }}\n"
            )
        },
    ),
    *(
        Case(
            f"region {name}",
            (f"did you mean '{meant}'?",),
            command=(*REHEARSE, "--region", name),
        )
        for name, meant in [("amx", "ams"), ("Amsterdam", "ams"), ("lon", "lhr"), ("AMS", "ams"), ("Sao Paulo", "gru")]
    ),
    *(
        Case(
            f"environment {name}",
            (f"did you mean '{meant}'?",),
            files={"scorefly.yaml": "environments: {production: {app-prefix: p-}, staging: {app-prefix: s-}}\n"},
            command=("generate", "--environment", name),
        )
        for name, meant in [("prod", "production"), ("Staging", "staging"), ("prodution", "production")]
    ),
    *(
        Case(f"words {words}", (f"Did you mean '{meant}'?",), command=tuple(words.split()))
        for words, meant in [
            *(("delpoy", "deploy"), ("dep", "deploy"), ("Deploy", "deploy"), ("resource list", "resources")),
            *(
                ("resources lsit", "list"),
                ("deploy --envrionment x", "--environment"),
                ("deploy --env x", "--environment"),
            ),
        ]
    ),
    Case(
        "provisioner file of score-k8s",
        ("this is a provisioner file of score-k8s",),
        files={".scorefly/10.provisioners.yaml": "- uri: template://x/y\n  type: y\n  manifests: |\n    - kind: Pod\n"},
    ),
    *(
        Case(f"tab in {name}", (f"{name}:2:1", "tabs are not allowed in YAML (indent with spaces)"), files={name: text})
        for name, text in [
            ("web.score.yaml", "metadata:\n\tname: web\n"),
            ("scorefly.yaml", "defaults:\n\tregion: ams\n"),
            (".scorefly/a.provisioners.yaml", "- uri: static://x\n\ttype: x\n"),
        ]
    ),
    Case(
        "missing image in a rehearsal",
        ("rehearsal.invalid/missing:1",),
        image="rehearsal.invalid/missing:1",
        command=REHEARSE,
        code=1,
    ),
    Case(
        "crash in a rehearsal",
        ("exits with", "fly logs -a web", "https://fly.io/apps/web/monitoring"),
        image="rehearsal.invalid/crashing:1",
        command=REHEARSE,
        code=1,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mistake)
def test_mistake_is_explained(workspace: Workspace, case: Case) -> None:
    workspace.workload("web", case.body, image=case.image)
    for name, text in case.files.items():
        workspace.write(name, text)
    result = workspace.run(*case.command, **case.variables)
    assert result.code == case.code, result.err
    for words in case.words:
        assert words in result.err
    if case.code == 2:
        assert len(result.problems) == case.count, result.err


@pytest.mark.parametrize(
    "text",
    [
        "$${resources.db.host}",
        "cost: $5",
        "{{ .Values.x }}",
        "$HOME/resources",
        "${resources.db.host}",
        "$$resources.x",
    ],
)
def test_other_texts_are_not_taken_for_placeholders(workspace: Workspace, text: str) -> None:
    workspace.workload("web", container_variable(text))
    result = workspace.run("validate")
    assert (result.code, UNFINISHED in result.err) == (0, False)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"state-key": "short"}, "::input state-key: key 1 is no Fernet key"),
        ({"command": "delpoy"}, "::input command: there is no command 'delpoy' (did you mean 'deploy'?)"),
        ({"variables": "FOO=bar"}, "::input variables: "),
        ({"max-parallel": "0"}, "::input max-parallel: "),
    ],
)
def test_action_names_the_input(workspace: Workspace, inputs: dict[str, str], words: str) -> None:
    workspace.workload("web")
    result = workspace.action({"fly-api-token": "fo1_x", **inputs})
    assert result.code == 2
    assert words in result.out
    assert ":1:1" not in result.out + result.summary


@pytest.mark.parametrize("author", ["stranger", "dependabot[bot]"])
def test_deploy_without_secrets_says_why_there_are_none(workspace: Workspace, author: str) -> None:
    workspace.workload("web")
    with GitHub() as github:
        bot = author.endswith("[bot]")
        github.open_pull(7, head="acme/shop" if bot else "stranger/shop", author=author)
        event = variables(github, "pull_request", pull_request(github, 7, "opened", author), workspace.path.parent)
        result = workspace.action({"command": "deploy"}, **event)
    assert result.code == 2
    whose = "Dependabot's" if bot else "from a fork"
    assert f"this pull request is {whose}: GitHub gives it no secrets" in result.out
    assert "use command: preview, or rehearse: true" in result.out


def test_missing_flyctl_is_no_matter_of_the_command(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given = {**environment(tmp_path, fly), "PATH": str(tmp_path / "nothing")}
        result = workspace.run("deploy", **given)
    assert result.code == 2
    assert "there is no flyctl on PATH (install flyctl" in result.err
    assert "command:1:1" not in result.err


def test_app_of_somebody_else_can_be_adopted(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse")
    world = workspace.world
    for machine in world["apps"]["web"]["machines"].values():
        machine["config"]["metadata"] = {}
    workspace.write(".scorefly/rehearsal/world.json", json.dumps(world))
    (workspace.path / ".scorefly/rehearsal/local.state").unlink(missing_ok=True)
    result = workspace.run("deploy", "--rehearse", "--environment", "other")
    assert result.code == 1
    assert "to take it over, run `scorefly adopt web --environment other`" in result.err


RELEASE = """\
Running web release_command: ./migrate --all
Error release_command failed running on machine 148e with exit code 3.
Checking logs: fetching the last 100 lines below:
2026-11-25T10:00:00Z connecting
2026-11-25T10:00:01Z no table users
Error: release command failed - aborting deployment. machine 148e exited with non-zero status of 3
"""
CRASH = """\
==> Verifying
Error: smoke checks for 148e failed: the app appears to be crashing
Check its logs: here's the last 2 lines below, or run 'fly logs -i 148e':
cannot open /config
Main child exited normally with code: 78
"""


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            RELEASE,
            ("release command failed (`./migrate --all`) with exit status 3", "no table users", "fly logs -a web"),
        ),
        (
            CRASH,
            (
                "keeps crashing with exit status 78",
                "cannot open /config",
                "fly logs -a web",
                "https://fly.io/apps/web/monitoring",
            ),
        ),
        (
            "Error: failed to launch VM: request failed (status 429): too many requests",
            ("wait and run it again", "max-parallel"),
        ),
        ("Error: failed to launch VM (status 402): payment required", ("billing", "https://fly.io/dashboard")),
    ],
    ids=["release command", "crash", "429", "402"],
)
def test_failure_of_flyctl_is_explained(output: str, words: tuple[str, ...]) -> None:
    failure = explain("web", 1, output.splitlines())
    for each in words:
        assert each in f"{failure.what} ({failure.hint})"

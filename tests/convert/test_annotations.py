"""What annotations and overlays change of the generated fly.toml."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scorefly.convert.annotations import ANNOTATIONS, PREFIX
from workspaces import REPOSITORY, Workspace

PORTS = "service: {ports: {web: {port: 8080}, db: {port: 5432}, dns: {port: 53, protocol: UDP}}}\n"
THEIRS = "score-flyio.astromechza.github.com/"


def workload(workspace: Workspace, annotations: dict[str, str], body: str = PORTS) -> None:
    workspace.write(
        "score.yaml",
        "apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n"
        f"  annotations: {json.dumps(annotations)}\ncontainers: {{main: {{image: 'a:1'}}}}\n{body}",
    )


def generated(workspace: Workspace, annotations: dict[str, str], body: str = PORTS) -> dict[str, Any]:
    workload(workspace, annotations, body)
    result = workspace.run("generate")
    assert result.code == 0, result.err
    return workspace.toml("web")


def test_those_with_a_place_in_fly_toml_stand_there(workspace: Workspace) -> None:
    toml = generated(
        workspace,
        {
            "scorefly/region": "ams",
            "scorefly/strategy": "canary",
            "scorefly/release-command": "migrate up",
            "scorefly/kill-timeout": "1m30s",
            "scorefly/kill-signal": "SIGHUP",
            "scorefly/size": "performance-2x",
            "scorefly/memory": "8gb",
            "scorefly/metrics-port": "9091",
            "scorefly/metrics-path": "/metrics",
            "scorefly/restart-policy": "always",
            "scorefly/statics": "/app/public=/public, /app/img=/img",
            "example.com/team": "y",
        },
    )
    assert toml["primary_region"] == "ams"
    assert toml["deploy"] == {"strategy": "canary", "release_command": "migrate up"}
    assert toml["kill_timeout"] == "90s"
    assert toml["kill_signal"] == "SIGHUP"
    assert toml["vm"] == [{"size": "performance-2x", "memory": "8gb"}]
    assert toml["metrics"] == [{"port": 9091, "path": "/metrics"}]
    assert toml["restart"] == [{"policy": "always"}]
    assert toml["statics"] == [
        {"guest_path": "/app/public", "url_prefix": "/public"},
        {"guest_path": "/app/img", "url_prefix": "/img"},
    ]


def test_a_schedule_is_the_machines(workspace: Workspace) -> None:
    toml = generated(workspace, {"scorefly/schedule": "daily"}, "")
    text = (workspace.path / ".scorefly/out/local/web" / toml["machine_config"]).read_text()
    assert json.loads(text) == {"schedule": "daily"}


CASES: list[tuple[dict[str, str], list[dict[str, Any]]]] = [
    (
        {"scorefly/service-db-public": "true"},
        [{"protocol": "tcp", "internal_port": 5432, "ports": [{"port": 5432}]}],
    ),
    (
        {"scorefly/service-db-handlers": "pg_tls", "scorefly/service-db-external-port": "6432"},
        [{"protocol": "tcp", "internal_port": 5432, "ports": [{"port": 6432, "handlers": ["pg_tls"]}]}],
    ),
    (
        {"scorefly/service-dns-public": "true"},
        [{"protocol": "udp", "internal_port": 53, "ports": [{"port": 53}]}],
    ),
    (
        {
            "scorefly/service-web-handlers": "tls,http",
            "scorefly/service-web-auto-stop": "suspend",
            "scorefly/service-web-min-running": "1",
            "scorefly/service-web-concurrency": '{"type": "requests", "hard_limit": 25, "soft_limit": 20}',
            "scorefly/service-web-http-options": '{"idle_timeout": 60}',
        },
        [
            {
                "protocol": "tcp",
                "internal_port": 8080,
                "auto_stop_machines": "suspend",
                "min_machines_running": 1,
                "concurrency": {"type": "requests", "hard_limit": 25, "soft_limit": 20},
                "ports": [{"port": 8080, "handlers": ["tls", "http"], "http_options": {"idle_timeout": 60}}],
            }
        ],
    ),
]
# Those that score-flyio has, too, under its own prefix.
ALSO_THEIRS = [
    ({name.replace(PREFIX, THEIRS): text for name, text in annotations.items()}, services)
    for annotations, services in CASES
    if not any(name.endswith(("-public", "-external-port")) for name in annotations)
]


@pytest.mark.parametrize(("annotations", "services"), [*CASES, *ALSO_THEIRS])
def test_ports_become_public_as_annotations_ask(
    workspace: Workspace, annotations: dict[str, str], services: list[dict[str, Any]]
) -> None:
    toml = generated(workspace, annotations)
    defaults = {"auto_stop_machines": "off", "auto_start_machines": True}
    assert toml["services"] == [{**defaults, **service} for service in services]


def test_80_and_443_on_two_ports_are_two_services(workspace: Workspace) -> None:
    ports = "service: {ports: {plain: {port: 80, targetPort: 8080}, tls: {port: 443, targetPort: 8443}}}\n"
    toml = generated(workspace, {}, ports)
    found = {each["internal_port"]: each["ports"] for each in toml["services"]}
    assert found == {
        8080: [{"port": 80, "handlers": ["http"], "force_https": True}],
        8443: [{"port": 443, "handlers": ["http", "tls"]}],
    }


@pytest.mark.parametrize(
    ("annotations", "kinds"),
    [
        ({}, []),
        ({"scorefly/service-db-public": "true"}, ["198.", "2001"]),
        ({"scorefly/flycast": "true"}, ["fdaa"]),
    ],
)
def test_addresses_are_what_the_ports_need(workspace: Workspace, annotations: dict[str, str], kinds: list[str]) -> None:
    workload(workspace, annotations)
    assert workspace.run("deploy", "--rehearse").code == 0
    addresses = workspace.world["apps"]["web"]["addresses"]
    assert [each["ip"][:4] for each in addresses] == kinds
    assert not [each for each in addresses if each["shared"]]


def test_probes_keep_the_times_annotations_give(workspace: Workspace) -> None:
    body = "\ncontainers:\n  main:\n    image: a:1\n    readinessProbe: {httpGet: {path: /, port: 80}}\n"
    workspace.write(
        "score.yaml",
        "apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n"
        "  annotations: {scorefly/readiness-interval: 1m, scorefly/readiness-timeout: 3s}" + body,
    )
    assert workspace.run("generate").code == 0
    check = workspace.toml("web")["checks"]["readiness"]
    assert (check["interval"], check["timeout"], check["grace_period"]) == ("60s", "3s", "10s")
    workspace.write("score.yaml", (workspace.path / "score.yaml").read_text().replace("1m", "1s"))
    assert "score.yaml:4:" in workspace.run("generate").err


@pytest.mark.parametrize("command", ["validate", "generate"])
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("scorefly/size", "shared-cpu-3x", "did you mean 'shared-cpu-8x'"),
        ("scorefly/service-web-handlers", "htp", "Fly has no handler 'htp'"),
        ("scorefly/service-dns-external-port", "54", "Fly moves no UDP port"),
        ("scorefly/service-wob-public", "true", "did you mean 'scorefly/service-web-public'"),
        ("scorefly/service-web-concurrency", "[]", "must be a JSON object"),
        ("scorefly/statics", "public", "is not PATH=URL"),
        (f"{THEIRS}service-web-nothing", "1", "there is no annotation"),
    ],
)
def test_a_mistake_is_told_with_its_place(workspace: Workspace, command: str, name: str, text: str, words: str) -> None:
    workload(workspace, {name: text})
    result = workspace.run(command)
    assert result.code == 2
    assert words in result.err
    assert "score.yaml:" in result.err


def test_overlays_are_merged_over_fly_toml_and_the_workloads_own_last(workspace: Workspace) -> None:
    workspace.write(".scorefly/overlay.toml", 'kill_signal = "SIGINT"\n[deploy]\nstrategy = "canary"\n[env]\nA = "1"\n')
    workspace.write(".scorefly/overlay.web.yaml", "deploy: {strategy: immediate}\nkill_signal: null\n")
    workspace.workload("web", "    variables: {B: b}\n")
    workspace.workload("other")
    assert workspace.run("generate").code == 0
    toml = workspace.toml("web")
    assert (toml["deploy"], toml["env"]) == ({"strategy": "immediate"}, {"A": "1", "B": "b"})
    assert "kill_signal" not in toml
    assert workspace.toml("other")["deploy"] == {"strategy": "canary"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = [\n", ".scorefly/overlay.toml:", "this is no TOML"),
        ('app = "x"\n', ".scorefly/overlay.toml:1:1", "cannot name the app"),
        ('strategy = "canary"\n', ".scorefly/overlay.toml:1:1", "is not a known key"),
        ('[[vm]]\nsize = "huge"\n', ".scorefly/overlay.toml:1:1", "there is no size 'huge'"),
    ],
)
def test_an_overlay_is_checked_as_the_rest_is(workspace: Workspace, text: str, place: str, words: str) -> None:
    workspace.write(".scorefly/overlay.toml", text)
    workspace.workload("web")
    result = workspace.run("generate")
    assert result.code == 2
    assert place in result.err
    assert words in result.err


def test_what_an_overlay_mounts_or_publishes_is_provided(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/overlay.toml",
        '[[mounts]]\nsource = "data"\ndestination = "/data"\ninitial_size = "3gb"\n'
        '[[services]]\nprotocol = "tcp"\ninternal_port = 25\nports = [{port = 25}]\n',
    )
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    app = workspace.world["apps"]["web"]
    assert [volume["size_gb"] for volume in app["volumes"].values()] == [3]
    assert [each["ip"][:4] for each in app["addresses"]] == ["198.", "2001"]


def test_every_example_is_taken(workspace: Workspace) -> None:
    """Each annotation's own example, all that do not exclude each other at once."""
    apart = {
        "flycast",
        "strategy",
        "service-container",
        "schedule",
        "service-<port>-proxy-proto-options",
    }
    names = {each.name.replace("<port>", "db"): each.example for each in ANNOTATIONS if each.name not in apart}
    body = "service: {ports: {db: {port: 5432}}}\nresources: {disk: {type: volume}}\n"
    workload(workspace, {f"{PREFIX}{name}": text for name, text in names.items()}, body)
    text = (
        (workspace.path / "score.yaml").read_text().replace("image: 'a:1'", "image: 'a:1', volumes: {/d: {source: d}}")
    )
    (workspace.path / "score.yaml").write_text(text)
    result = workspace.run("generate")
    assert result.problems == []


def test_the_page_of_annotations_is_the_table() -> None:
    import runpy

    made = runpy.run_path(str(REPOSITORY / "docs/make_annotations.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"]()

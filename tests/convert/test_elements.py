"""What becomes of each Score element, by way of `scorefly generate`."""

from __future__ import annotations

import tomllib
from base64 import b64decode
from typing import Any

import pytest

from workspaces import Workspace


def generated(workspace: Workspace, body: str, *options: str, image: str = "nginx:1.27") -> dict[str, Any]:
    workspace.workload("web", body, image=image)
    result = workspace.run("generate", *options)
    assert result.code == 0, result.err
    return workspace.toml("web")


@pytest.mark.parametrize(
    ("image", "options", "result"),
    [
        ("ghcr.io/a/b:1", (), "ghcr.io/a/b:1"),
        ("localhost:5000/a@sha256:" + "0" * 64, (), "localhost:5000/a@sha256:" + "0" * 64),
        (".", ("--images", "one:1"), "one:1"),
        (".", ("--images", "web=two:1"), "two:1"),
        (".", ("--images", "one:1", "--images", "web.main=three:1"), "three:1"),
    ],
)
def test_images(workspace: Workspace, image: str, options: tuple[str, ...], result: str) -> None:
    assert generated(workspace, "", *options, image=image)["build"] == {"image": result}


def test_a_build_has_its_folder_as_context_and_finds_its_files(workspace: Workspace) -> None:
    workspace.write("app/Dockerfile", "FROM scratch\n")
    workspace.workload("web", "    files: {/etc/a: {content: hello}}\n", image=".", file="app/score.yaml")
    assert workspace.run("generate").code == 0
    toml = workspace.toml("web")
    assert "build" not in toml
    assert (workspace.path / "app" / toml["files"][0]["local_path"]).read_text() == "hello"


def test_a_build_is_deployed_again_when_its_context_changes(workspace: Workspace) -> None:
    workspace.write("app/Dockerfile", "FROM scratch\n")
    workspace.workload("web", image=".", file="app/score.yaml")
    workspace.run("deploy", "--rehearse")
    assert "unchanged" in workspace.run("deploy", "--rehearse").out
    workspace.write("app/main.py", "print()\n")
    assert "deployed" in workspace.run("deploy", "--rehearse").out


def test_command_and_args_override_entrypoint_and_cmd(workspace: Workspace) -> None:
    toml = generated(workspace, "    command: [sh, -c]\n    args: ['echo \"$X\"']\n")
    assert toml["experimental"] == {"entrypoint": ["sh", "-c"], "cmd": ['echo "$X"']}


@pytest.mark.parametrize("words", ["a $(NAME) b", "${resources.x.y}", "$${NAME}"])
def test_args_that_mean_something_elsewhere_are_warned_about(workspace: Workspace, words: str) -> None:
    workspace.workload("web", f"    args: ['{words}']\n    variables: {{NAME: x}}\n")
    assert "warning: web.score.yaml:6:12: " in workspace.run("generate").err


def test_variables_keep_every_character(workspace: Workspace) -> None:
    toml = generated(workspace, '    variables: {A: "ä\\n\\t\\"\\\\#", B: "", C: "$$x", "D.E": y}\n')
    assert toml["env"] == {"A": 'ä\n\t"\\#', "B": "", "C": "$x", "D.E": "y"}


def test_files_by_content_source_and_binary(workspace: Workspace) -> None:
    workspace.write("conf/a.txt", "name=${metadata.name}\n")
    (workspace.path / "conf/b.bin").write_bytes(b"\xff\x00$")
    toml = generated(
        workspace,
        """\
            files:
              /etc/one: {content: "x=${metadata.name}"}
              /etc/two: {content: "x=${metadata.name}", noExpand: true}
              /etc/three: {source: conf/a.txt}
              /etc/four: {source: conf/b.bin, noExpand: true}
              /etc/five: {binaryContent: "/w\\nAB"}
        """,
    )
    folder = workspace.path / ".scorefly/out/local/web"
    found = {each["guest_path"]: (folder / each["local_path"]).read_bytes() for each in toml["files"]}
    assert found == {
        "/etc/one": b"x=web",
        "/etc/two": b"x=${metadata.name}",
        "/etc/three": b"name=web\n",
        "/etc/four": b"\xff\x00$",
        "/etc/five": b"\xff\x00\x01",
    }


def test_a_file_with_a_secret_in_it_travels_as_a_secret(workspace: Workspace) -> None:
    toml = generated(
        workspace,
        "    files: {/etc/a: {content: 'p=${resources.cache.password}'}}\nresources: {cache: {type: redis}}\n",
    )
    secret = toml["files"][0]["secret_name"]
    exported = dict(line.split("=", 1) for line in workspace.run("export-secrets", "--app", "web").out.splitlines())
    assert b64decode(exported[secret].strip("'")).startswith(b"p=")
    assert not list((workspace.path / ".scorefly/out").rglob("files/*"))


def test_a_link_that_leaves_the_workspace_is_refused(workspace: Workspace) -> None:
    outside = workspace.path.parent / "outside"
    outside.write_text("theirs")
    (workspace.path / "link").symlink_to(outside)
    workspace.workload("web", "    files: {/etc/a: {source: link}}\n")
    assert "is outside the workspace" in workspace.run("generate").err


@pytest.mark.parametrize(
    ("service", "resources", "public", "ports"),
    [
        ("http: {port: 8080}", "", None, ["http private"]),
        ("http: {port: 80, targetPort: 3000}", "", 3000, []),
        ("http: {port: 443, targetPort: 3000}", "", 3000, []),
        ("dns: {port: 80, protocol: UDP}", "", None, ["dns private"]),
        ("web: {port: 8080}, rpc: {port: 9000}", "to: {type: route, params: {port: web}}", 8080, ["rpc private"]),
        ("web: {port: 8080, targetPort: 1}", "to: {type: route, params: {port: 8080}}", 1, []),
        ("web: {port: 8080, targetPort: 1}", 'to: {type: route, params: {port: "8080"}}', 1, []),
        ("", "to: {type: route, params: {port: 8765}}", 8765, []),
    ],
)
def test_a_port_is_public_when_a_route_or_its_number_says_so(
    workspace: Workspace, service: str, resources: str, public: int | None, ports: list[str]
) -> None:
    workspace.workload("web", f"service: {{ports: {{{service}}}}}\nresources: {{{resources}}}\n")
    result = workspace.run("generate")
    assert result.code == 0, result.err
    assert workspace.toml("web").get("http_service", {}).get("internal_port") == public
    assert ("notice" in result.err and "private" in result.err) == bool(ports)


def test_routes_with_paths_to_one_port_are_one_service(workspace: Workspace) -> None:
    routes = ", ".join(f"r-{name}: {{type: route, params: {{path: /{name}, port: 80}}}}" for name in "ab")
    assert (
        generated(workspace, f"service: {{ports: {{web: {{port: 80}}}}}}\nresources: {{{routes}}}\n")["http_service"][
            "internal_port"
        ]
        == 80
    )


def test_routes_to_two_ports_are_refused(workspace: Workspace) -> None:
    routes = ", ".join(f"r-{port}: {{type: route, params: {{port: {port}}}}}" for port in (8001, 8002))
    workspace.workload("web", f"resources: {{{routes}}}\n")
    result = workspace.run("generate")
    assert result.code == 2
    assert "Fly routes by host, not by path" in result.err


def test_readiness_belongs_to_the_service_it_asks_and_liveness_to_the_machine(workspace: Workspace) -> None:
    toml = generated(
        workspace,
        """\
            readinessProbe: {httpGet: {port: 8080, path: /ready, httpHeaders: [{name: X-A, value: b}]}}
            livenessProbe: {httpGet: {port: 9000, path: /live, scheme: HTTPS, host: inner}}
        service: {ports: {http: {port: 80, targetPort: 8080}}}
        """,
    )
    times = {"interval": "15s", "timeout": "5s", "grace_period": "10s", "method": "GET"}
    assert toml["http_service"]["checks"] == [{**times, "path": "/ready", "headers": {"X-A": "b"}}]
    tls = {"protocol": "https", "tls_skip_verify": True, "tls_server_name": "inner", "headers": {"Host": "inner"}}
    assert toml["checks"] == {"liveness": {"type": "http", "port": 9000, **times, "path": "/live", **tls}}


def test_readiness_of_a_private_port_is_a_check_of_the_machine(workspace: Workspace) -> None:
    toml = generated(
        workspace, "    readinessProbe: {httpGet: {port: 8080, path: /}}\nservice: {ports: {a1: {port: 8080}}}\n"
    )
    assert toml["checks"]["readiness"]["port"] == 8080


@pytest.mark.parametrize(
    ("compute", "vm"),
    [
        ("", {"size": "shared-cpu-1x"}),
        ("requests: {cpu: 100m, memory: 64Mi}", {"size": "shared-cpu-1x"}),
        ("limits: {memory: 512Mi}", {"size": "shared-cpu-1x", "memory": "512mb"}),
        ("requests: {cpu: '2'}, limits: {memory: 1Gi}", {"size": "shared-cpu-2x", "memory": "1024mb"}),
        ("requests: {cpu: '10'}", {"size": "performance-10x"}),
        ("requests: {memory: 20Gi}", {"size": "performance-4x", "memory": "20480mb"}),
    ],
)
def test_compute(workspace: Workspace, compute: str, vm: dict[str, str]) -> None:
    assert generated(workspace, f"    args: []\n    resources: {{{compute}}}\n")["vm"] == [vm]


def test_a_resource_app_puts_no_secret_into_its_toml(workspace: Workspace) -> None:
    generated(workspace, "resources: {cache: {type: redis, params: {size_gb: 3}}}\n")
    text = (workspace.path / ".scorefly/out/local/web-cache/fly.toml").read_text()
    assert tomllib.loads(text)["mounts"] == [{"source": "data", "destination": "/data", "initial_size": "3gb"}]
    assert "REDIS_PASSWORD" in text
    assert "env" not in tomllib.loads(text)


def test_a_secret_where_fly_toml_has_no_place_for_one_is_refused(workspace: Workspace) -> None:
    app = '{build: {image: "x:{{ secrets.TOKEN }}"}}'
    workspace.write(".scorefly/x.provisioners.yaml", f"- {{uri: template://x, type: thing, apps: {{one: {app}}}}}\n")
    workspace.workload("web", "resources: {thing: {type: thing}}\n")
    result = workspace.run("generate", SCOREFLY_SECRETS='{"TOKEN": "hidden-value"}')
    assert result.code == 2
    assert "build.image is secret, and fly.toml is no place for it" in result.err
    assert "hidden-value" not in result.err


def test_a_file_cannot_be_below_a_file(workspace: Workspace) -> None:
    workspace.workload("web", "    files: {/etc/a: {content: x}, /etc/a/b: {content: y}}\n")
    assert (
        "web.score.yaml:6:35: file '/etc/a/b' and file '/etc/a' cannot both be files" in workspace.run("generate").err
    )


def test_nothing_is_written_through_a_link_out_of_the_workspace(workspace: Workspace) -> None:
    outside = workspace.path.parent / "outside"
    outside.mkdir()
    (workspace.path / ".scorefly").mkdir()
    (workspace.path / ".scorefly/out").symlink_to(outside)
    workspace.workload("web")
    result = workspace.run("generate")
    assert (result.code, "is a symbolic link" in result.err) == (2, True), result.err
    assert not list(outside.iterdir())


def test_the_command_line_takes_files_from_elsewhere(workspace: Workspace) -> None:
    elsewhere = workspace.path.parent / "elsewhere"
    workspace.workload(
        "web", "    files: {/etc/a: {source: a.txt}}\nresources: {x1: {type: mine}}\n", file="../elsewhere/score.yaml"
    )
    (elsewhere / "a.txt").write_text("hello")
    (elsewhere / "p.yaml").write_text("- {uri: static://x, type: mine}\n")
    result = workspace.run("generate", str(elsewhere / "score.yaml"), "--provisioners", str(elsewhere / "p.yaml"))
    assert result.code == 0, result.err
    assert (workspace.path / ".scorefly/out/local/web/files/etc/a").read_text() == "hello"


def test_the_action_does_not(workspace: Workspace) -> None:
    workspace.workload("web", file="../elsewhere/score.yaml")
    result = workspace.action({"command": "validate", "score-files": "../elsewhere/score.yaml"})
    assert (result.code, "outside the workspace" in result.out) == (2, True)


def test_an_app_of_a_resource_that_is_no_mapping_is_refused(workspace: Workspace) -> None:
    workspace.write(".scorefly/x.provisioners.yaml", "- {uri: template://x, type: mine, apps: {one: 3}}\n")
    workspace.workload("web", "resources: {x1: {type: mine}}\n")
    assert "apps.one, evaluated for mine.default#web.x1" in workspace.run("generate").err


def test_a_service_whose_port_is_not_where_it_listens_is_reached_through_flycast(workspace: Workspace) -> None:
    workspace.workload("mail", "service: {ports: {smtp: {port: 25, targetPort: 8025}}}\n")
    workspace.workload(
        "web",
        '    variables: {MAIL: "${resources.mail.name}:25", PORT: "${resources.at.hostname}:${resources.at.port}"}\n'
        "resources: {mail: {type: service}, at: {type: service-port, params: {workload: mail, port: smtp}}}\n",
    )
    assert workspace.run("generate").code == 0
    assert workspace.toml("web")["env"] == {"MAIL": "mail.flycast:25", "PORT": "mail.flycast:25"}
    [service] = workspace.toml("mail")["services"]
    assert (service["internal_port"], service["ports"]) == (8025, [{"port": 25}])


def test_an_app_that_has_flycast_keeps_it_where_its_users_are_not_in_the_run(workspace: Workspace) -> None:
    mail = workspace.workload("mail", "service: {ports: {smtp: {port: 25, targetPort: 8025}}}\n")
    workspace.workload("web", "resources: {mail: {type: service}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    assert [each["ip"][:4] for each in workspace.world["apps"]["mail"]["addresses"]] == ["fdaa"]
    assert "1 unchanged" in workspace.run("deploy", "--rehearse", mail.name).out


def test_a_service_with_public_ports_whose_port_is_not_where_it_listens_is_warned_about(workspace: Workspace) -> None:
    ports = "smtp: {port: 25, targetPort: 8025}, web: {port: 80}"
    workspace.workload("mail", f"service: {{ports: {{{ports}}}}}\n")
    workspace.workload("web", "resources: {mail: {type: service}}\n")
    result = workspace.run("generate")
    assert (
        "warning: web.score.yaml:6:13: mail answers other apps at port 8025, not at its service port 25" in result.err
    )


def test_links_in_a_circle_are_told(workspace: Workspace) -> None:
    (workspace.path / "a").symlink_to("b")
    (workspace.path / "b").symlink_to("a")
    workspace.workload("web", "    files: {/etc/a: {source: a}}\n")
    result = workspace.run("generate")
    assert result.code == 2
    assert "web.score.yaml:6:22: " in result.err


def test_one_number_may_be_a_tcp_and_a_udp_port(workspace: Workspace) -> None:
    ports = "service: {ports: {one: {port: 53}, two: {port: 53, protocol: UDP}}}\n"
    toml = generated(workspace, ports + "resources: {to: {type: route, params: {port: one}}}\n")
    assert toml["http_service"]["internal_port"] == 53


@pytest.mark.parametrize(("length", "code"), [(131_069, 0), (131_070, 2)])
def test_variable_that_no_program_can_start_with_is_refused(workspace: Workspace, length: int, code: int) -> None:
    workspace.workload("web", f"    variables: {{A: {'x' * length}}}\n")
    result = workspace.run("validate")
    assert (result.code, "variable 'A' is longer than 131071 bytes" in result.err) == (code, code == 2)

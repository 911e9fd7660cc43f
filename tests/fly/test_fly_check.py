"""The checker for fly.toml and machine.json: what it takes, what it refuses, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fly_documents import FULL, MACHINE, OTHERS, misspelt, paths, removed, replaced
from fly_documents import Path as DocumentPath
from scorefly.fly.check.checker import check
from scorefly.fly.check.finding import Finding
from scorefly.fly.check.keys import FLY_TOML
from scorefly.fly.check.machine_keys import MACHINE_CONFIG
from scorefly.fly.check.shape import Named, Table, Tables

BESIDE = ("files/a", "machine.json")
HTTP: dict[str, Any] = {"internal_port": 8080}
TCP: dict[str, Any] = {"protocol": "tcp", "internal_port": 1, "ports": [{"port": 1}]}
UDP: dict[str, Any] = {"protocol": "udp", "internal_port": 1, "ports": [{"port": 1}]}
MOUNT = {"source": "a", "destination": "/a"}
GROUPS = {"web": "a", "work": "b"}


def lines(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{each.severity} {each.where}: {each.message} ({each.hint})" for each in findings]


@pytest.mark.parametrize("document", [FULL, *OTHERS, {}, {"services": []}])
def test_every_key_there_is_can_be_used(document: dict[str, Any]) -> None:
    assert check(document, MACHINE if document is FULL else None, BESIDE) == ()


def known_keys(shape: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a table of keys, by its path without positions and names."""
    if isinstance(shape, Tables | Named):
        yield from known_keys(shape.item, at)
    elif isinstance(shape, Table):
        for key, inner in shape.keys.items():
            yield (*at, key)
            yield from known_keys(inner, (*at, key))


@pytest.mark.parametrize(("table", "documents"), [(FLY_TOML, (FULL, *OTHERS)), (MACHINE_CONFIG, (MACHINE,))])
def test_the_documents_of_these_tests_have_every_key(table: Table, documents: tuple[dict[str, Any], ...]) -> None:
    written = {tuple(key for key in path if isinstance(key, str)) for each in documents for path in paths(each)}
    written |= {("checks", *path[2:]) for path in written if path[0] == "checks"}
    known = set(known_keys(table)) - {("files", "processes"), ("vm", "gpu_kind")}  # known, and never fine
    again = {
        ("deploy", "release_command_vm"),
        ("guest",),
        ("processes",),
        ("processes", "secrets"),
        ("processes", "env_from"),
    }
    assert not {path for path in known - written if path[:-1] not in again}


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"ap": "web"}, "error ap: is not a known key (did you mean 'app'?)"),
        ({"app": "Web"}, "error app: app name 'Web' is not made of lower-case letters"),
        ({"app": 3}, "error app: is a whole number, and has to be text (put it into quotes)"),
        ({"primary_region": "amsterdam"}, "error primary_region: 'amsterdam' is no region"),
        ({"kill_signal": "TERM"}, "error kill_signal: is 'TERM' (did you mean 'SIGTERM'?)"),
        ({"kill_timeout": "5"}, "error kill_timeout: is '5', which is no duration"),
        ({"kill_timeout": "6m"}, "error kill_timeout: is 360 seconds (give 0 to 300 seconds)"),
        ({"kill_timeout": 301}, "error kill_timeout: is 301 seconds"),
        ({"console_command": "sh -c 'a"}, "error console_command: has a ' that is not closed"),
        ({"console_command": "a \\"}, "error console_command: ends with a \\ that escapes nothing"),
        ({"container": "app"}, "error container: names a container, and without machine_config there are none"),
        ({"machine_config": "machine.yaml"}, "error machine_config: is neither JSON that begins with {"),
        ({"machine_config": "{"}, "error machine_config: is no JSON: "),
        ({"machine_config": '{"a":' * 100_000}, "error machine_config: is no JSON: "),
        ({"machine_config": "other.json"}, "error machine_config: there is no file 'other.json'"),
        ({"machine_config": '{"containers": {}}'}, "error machine_config.containers: is a table, and has to be a list"),
        ({"machine_config": "{}", "container": "a"}, "error container: there is no container 'a' (there are: none)"),
        ({"experimental": {"container": "a"}}, "error experimental.container: is read by nothing here (it is a key of"),
        ({"experimental": {"cmd": [1]}}, "error experimental.cmd[0]: is a whole number"),
        ({"build": {"context": "."}}, "error build.context: is read by nothing here"),
        ({"build": {"image": ""}}, "error build.image: is empty (give a name)"),
        ({"build": {"image": "a", "dockerfile": "b"}}, "warning build: says an image and a Dockerfile"),
        ({"build": {"compression": "xz"}}, "error build.compression: is 'xz' (one of gzip, zstd)"),
        ({"build": {"compression_level": 10}}, "error build.compression_level: is 10 (give 0 to 9)"),
        ({"build": {"args": {"A": 1}}}, "error build.args.A: is a whole number, and has to be text"),
        ({"build": {"build_target": "a", "build-target": "b"}}, "error build.build-target: is another name of 'build_"),
        ({"build": {"compose": {}}, "machine_config": "{}"}, "error machine_config: is not read: build.compose"),
        ({"experimental": {"machine_config": "{}"}, "machine_config": "{}"}, "error machine_config: is not read: exp"),
        ({"deploy": {"strategy": "recreate"}}, "error deploy.strategy: is 'recreate' (one of rolling, immediate"),
        ({"deploy": {"strategy": "canary"}, "mounts": MOUNT}, "error deploy.strategy: is 'canary', which makes"),
        ({"deploy": {"strategy": "bluegreen"}, "mounts": MOUNT}, "error deploy.strategy: is 'bluegreen', which makes"),
        ({"deploy": {"strategy": "bluegreen"}}, "error deploy.strategy: is 'bluegreen', which needs a health check"),
        ({"deploy": {"wait_timeout": 300}}, "error deploy.wait_timeout: is 300 without a unit, and flyctl takes it for"),
        ({"deploy": {"max_unavailable": 0}}, "error deploy.max_unavailable: is 0 (give a number above 0)"),
        ({"deploy": {"release_command_vm": {"memory": 512}}}, "error deploy.release_command_vm.memory: is 512, which"),
        ({"deploy": {"release_command_vm": {"size": "huge"}}}, "error deploy.release_command_vm.size: there is no size"),
        ({"env": ["A=b"]}, "error env: is a list, and has to be a table (write [env])"),
        ({"env": {"A=B": "c"}}, "error env.A=B: 'A=B' is no name of a variable"),
        ({"env": {"A": 1.0}}, "error env.A: is a number, and has to be text (put it into quotes)"),
        ({"env": {"A": "b\0c"}}, "error env.A: holds a NUL, which ends a variable"),
        ({"env": {"FLY_REGION": "x"}}, "warning env.FLY_REGION: begins with FLY_"),
        ({"env": {"PRIMARY_REGION": "x"}, "primary_region": "ams"}, "warning env.PRIMARY_REGION: is overwritten"),
        ({"processes": {"app": 'a "b'}}, 'error processes.app: has a " that is not closed'),
        ({"mounts": {"source": "my-data", "destination": "/a"}}, "error mounts.source: volume name 'my-data' is not"),
        ({"mounts": [{"destination": "/a"}]}, "error mounts[0].source: is missing (name the volume)"),
        ({"mounts": [{**MOUNT, "destination": "/"}]}, "error mounts[0].destination: the root of the file system"),
        ({"mounts": [{**MOUNT, "destination": "a"}]}, "error mounts[0].destination: 'a' is no absolute path"),
        ({"mounts": [{**MOUNT, "initial_size": "500mb"}]}, "error mounts[0].initial_size: is 0 GB (give 1 or more GB)"),
        ({"mounts": [{**MOUNT, "initial_size": "1 pile"}]}, "error mounts[0].initial_size: is '1 pile', which is no"),
        ({"mounts": [{**MOUNT, "initial_size": 501}]}, "warning mounts[0].initial_size: is 501 GB"),
        ({"mounts": [{**MOUNT, "size_gb": 1}]}, "error mounts[0].size_gb: is not a known key"),
        ({"mounts": [{**MOUNT, "snapshot_retention": 61}]}, "error mounts[0].snapshot_retention: is 61 (give 1 to 60)"),
        ({"mounts": [MOUNT, {"source": "b", "destination": "/b"}]}, "error mounts[1]: is one too many: a Machine has on"),
        ({"mounts": [{**MOUNT, "auto_extend_size_threshold": 80}]}, "error mounts[0].auto_extend_size_increment: is mi"),
        (
            {
                "mounts": [
                    {
                        **MOUNT,
                        "initial_size": "5GB",
                        "auto_extend_size_threshold": 40,
                        "auto_extend_size_increment": "1GB",
                        "auto_extend_size_limit": "4GB",
                    }
                ]
            },
            "error mounts[0].auto_extend_size_limit: is 4 GB, below the 5 GB to begin with",
        ),
        ({"files": {"guest_path": "/a", "raw_value": ""}}, "error files: is a table, and has to be a list of tables (w"),
        ({"files": [{"guest_path": "a", "raw_value": ""}]}, "error files[0].guest_path: 'a' is no absolute path"),
        ({"files": [{"guest_path": "/a"}]}, "error files[0]: has no content (give local_path or secret_name or raw_v"),
        ({"files": [{"guest_path": "/a", "raw_value": "", "mode": "0600"}]}, "error files[0].mode: is read by nothing"),
        ({"files": [{"guest_path": "/a", "raw_value": "", "secret_name": "A"}]}, "error files[0]: has secret_name and"),
        ({"files": [{"guest_path": "/a", "secret_name": "a-b"}]}, "error files[0].secret_name: secret name 'a-b'"),
        ({"files": [{"guest_path": "/a", "local_path": "gone"}]}, "error files[0].local_path: there is no file 'gone'"),
        ({"files": [{"guest_path": f"/a/{'.' * n}", "raw_value": ""} for n in (0, 1)]}, "error files[1].guest_path: an"),
        ({"files": [{"guest_path": path, "raw_value": ""} for path in ("/a/b", "/a")]}, "error files[1].guest_path: /a"),
        ({"files": [{"guest_path": "/a", "raw_value": ""}], "mounts": MOUNT}, "error files[0].guest_path: a volume is"),
        ({"files": [{"guest_path": "/a", "raw_value": "", "processes": ["app"]}]}, "warning files[0].processes: change"),
        ({"http_service": {}}, "error http_service.internal_port: is missing (give the port the app listens on)"),
        ({"http_service": [HTTP]}, "error http_service: is a list, and has to be a table (write [http_service])"),
        ({"http_service": {"internal_port": "8080"}}, "error http_service.internal_port: is text, and has to be a whol"),
        ({"http_service": {"internal_port": 0}}, "error http_service.internal_port: is 0 (give 1 to 65535)"),
        ({"http_service": {**HTTP, "auto_stop_machines": "pause"}}, "error http_service.auto_stop_machines: is 'pause'"),
        (
            {"http_service": {**HTTP, "auto_stop_machines": True, "auto_start_machines": False}},
            "warning http_service.auto_start_machines: is false while auto_stop_machines is on",
        ),
        ({"http_service": {**HTTP, "checks": [{"interval": 500}]}}, "error http_service.checks[0].interval: is 500 wit"),
        ({"http_service": {**HTTP, "checks": [{"timeout": "2m"}]}}, "warning http_service.checks[0].timeout: is 120 se"),
        ({"http_service": {**HTTP, "checks": [{"path": "up"}]}}, "error http_service.checks[0].path: 'up' is no path of"),
        ({"http_service": {**HTTP, "checks": [{"headers": {"A": 1}}]}}, "error http_service.checks[0].headers.A: is a w"),
        ({"http_service": {**HTTP, "checks": {}}}, "error http_service.checks: is a table, and has to be a list of ta"),
        ({"http_service": {**HTTP, "processes": ["web"]}}, "error http_service.processes[0]: there is no process group"),
        ({"http_service": HTTP, "processes": GROUPS}, "error http_service.processes: is missing, and the app has [pro"),
        ({"http_service": {**HTTP, "tls_options": {"versions": ["1.2"]}}}, "error http_service.tls_options.versions[0]"),
        (
            {"http_service": {**HTTP, "concurrency": {"soft_limit": 25, "hard_limit": 20}}},
            "error http_service.concurrency.soft_limit: is 25, above hard_limit 20",
        ),
        ({"http_service": {**HTTP, "concurrency": {"type": "rps"}}}, "error http_service.concurrency.type: is 'rps'"),
        ({"services": [{**TCP, "concurrency": "20,25"}]}, "error services[0].concurrency: is text, and has to be a tab"),
        ({"services": [{"internal_port": 1, "ports": [{"port": 1}]}]}, "warning services[0].protocol: is missing"),
        ({"services": [{**TCP, "protocol": "http"}]}, "error services[0].protocol: is 'http' (one of tcp, udp)"),
        ({"services": [{**TCP, "ports": []}]}, "warning services[0].ports: is missing: the service cannot be reached"),
        ({"services": [{**TCP, "checks": []}]}, "error services[0].checks: is read by nothing here (here they are"),
        ({"services": [{**TCP, "tcp_checks": {"restart_limit": 6}}]}, "error services[0].tcp_checks.restart_limit: is re"),
        ({"services": [{**TCP, "internl_port": 1}]}, "error services[0].internl_port: is not a known key (did you mean 'in"),
        ({"services": [{**TCP, "ports": [{}]}]}, "error services[0].ports[0].port: is missing (give one port"),
        ({"services": [{**TCP, "ports": [{"start_port": 1}]}]}, "error services[0].ports[0].end_port: is missing"),
        (
            {"services": [{**TCP, "ports": [{"start_port": 9, "end_port": 8}]}]},
            "error services[0].ports[0].end_port: is 8, below start_port 9",
        ),
        ({"services": [{**TCP, "ports": [{"port": 1, "end_port": 2}]}]}, "error services[0].ports[0].port: is besi"),
        ({"services": [{**TCP, "ports": [{"port": 99999}]}]}, "error services[0].ports[0].port: is 99999 (give 1 to 6"),
        ({"services": [{**TCP, "ports": [{"port": 1, "handlers": ["https"]}]}]}, "error services[0].ports[0].handlers[0"),
        ({"services": [{**UDP, "ports": [{"port": 1, "handlers": ["tls"]}]}]}, "error services[0].ports[0].handlers: ar"),
        ({"services": [{**TCP, "ports": [{"port": 1, "force_https": True}]}]}, "warning services[0].ports[0].force_https"),
        ({"services": [{**TCP, "ports": [{"port": 1, "tls_options": {}}]}]}, "warning services[0].ports[0].tls_options: h"),
        ({"services": [TCP, {**TCP, "internal_port": 2}]}, "error services[1].ports[0].port: port 1 is taken by service"),
        (
            {"services": [{**TCP, "ports": [{"start_port": 1, "end_port": 9}]}, {**TCP, "ports": [{"port": 9}]}]},
            "error services[1].ports[0].port: port 9 is taken by services[0].ports[0].start_port",
        ),
        (
            {"services": [TCP, {**TCP, "ports": [{"port": 2}]}]},
            "warning services[1].internal_port: 1 is served by services[0] already",
        ),
        (
            {"http_service": HTTP, "services": [{**TCP, "ports": [{"port": 443}]}]},
            "error services[0].ports[0].port: port 443 is taken by http_service",
        ),
        ({"checks": {"a": {"port": 1}}}, 'error checks.a.type: is missing (say "http" or "tcp")'),
        ({"checks": {"a": {"type": "tcp"}}}, "error checks.a.port: is missing, and there is no http_service"),
        ({"checks": {"a": {"type": "exec", "port": 1}}}, "error checks.a.type: is 'exec' (one of http, tcp)"),
        ({"checks": {"a": {"type": "tcp", "port": 1, "interval": "1s"}}}, "error checks.a.interval: is 1 seconds (give "),
        ({"checks": {"a": {"type": "tcp", "port": 1, "interval": 1000}}}, "error checks.a.interval: is 1 seconds"),
        ({"checks": {"a": {"type": "tcp", "port": 1, "timeout": "61s"}}}, "error checks.a.timeout: is 61 seconds"),
        ({"checks": {"a": {"type": "tcp", "port": 1, "path": "/"}}}, "warning checks.a.path: means nothing to a check of"),
        (
            {"processes": GROUPS, "http_service": {**HTTP, "processes": ["web"]}, "checks": {"a": {"type": "tcp", "processes": ["work"]}}},
            "error checks.a.port: is missing",
        ),
        ({"restart": {"policy": "always"}}, "error restart: is a table, and has to be a list of tables (write [[restart"),
        ({"restart": [{"policy": "no"}]}, "error restart[0].policy: is 'no'"),
        ({"restart": [{"retries": 3}]}, "error restart[0].policy: is missing"),
        ({"restart": [{"policy": "never"}, {"policy": "always"}]}, "error restart[1]: process group 'app' has restart[0]"),
        ({"vm": [{"size": "shared-cpu-3x"}]}, "error vm[0].size: there is no size 'shared-cpu-3x' (did you mean 'shared"),
        ({"vm": {"memory": "3gb"}}, "error vm.memory: 1 shared CPU has 256 to 2048 MB of memory in steps of 256, not 307"),
        ({"vm": [{"memory": 300}]}, "error vm[0].memory: 1 shared CPU has 256 to 2048 MB of memory in steps of 256, not 3"),
        ({"vm": [{"memory": "0"}]}, "error vm[0].memory: is 0 MB (give 1 or more MB)"),
        ({"vm": [{"cpus": 3}]}, "error vm[0].cpus: no Machine has 3 shared CPUs: there are 1, 2, 4, 6, 8, and 4 is neares"),
        ({"vm": [{"cpus": 4}]}, "error vm[0].cpus: 4 shared CPUs have 1024 to 8192 MB"),
        ({"vm": [{"cpu_kind": "dedicated"}]}, "error vm[0].cpu_kind: is 'dedicated' (one of shared, performance)"),
        ({"vm": [{"kernel_args": "quiet"}]}, "error vm[0].kernel_args: is text, and has to be a list (put it into bracke"),
        ({"vm": [{"gpus": 1}]}, "error vm[0].gpus: asks for a GPU, and Fly has had no GPUs"),
        ({"vm": [{"sise": "x"}]}, "error vm[0].sise: is not a known key (did you mean 'size'?)"),
        ({"vm": [{}, {"cpus": 1}]}, "error vm[1]: is for all process groups, and so is vm[0]"),
        ({"vm": [{"processes": ["worker"]}]}, "error vm[0].processes[0]: there is no process group 'worker' (there are: a"),
        ({"vm": {}, "compute": {}}, "error compute: is another name of 'vm', which is there too (keep one)"),
        ({"statics": [{"guest_path": "/a"}]}, "error statics[0].url_prefix: is missing"),
        ({"statics": [{"guest_path": "/a", "url_prefix": p} for p in ("/a", "/a/")]}, "error statics[1].url_prefix: /a i"),
        ({"statics": [{"guest_path": "/a", "url_prefix": f"/{n}"} for n in range(11)]}, "error statics[10]: is one too "),
        ({"metrics": {"path": "/metrics"}}, "error metrics.port: is missing"),
        ({"metrics": [{"port": 1}, {"port": 2}]}, "error metrics[1]: process group 'app' has metrics[0] already"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(document: dict[str, Any], line: str) -> None:
    found = lines(check(document, beside=BESIDE))
    assert any(each.startswith(line) for each in found), found


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("containers", 0, "imag"), "x", "error containers[0].imag: is not a known key (did you mean 'image'?)"),
        (("containers", 0, "name"), "db", "error containers[1].name: there is another container 'db'"),
        (("containers", 1, "image"), "", "error containers[1].image: is missing (name the image it runs)"),
        (("containers", 0, "ports"), [80], "error containers[0].ports: is read by nothing here"),
        (("containers", 0, "restart", "policy"), "never", "error containers[0].restart.policy: is 'never' (one of no"),
        (("containers", 0, "stop", "timeout"), 10, "error containers[0].stop.timeout: is 10 without a unit"),
        (("containers", 0, "env", "A"), 1, "error containers[0].env.A: is a whole number, and has to be text"),
        (("containers", 0, "env", "S"), "x", "error containers[0].secrets[0].env_var: S is set already"),
        (("containers", 0, "secrets", 0, "name"), "a-b", "error containers[0].secrets[0].name: secret name 'a-b'"),
        (("containers", 0, "files", 0, "raw_value"), "hello", "error containers[0].files[0].raw_value: is no base64"),
        (("containers", 0, "files", 0, "mode"), 0o10000, "error containers[0].files[0].mode: is 4096"),
        (("containers", 0, "files", 0, "guest_path"), "/tmp", "error containers[0].files[0].guest_path: a volume is"),
        (("containers", 0, "files", 3, "local_path"), "gone", "error containers[0].files[3].local_path: there is no fil"),
        (("containers", 0, "depends_on", 0, "name"), "app", "error containers[0].depends_on[0].name: is the container it"),
        (("containers", 0, "depends_on", 0, "name"), "dbs", "error containers[0].depends_on[0].name: there is no contain"),
        (("containers", 0, "depends_on", 0, "name"), "init", "warning containers[0].depends_on[0].condition: waits for 'in"),
        (("containers", 0, "depends_on", 0, "condition"), "complete", "error containers[0].depends_on[0].condition: is 'c"),
        (
            ("containers", 1, "depends_on"),
            [{"name": "init", "condition": "started"}],
            "error containers[1].depends_on: waits in a circle: db → init → db",
        ),
        (("containers", 0, "healthchecks", 1, "name"), "ready", "error containers[0].healthchecks[1].name: there is anoth"),
        (("containers", 0, "healthchecks", 1, "exec"), {"command": ["a"]}, "error containers[0].healthchecks[1]: is tcp an"),
        (("containers", 0, "healthchecks", 1), {}, "error containers[0].healthchecks[1]: says nothing of what to do"),
        (("containers", 0, "healthchecks", 1, "interval"), "5s", "error containers[0].healthchecks[1].interval: is text"),
        (("containers", 0, "healthchecks", 1, "tcp", "port"), 0, "error containers[0].healthchecks[1].tcp.port: is 0"),
        (("containers", 0, "healthchecks", 2, "exec", "command"), [], "error containers[0].healthchecks[2].exec.command: "),
        (("containers", 0, "mounts", 0, "name"), "data", "error containers[0].mounts[0].name: there is no volume 'data'"),
        (("volumes", 0, "image"), "x", "error volumes[0]: is either a temp_dir or an image"),
        (("volumes", 0, "temp_dir", "storage_type"), "ram", "error volumes[0].temp_dir.storage_type: is 'ram'"),
        (("guest", "memory_mb"), 100, "error guest.memory_mb: 2 shared CPUs have 512 to 4096 MB"),
        (("env",), {"A": "b"}, "error env: is read by nothing here (fly.toml decides: [env])"),
        (("init", "cmd"), ["a"], "error init.cmd: is read by nothing here (fly.toml decides: [experimental] cmd)"),
        (("containers",), {}, "error containers: is a table, and has to be a list of tables"),
    ],
)  # fmt: skip
def test_a_machine_configuration_is_checked_too(path: DocumentPath, value: Any, line: str) -> None:
    machine = replaced(MACHINE, path, value)
    beside = check(FULL, machine, BESIDE)
    inline = check({**FULL, "machine_config": json.dumps(machine)}, beside=BESIDE)
    assert any(each.startswith(line) for each in lines(beside)), lines(beside)
    assert [each.path for each in inline] == [
        ("machine_config", *each.path) if each.document == "machine.json" else each.path for each in beside
    ]


def test_the_image_is_for_the_container_that_is_named_else_for_app_else_for_the_first() -> None:
    def without_image(containers: str, chosen: str = "") -> list[str]:
        machine = {"containers": [{"name": name} for name in containers.split()]}
        found = check({"machine_config": "machine.json", **({"container": chosen} if chosen else {})}, machine)
        return [each.where for each in found]

    assert without_image("a b") == ["containers[1].image"]
    assert without_image("a app") == ["containers[0].image"]
    assert without_image("a app", "a") == ["containers[1].image"]
    assert without_image("a app", "b") == ["container", "containers[1].image"]


def test_a_machine_configuration_that_nothing_names_is_told() -> None:
    (finding,) = check({}, {"containers": []})
    assert (finding.document, finding.where, "named by nothing" in finding.message) == ("machine.json", "", True)


def test_what_process_groups_have_each_of_their_own_is_fine() -> None:
    groups = [{"processes": ["web"]}, {"processes": ["work"]}]
    mounts = [{**MOUNT, **each} for each in groups]
    services = [{**TCP, **each} for each in groups]
    restart = [{"policy": "always", **each} for each in groups]
    vm = [{}, {"processes": ["work"], "cpus": 1}]
    document = {"processes": GROUPS, "mounts": mounts, "services": services, "restart": restart, "vm": vm}
    assert check(document) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("1m30s", 90), ("2000ms", 2), (".05h", 180), ("+3s", 3), ("2000000µs", 2), ("2000000μs", 2)],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert check({"kill_timeout": text}) == ()
    (finding,) = check({"checks": {"a": {"type": "tcp", "port": 1, "interval": f"-{text.lstrip('+')}"}}})
    assert finding.message == f"is {-seconds:g} seconds"


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5d", "1s2", "1_0s", "٣s", "1e3s", "5s\n"])
def test_other_durations_are_none(text: str) -> None:
    assert [each.where for each in check({"kill_timeout": text})] == ["kill_timeout"]


@pytest.mark.parametrize("text", ["10", "10g", "10GB", "10GiB", "10 gb", "10.5g", "0.01tb", "+10"])
def test_sizes_are_those_of_go(text: str) -> None:
    assert check({"mounts": {**MOUNT, "initial_size": text}}) == ()


@pytest.mark.parametrize("text", ["", "g", "10 g b", "10e", "10bg", "-10", "1e1", "٣", "10gib b", "10\n"])
def test_other_sizes_are_none(text: str) -> None:
    assert [each.where for each in check({"mounts": {**MOUNT, "initial_size": text}})] == ["mounts.initial_size"]


odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, "9" * 5000, "9" * 400 + "gb", "9" * 400 + "h"])
    | st.floats()
    | st.text(max_size=5)
    | st.dates()
    | st.just("8080"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "port", "app", 3]), inner),
    max_leaves=6,
)


@given(st.sampled_from(list(paths(FULL))), odd)
def test_whatever_stands_in_fly_toml_is_told_and_never_a_fault(path: DocumentPath, value: Any) -> None:
    document = replaced(FULL, path, value)
    documents = {"fly.toml": document, "machine.json": MACHINE}
    for finding in check(document, MACHINE, BESIDE):
        assert finding.message
        parent: Any = documents[finding.document]
        for key in finding.path[:-1]:
            parent = parent[key]


@given(st.sampled_from(list(paths(MACHINE))), odd)
def test_whatever_stands_in_machine_json_is_told_and_never_a_fault(path: DocumentPath, value: Any) -> None:
    assert all(each.message for each in check(FULL, replaced(MACHINE, path, value), BESIDE))


@given(odd)
def test_a_document_that_is_none_is_told(document: Any) -> None:
    assert check(document) or document == {} or isinstance(document, dict)


@pytest.mark.parametrize("document", [FULL, MACHINE])
def test_every_misspelt_key_is_told_where_it_stands(document: dict[str, Any]) -> None:
    free = {"args", "settings", "env", "processes", "headers", "export", "checks", "metadata"}
    for path in paths(document):
        if isinstance(path[-1], str) and not (len(path) > 1 and path[-2] in free):
            spoiled = misspelt(document, path)
            found = check(spoiled, MACHINE) if document is FULL else check(FULL, spoiled)
            assert any(each.path == (*path[:-1], f"{path[-1]}x") for each in found), path


def test_a_key_that_can_be_left_out_can_be_left_out() -> None:
    needed = {each.path for path in paths(FULL) for each in check(removed(FULL, path), MACHINE, BESIDE)}
    assert ("app",) not in needed
    assert ("http_service", "internal_port") in needed

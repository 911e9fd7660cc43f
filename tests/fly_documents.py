"""A fly.toml and a machine.json with every key there is, both fine, and the ways to spoil them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

CHECK = {
    "method": "get",
    "path": "/health",
    "protocol": "https",
    "tls_skip_verify": True,
    "tls_server_name": "inner",
    "headers": {"X-Forwarded-Proto": "https"},
    "interval": "15s",
    "timeout": "5s",
    "grace_period": "0s",
}
TLS_OPTIONS = {"alpn": ["h2"], "versions": ["TLSv1.2", "TLSv1.3"], "default_self_signed": False}
HTTP_OPTIONS = {
    "compress": True,
    "response": {"headers": {"X-A": False, "X-B": "b", "X-C": ["c", "d"]}, "pristine": True},
    "h2_backend": True,
    "idle_timeout": 600,
    "headers_read_timeout": 10,
    "replay_cache": [
        {"path_prefix": "/", "ttl_seconds": 300, "type": "cookie", "name": "session", "allow_bypass": False}
    ],
}
MACHINE_CHECK = {
    "command": ["curl http://[$FLY_TEST_MACHINE_IP]"],
    "image": "curlimages/curl",
    "entrypoint": ["/bin/sh", "-c"],
    "kill_signal": "SIGKILL",
    "kill_timeout": "5s",
}
SERVED = {
    "auto_stop_machines": "suspend",
    "auto_start_machines": True,
    "min_machines_running": 1,
    "concurrency": {"type": "requests", "soft_limit": 200, "hard_limit": 250},
    "machine_checks": [MACHINE_CHECK],
    "processes": ["app"],
}
VM = {
    "size": "shared-cpu-2x",
    "memory": "1gb",
    "cpu_kind": "shared",
    "cpus": 2,
    "memory_mb": 1024,
    "max_memory_mb": 2048,
    "host_dedication_id": "id",
    "persist_rootfs": "never",
    "kernel_args": ["quiet"],
}
LARGE = {"size": "performance-2x", "gpus": 0, "processes": ["worker"]}

FULL: dict[str, Any] = {
    "app": "web",
    "primary_region": "ams",
    "kill_signal": "SIGTERM",
    "kill_timeout": 120,
    "swap_size_mb": 512,
    "console_command": "/bin/sh -c 'echo #'",
    "host_dedication_id": "id",
    "machine_config": "machine.json",
    "container": "app",
    "experimental": {
        "cmd": ["a"],
        "entrypoint": "b",
        "exec": ["c"],
        "auto_rollback": True,
        "enable_consul": False,
        "enable_etcd": False,
        "lazy_load_images": True,
        "attached": {"secrets": {"export": {"A": "B"}}},
    },
    "build": {
        "args": {"A": "b"},
        "settings": {"a": 1},
        "dockerfile": "Dockerfile",
        "ignorefile": ".dockerignore",
        "build-target": "final",
        "compression": "zstd",
        "compression_level": 9,
    },
    "deploy": {
        "strategy": "rolling",
        "max_unavailable": 0.33,
        "wait_timeout": "10m",
        "release_command": 'bin/migrate --message "now # not later"',
        "release_command_timeout": "5m",
        "release_command_vm": {"size": "performance-1x", "memory": "4096"},
        "seed_command": "bin/seed",
    },
    "env": {"LOG_LEVEL": "debug", "COUNT": 3, "ON": True},
    "processes": {"app": "bin/web", "worker": "bin/worker 'a b'"},
    "mounts": [
        {
            "source": "data",
            "destination": "/data",
            "initial_size": 10,
            "snapshot_retention": 14,
            "scheduled_snapshots": True,
            "auto_extend_size_threshold": 80,
            "auto_extend_size_increment": "1GB",
            "auto_extend_size_limit": "50",
            "processes": ["app"],
        },
        {"source": "work", "destination": "/work", "initial_size": "20 gb", "processes": ["worker"]},
    ],
    "files": [
        {"guest_path": "/etc/a", "local_path": "files/a"},
        {"guest_path": "/etc/b", "secret_name": "B"},
        {"guest_path": "/etc/c", "raw_value": "text"},
    ],
    "http_service": {
        **SERVED,
        "internal_port": 8080,
        "force_https": True,
        "tls_options": TLS_OPTIONS,
        "http_options": HTTP_OPTIONS,
        "checks": [CHECK],
    },
    "services": [
        {
            **SERVED,
            "auto_stop_machines": True,
            "protocol": "tcp",
            "internal_port": "9000",
            "ports": [
                {
                    "port": "8443",
                    "handlers": ["tls", "http"],
                    "force_https": True,
                    "tls_options": TLS_OPTIONS,
                    "http_options": HTTP_OPTIONS,
                },
                {"start_port": 9000, "end_port": 9010, "handlers": ["proxy_proto"], "proxy_proto_options": {"version": "v2"}},
            ],
            "tcp_checks": [{"interval": 15000, "timeout": "2s", "grace_period": "1s"}],
            "http_checks": [{**CHECK, "headers": {"A": 1}}],
        },
        {"protocol": "udp", "internal_port": 53, "ports": [{"port": 53}], "processes": ["worker"]},
        {"protocol": "udp", "internal_port": 8080, "ports": [{"port": 443}], "processes": ["app", "worker"]},
    ],
    "checks": {
        "live": {**CHECK, "type": "http", "port": 8080, "interval": "1h1m0.5s", "processes": ["app"]},
        "from-the-service": {"type": "tcp", "timeout": 1500},
    },
    "machine_checks": [MACHINE_CHECK],
    "restart": [{"policy": "on-failure", "retries": 3, "processes": ["app", "worker"]}],
    "vm": [VM, LARGE],
    "statics": [
        {"guest_path": "/public", "url_prefix": "/a", "tigris_bucket": "bucket", "index_document": "index.html"},
        {"guest_path": "/public", "url_prefix": "/b"},
    ],
    "metrics": [{"port": 9091, "path": "/metrics", "https": True, "processes": ["worker"]}],
}  # fmt: skip

# Keys that exclude another one above, each in a document of its own.
OTHERS: tuple[dict[str, Any], ...] = (
    {"build": {"image": "nginx:1.27"}},
    {"build": {"builder": "paketobuildpacks/builder-jammy-base", "buildpacks": ["docker.io/paketocommunity/rust"]}},
    {"build": {"builtin": "node"}},
    {"build": {"build_target": "final"}},
    {"build": {"compose": {"file": "compose.yaml"}}},
    {"build": {"compose": {}}, "mount": {"source": "a", "destination": "/a"}, "metric": {"port": 1}, "compute": {"cpus": 1}},
    {"experimental": {"machine_config": '{"containers": [{"name": "one"}]}'}},
    {"services": {"protocol": "tcp", "internal_port": 1, "ports": {"port": 1}, "tcp_checks": {"interval": "5s"}}},
)  # fmt: skip

MACHINE: dict[str, Any] = {
    "containers": [
        {
            "name": "app",
            "image": "",
            "exec": ["a"],
            "entrypoint": ["b"],
            "cmd": [],
            "user": "nobody",
            "env": {"A": "b"},
            "secrets": [{"env_var": "S", "name": "SECRET"}, {"env_var": "T"}],
            "env_from": [{"env_var": "ID", "field_ref": "id"}],
            "files": [
                {"guest_path": "/etc/a", "raw_value": "aGVsbG8=", "mode": 0o600},
                {"guest_path": "/etc/b", "secret_name": "B"},
                {"guest_path": "/etc/c", "image_config": "nginx"},
                {"guest_path": "/etc/d", "local_path": "files/a"},
            ],
            "restart": {"policy": "always", "max_retries": 3},
            "stop": {"signal": "SIGTERM", "timeout": "10s"},
            "depends_on": [
                {"name": "db", "condition": "healthy"},
                {"name": "init", "condition": "exited_successfully"},
            ],
            "healthchecks": [
                {
                    "name": "ready",
                    "interval": 10,
                    "grace_period": 5,
                    "timeout": 5,
                    "success_threshold": 1,
                    "failure_threshold": 3,
                    "kind": "readiness",
                    "unhealthy": "stop",
                    "http": {
                        "port": 8080,
                        "method": "GET",
                        "path": "/",
                        "headers": [{"name": "Host", "values": ["a"]}],
                        "scheme": "https",
                        "tls_skip_verify": True,
                        "tls_server_name": "inner",
                    },
                },
                {"tcp": {"port": 1}},
                {"exec": {"command": ["true"]}},
            ],
            "mounts": [{"name": "scratch", "path": "/tmp"}],
        },
        {"name": "db", "image": "postgres:17", "depends_on": None, "healthchecks": [{"name": "x", "tcp": {"port": 5432}}]},
        {"name": "init", "image": "busybox", "depends_on": [{"name": "db", "condition": "started"}], "env": None},
    ],
    "volumes": [
        {"name": "scratch", "temp_dir": {"storage_type": "disk", "size_mb": 100}},
        {"name": "model", "image": "example.com/model:1"},
    ],
    "guest": {**{key: VM[key] for key in VM if key not in ("size", "memory")}, "gpus": 0},
    "metadata": {"a": "b"},
    "schedule": "daily",
    "auto_destroy": False,
    "standbys": ["0123"],
    "dns": {
        "skip_registration": True,
        "nameservers": ["::1"],
        "searches": ["internal"],
        "options": [{"name": "ndots", "value": "2"}],
        "dns_forward_rules": [{"basename": "a", "addr": "b"}],
        "hostname": "a",
        "hostname_fqdn": "a.internal",
    },
    "rootfs": {"persist": "always", "size_gb": 10},
    "cache_drive": {"size_mb": 10},
    "spot": {"max_price_fraction": 0.5},
    "init": {"tty": False, "kernel_args": ["quiet"]},
    "processes": [{"cmd": ["a"], "user": "root", "env": {}, "secrets": [], "ignore_app_secrets": True}],
    "size": "shared-cpu-1x",
    "disable_machine_autostart": True,
}  # fmt: skip

Path = tuple[Any, ...]


def paths(tree: Any, at: Path = ()) -> Iterator[Path]:
    """Where the values of a document stand, but for the document itself."""
    pairs = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from paths(value, (*at, key))


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """The document with another value at a path."""
    tree = copy.deepcopy(tree)
    parent(tree, path)[path[-1]] = value
    return tree


def removed(tree: Any, path: Path) -> Any:
    """The document without the value at a path."""
    tree = copy.deepcopy(tree)
    del parent(tree, path)[path[-1]]
    return tree


def misspelt(tree: Any, path: Path) -> Any:
    """The document with another key for the value at a path."""
    tree = copy.deepcopy(tree)
    table = parent(tree, path)
    table[f"{path[-1]}x"] = table.pop(path[-1])
    return tree


def parent(tree: Any, path: Path) -> Any:
    """The table or list a path ends in."""
    for key in path[:-1]:
        tree = tree[key]
    return tree

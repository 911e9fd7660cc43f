"""Every key of fly.toml, with the values it may have.

The source is flyctl's `internal/appconfig` (Config and what it holds) with fly-go's machine_types.go, at
v0.4.87; limits that flyctl leaves to Fly are those of fly.io/docs/reference/configuration.
"""

from __future__ import annotations

from scorefly.fly.check.leaf import Flag, Leaf, Number, OneOf, Size, Span, Text, Whole
from scorefly.fly.check.shape import Keys, Named, Table, Tables, Texts
from scorefly.fly.check.texts import (
    empty_problem,
    header_problem,
    machine_config_problem,
    mount_problem,
    path_problem,
    region_problem,
    url_path_problem,
    value_problem,
    variable_problem,
    words_problem,
)
from scorefly.fly.names import app_name_problem, secret_name_problem, volume_name_problem
from scorefly.fly.sizes import GPUS, KINDS

GB = 10**9
MIB = 2**20

ANYTHING = Leaf()
FLAG = Flag()
TEXT = Text()
NAME = Text(empty_problem, "give a name")
PATH = Text(path_problem, "begin it with `/`")
URL_PATH = Text(url_path_problem, "begin it with `/`")
COMMAND = Text(words_problem, "close it")
PORT = Whole(1, 65535)
COUNT = Whole(0)
WORDS = Texts(TEXT)
PROCESSES = Texts(TEXT)
VOLUME_SIZE = Size("GB", GB, 1000, usual=500)

SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP", "SIGHUP")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
HANDLERS = ("http", "tls", "pg_tls", "proxy_proto", "edge_http")
STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")
PERSISTENCE = ("never", "restart", "always")

COMPUTE: Keys = {
    "size": TEXT,
    "memory": Size("MB", MIB, 1024),
    "cpu_kind": OneOf(tuple(kind.name for kind in KINDS)),
    "cpus": COUNT,
    "memory_mb": COUNT,
    "max_memory_mb": COUNT,
    "gpus": COUNT,
    "gpu_kind": OneOf(tuple(GPUS.values())),
    "host_dedication_id": TEXT,
    "persist_rootfs": OneOf(PERSISTENCE),
    "kernel_args": WORDS,
    "processes": PROCESSES,
}

# flyctl hands on what follows as it is; it reads headers and times of other checks more loosely.
HTTP_CHECK: Keys = {
    "method": OneOf(METHODS, any_case=True),
    "path": URL_PATH,
    "protocol": OneOf(("http", "https")),
    "tls_skip_verify": FLAG,
    "tls_server_name": TEXT,
    "headers": Named(TEXT, header_problem),
}
LOOSE_HEADERS: Keys = {"headers": Named(Text(loose=True), header_problem)}


def _service_times(bare: str) -> Keys:
    """Fly raises what is below one second, and lowers what is above a minute."""
    return {
        "interval": Span(1, 60, bare, severity="warning"),
        "timeout": Span(1, 60, bare, severity="warning"),
        "grace_period": Span(1, 60, bare, zero=True, severity="warning"),
    }


NO_RESTART = {"restart_limit": "Fly restarts no Machine for a failed check"}

MACHINE_CHECK = Table(
    {
        "command": WORDS,
        "image": TEXT,
        "entrypoint": WORDS,
        "kill_signal": OneOf(SIGNALS),
        "kill_timeout": Span(0, 300),
    }
)

CONCURRENCY = Table({"type": OneOf(("connections", "requests")), "hard_limit": COUNT, "soft_limit": COUNT})

TLS_OPTIONS = Table({"alpn": WORDS, "versions": Texts(OneOf(("TLSv1.2", "TLSv1.3"))), "default_self_signed": FLAG})

HTTP_OPTIONS = Table(
    {
        "compress": FLAG,
        "response": Table({"headers": Named(ANYTHING, header_problem), "pristine": FLAG}),
        "h2_backend": FLAG,
        "idle_timeout": Whole(0, 2**32 - 1),
        "headers_read_timeout": Whole(0, 2**32 - 1),
        "replay_cache": Tables(
            Table(
                {
                    "path_prefix": NAME,
                    "ttl_seconds": Whole(10),
                    "type": OneOf(("cookie", "header")),
                    "name": NAME,
                    "allow_bypass": FLAG,
                },
                required={
                    "path_prefix": "say which paths it is for",
                    "ttl_seconds": "say how long to remember, 10 seconds or more",
                    "type": 'say "cookie" or "header"',
                    "name": "name the cookie or the header",
                },
            )
        ),
    }
)

SERVED: Keys = {
    "auto_stop_machines": OneOf(("off", "stop", "suspend"), flags={False: "off", True: "stop"}),
    "auto_start_machines": FLAG,
    "min_machines_running": COUNT,
    "concurrency": CONCURRENCY,
    "machine_checks": Tables(MACHINE_CHECK),
    "processes": PROCESSES,
}

HTTP_SERVICE = Table(
    {
        **SERVED,
        "internal_port": PORT,
        "force_https": FLAG,
        "tls_options": TLS_OPTIONS,
        "http_options": HTTP_OPTIONS,
        "checks": Tables(
            Table(
                {**_service_times(bare=""), **HTTP_CHECK},
                elsewhere={
                    "processes": "it is for the processes of its service",
                    "port": "it asks internal_port; a check of another port stands under [checks]",
                    "type": "it is always an HTTP check",
                },
            )
        ),
    },
    required={"internal_port": "give the port the app listens on"},
    elsewhere={
        "http_checks": "here they are called `checks`",
        "tcp_checks": "write a check of type tcp under [checks]",
        "ports": "it is served at 80 and 443; other ports stand under [[services]]",
        "protocol": "it is always HTTP; other services stand under [[services]]",
    },
)

SERVICE = Table(
    {
        **SERVED,
        "protocol": OneOf(("tcp", "udp")),
        "internal_port": Whole(1, 65535, text=True),
        "ports": Tables(
            Table(
                {
                    "port": Whole(1, 65535, text=True),
                    "start_port": PORT,
                    "end_port": PORT,
                    "handlers": Texts(OneOf(HANDLERS)),
                    "force_https": FLAG,
                    "tls_options": TLS_OPTIONS,
                    "http_options": HTTP_OPTIONS,
                    "proxy_proto_options": Table({"version": OneOf(("v1", "v2"))}),
                }
            ),
            alone=True,
        ),
        "tcp_checks": Tables(Table(_service_times(bare="ms"), elsewhere=NO_RESTART), alone=True),
        "http_checks": Tables(
            Table({**_service_times(bare="ms"), **HTTP_CHECK, **LOOSE_HEADERS}, elsewhere=NO_RESTART), alone=True
        ),
    },
    required={"internal_port": "give the port the app listens on"},
    elsewhere={
        "checks": "here they are called `http_checks` and `tcp_checks`",
        "script_checks": "Fly has no such checks any more",
        "http_options": "it stands under [[services.ports]]",
        "tls_options": "it stands under [[services.ports]]",
        "force_https": "it stands under [[services.ports]]",
        "handlers": "it stands under [[services.ports]]",
    },
)

CHECK = Table(
    {
        **HTTP_CHECK,
        **LOOSE_HEADERS,
        "type": OneOf(("http", "tcp")),
        "port": PORT,
        "interval": Span(2, None, "ms"),
        "timeout": Span(0.001, 60, "ms"),
        "grace_period": Span(0, None, "ms"),
        "processes": PROCESSES,
    },
    required={"type": 'say "http" or "tcp"'},
    elsewhere=NO_RESTART,
)

MOUNT = Table(
    {
        "source": Text(volume_name_problem, "rename it"),
        "destination": Text(mount_problem, "give an absolute path below `/`"),
        "initial_size": VOLUME_SIZE,
        "snapshot_retention": Whole(1, 60),
        "scheduled_snapshots": FLAG,
        "auto_extend_size_threshold": COUNT,
        "auto_extend_size_increment": Size("GB", GB, 1000, most=100, numbers=False),
        "auto_extend_size_limit": Size("GB", GB, 1000, most=500, numbers=False),
        "processes": PROCESSES,
    },
    required={"source": "name the volume", "destination": "say where to mount it"},
)

FILE = Table(
    {
        "guest_path": PATH,
        "local_path": NAME,
        "secret_name": Text(secret_name_problem, "rename it"),
        "raw_value": TEXT,
        "processes": PROCESSES,
    },
    required={"guest_path": "say where the file is to be"},
    elsewhere={"mode": "only files of a container in machine.json have a mode"},
)

FLY_TOML = Table(
    {
        "app": Text(app_name_problem, "rename it"),
        "primary_region": Text(region_problem, 'regions are three letters, like "ams"'),
        "kill_signal": OneOf(SIGNALS),
        "kill_timeout": Span(0, 300, bare="s"),
        "swap_size_mb": COUNT,
        "console_command": COMMAND,
        "host_dedication_id": TEXT,
        "machine_config": Text(machine_config_problem, "name a .json file beside fly.toml"),
        "container": NAME,
        "experimental": Table(
            {
                "cmd": Texts(TEXT, alone=True),
                "entrypoint": Texts(TEXT, alone=True),
                "exec": Texts(TEXT, alone=True),
                "auto_rollback": FLAG,
                "enable_consul": FLAG,
                "enable_etcd": FLAG,
                "lazy_load_images": FLAG,
                "attached": Table({"secrets": Table({"export": Named(TEXT)})}),
                "machine_config": Text(machine_config_problem, "name a .json file beside fly.toml"),
            },
            elsewhere={
                "container": "it is a key of the top level",
                "kill_timeout": "it is a key of the top level",
                "metrics_port": "write it as port under [[metrics]]",
                "metrics_path": "write it as path under [[metrics]]",
            },
        ),
        "build": Table(
            {
                "builder": TEXT,
                "args": Named(TEXT),
                "buildpacks": WORDS,
                "image": NAME,
                "settings": Named(ANYTHING),
                "builtin": TEXT,
                "dockerfile": TEXT,
                "ignorefile": TEXT,
                "build-target": TEXT,
                "compose": Table({"file": TEXT}),
                "compression": OneOf(("", "gzip", "zstd")),
                "compression_level": Whole(0, 9),
            },
            aliases={"build_target": "build-target"},
            elsewhere={"context": "flyctl takes its working folder for the build context"},
        ),
        "deploy": Table(
            {
                "strategy": OneOf(("", *STRATEGIES)),
                "max_unavailable": Number(),
                "wait_timeout": Span(0),
                "release_command": COMMAND,
                "release_command_timeout": Span(0),
                "release_command_vm": Table({**COMPUTE, "memory": Size("MB", MIB, 1024, numbers=False)}),
                "seed_command": COMMAND,
            },
            elsewhere={"processes": "a release command runs once, for all of them"},
        ),
        "env": Named(Text(value_problem, "take it out", loose=True), variable_problem),
        "processes": Named(COMMAND),
        "mounts": Tables(MOUNT, alone=True),
        "files": Tables(FILE),
        "http_service": HTTP_SERVICE,
        "services": Tables(SERVICE, alone=True),
        "checks": Named(CHECK),
        "machine_checks": Tables(MACHINE_CHECK),
        "restart": Tables(
            Table(
                {"policy": OneOf(("always", "never", "on-failure")), "retries": COUNT, "processes": PROCESSES},
                required={"policy": 'say "always", "never" or "on-failure"'},
                elsewhere={"max_retries": "here it is called `retries`"},
            )
        ),
        "vm": Tables(Table(COMPUTE), alone=True),
        "statics": Tables(
            Table(
                {"guest_path": PATH, "url_prefix": URL_PATH, "tigris_bucket": TEXT, "index_document": TEXT},
                required={"guest_path": "say which folder to serve", "url_prefix": "say at which path to serve it"},
            )
        ),
        "metrics": Tables(
            Table(
                {"port": PORT, "path": URL_PATH, "https": FLAG, "processes": PROCESSES},
                required={"port": "give the port the metrics are served at"},
            ),
            alone=True,
        ),
    },
    aliases={"mount": "mounts", "compute": "vm", "computes": "vm", "metric": "metrics"},
)

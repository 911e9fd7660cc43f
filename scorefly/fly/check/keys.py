"""Every key of fly.toml, with the values it may have.

The source is flyctl's `internal/appconfig` (Config and what it holds) with fly-go's machine_types.go, at
v0.4.87; limits that flyctl leaves to Fly are those of fly.io/docs/reference/configuration.
"""

from __future__ import annotations

from scorefly.fly.check.leaf import Number, OneOf, Size, Span, Text, Whole
from scorefly.fly.check.service_keys import (
    CHECK,
    HTTP_SERVICE,
    MACHINE_CHECK,
    SERVICE,
)
from scorefly.fly.check.shape import Keys, Named, Table, Tables, Texts
from scorefly.fly.check.texts import (
    machine_config_problem,
    mount_problem,
    region_problem,
    value_problem,
    variable_problem,
)
from scorefly.fly.check.values import (
    ANYTHING,
    COMMAND,
    COUNT,
    FLAG,
    GB,
    MIB,
    NAME,
    PATH,
    PERSISTENCE,
    PORT,
    PROCESSES,
    SIGNALS,
    STRATEGIES,
    TEXT,
    URL_PATH,
    VOLUME_SIZE,
    WORDS,
)
from scorefly.fly.names import app_name_problem, secret_name_problem, volume_name_problem
from scorefly.fly.sizes import GPUS, KINDS

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

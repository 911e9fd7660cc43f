"""Every key of a Machine's configuration that fly.toml can include (`machine_config`), with the values it may have.

The source is fly-go's machine_types.go; what flyctl overwrites from fly.toml afterwards is in
`updateMachineConfig` of its `internal/appconfig/machines.go`.
"""

from __future__ import annotations

from scorefly.fly.check.keys import COMPUTE
from scorefly.fly.check.leaf import Number, OneOf, Span, Text, Whole
from scorefly.fly.check.shape import Keys, Named, Table, Tables, Texts
from scorefly.fly.check.texts import base64_problem, header_problem, value_problem, variable_problem
from scorefly.fly.check.values import (
    COUNT,
    FLAG,
    METHODS,
    NAME,
    PATH,
    PERSISTENCE,
    PORT,
    SIGNALS,
    TEXT,
    URL_PATH,
    WORDS,
)
from scorefly.fly.names import secret_name_problem

ENV = Named(Text(value_problem, "take it out"), variable_problem)
HEADER = Text(header_problem, "rename it")
SECRET_NAME = Text(secret_name_problem, "rename it")
SECONDS = Whole(0, 2**31 - 1)
RESTART = Table({"policy": OneOf(("no", "always", "on-failure")), "max_retries": COUNT})
STOP = Table({"signal": OneOf(SIGNALS), "timeout": Span(0, 300)})

CONTAINER_FILE = Table(
    {
        "guest_path": PATH,
        "raw_value": Text(base64_problem, "encode the content with standard base64"),
        "secret_name": SECRET_NAME,
        "image_config": NAME,
        "local_path": NAME,
        "mode": Whole(0, 0o7777),
    },
    required={"guest_path": "say where the file is to be"},
)

RUNS: Keys = {
    "exec": WORDS,
    "entrypoint": WORDS,
    "cmd": WORDS,
    "user": TEXT,
    "env": ENV,
    "secrets": Tables(
        Table({"env_var": SECRET_NAME, "name": SECRET_NAME}, required={"env_var": "name the variable it becomes"})
    ),
    "env_from": Tables(
        Table(
            {
                "env_var": SECRET_NAME,
                "field_ref": OneOf(("id", "version", "app_name", "private_ip", "region", "image")),
            },
            required={"env_var": "name the variable it becomes", "field_ref": "say which field of the Machine"},
        )
    ),
}

HEALTHCHECK = Table(
    {
        "name": TEXT,
        "interval": SECONDS,
        "grace_period": SECONDS,
        "timeout": SECONDS,
        "success_threshold": SECONDS,
        "failure_threshold": SECONDS,
        "kind": OneOf(("readiness", "liveness")),
        "unhealthy": OneOf(("stop",)),
        "http": Table(
            {
                "port": PORT,
                "method": OneOf(METHODS, any_case=True),
                "path": URL_PATH,
                "headers": Tables(Table({"name": HEADER, "values": WORDS}, required={"name": "name the header"})),
                "scheme": OneOf(("http", "https")),
                "tls_skip_verify": FLAG,
                "tls_server_name": TEXT,
            },
            required={"port": "give the port to ask"},
            elsewhere={"protocol": "here it is called `scheme`"},
        ),
        "tcp": Table({"port": PORT}, required={"port": "give the port to connect to"}),
        "exec": Table({"command": Texts(TEXT, least=1)}, required={"command": "give the command to run"}),
    },
    nulls=True,
)

CONTAINER = Table(
    {
        **RUNS,
        "name": NAME,
        "image": TEXT,
        "files": Tables(CONTAINER_FILE),
        "restart": RESTART,
        "stop": STOP,
        "depends_on": Tables(
            Table(
                {"name": NAME, "condition": OneOf(("started", "healthy", "exited_successfully"))},
                required={
                    "name": "name the container",
                    "condition": 'say "started", "healthy" or "exited_successfully"',
                },
            )
        ),
        "healthchecks": Tables(HEALTHCHECK),
        "mounts": Tables(
            Table(
                {"name": NAME, "path": PATH},
                required={"name": "name one of `volumes`", "path": "say where to mount it"},
            )
        ),
    },
    required={"name": "name the container"},
    elsewhere={"ports": "containers share the Machine's ports: services stand in fly.toml"},
    nulls=True,
)

MACHINE_CONFIG = Table(
    {
        "containers": Tables(CONTAINER),
        "volumes": Tables(
            Table(
                {
                    "name": NAME,
                    "temp_dir": Table(
                        {"storage_type": OneOf(("disk", "memory")), "size_mb": Whole(1)},
                        required={"storage_type": 'say "disk" or "memory"'},
                    ),
                    "image": NAME,
                },
                required={"name": "name the volume"},
            )
        ),
        "guest": Table({key: shape for key, shape in COMPUTE.items() if key not in ("size", "memory", "processes")}),
        "metadata": Named(TEXT),
        "schedule": OneOf(("hourly", "daily", "weekly", "monthly")),
        "auto_destroy": FLAG,
        "standbys": WORDS,
        "dns": Table(
            {
                "skip_registration": FLAG,
                "nameservers": WORDS,
                "searches": WORDS,
                "options": Tables(Table({"name": NAME, "value": TEXT})),
                "dns_forward_rules": Tables(Table({"basename": TEXT, "addr": TEXT})),
                "hostname": TEXT,
                "hostname_fqdn": TEXT,
            }
        ),
        "rootfs": Table({"persist": OneOf(PERSISTENCE), "size_gb": COUNT}),
        "cache_drive": Table({"size_mb": COUNT}),
        "spot": Table({"max_price_fraction": Number(most=1)}),
        "init": Table(
            {"tty": FLAG, "kernel_args": WORDS},
            elsewhere={
                "cmd": "fly.toml decides: [experimental] cmd",
                "entrypoint": "fly.toml decides: [experimental] entrypoint",
                "exec": "fly.toml decides: [experimental] exec",
                "swap_size_mb": "fly.toml decides: swap_size_mb",
            },
        ),
        "processes": Tables(Table({**RUNS, "ignore_app_secrets": FLAG})),
        "size": TEXT,
        "disable_machine_autostart": FLAG,
    },
    elsewhere={
        "env": "fly.toml decides: [env]",
        "image": "fly.toml decides: [build] image",
        "files": "fly.toml decides: [[files]]",
        "mounts": "fly.toml decides: [[mounts]]",
        "services": "fly.toml decides: [http_service] and [[services]]",
        "checks": "fly.toml decides: [checks]",
        "metrics": "fly.toml decides: [[metrics]]",
        "statics": "fly.toml decides: [[statics]]",
        "restart": "fly.toml decides: [[restart]]",
        "stop_config": "fly.toml decides: kill_signal and kill_timeout",
    },
    nulls=True,
)

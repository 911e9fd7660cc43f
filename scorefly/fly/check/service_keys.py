"""The keys of services and their health checks in fly.toml.

The source is that of `keys.py`.
"""

from __future__ import annotations

from scorefly.fly.check.leaf import OneOf, Span, Text, Whole
from scorefly.fly.check.shape import Keys, Named, Table, Tables, Texts
from scorefly.fly.check.texts import (
    header_problem,
)
from scorefly.fly.check.values import (
    ANYTHING,
    COUNT,
    FLAG,
    HANDLERS,
    METHODS,
    NAME,
    PORT,
    PROCESSES,
    SIGNALS,
    TEXT,
    URL_PATH,
    WORDS,
)

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

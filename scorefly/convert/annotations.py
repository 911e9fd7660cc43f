"""The table of annotations: what Fly has and Score has no word for, in `metadata.annotations`.

Ours begin with `scorefly/`. Those of score-flyio mean what they mean there, so that its users change no file.
"""

from __future__ import annotations

from msgspec import Struct

from scorefly.fly.check.values import SIGNALS, STRATEGIES

PREFIX = "scorefly/"
SCORE_FLYIO = "score-flyio.astromechza.github.com/"

AUTO_STOP = ("off", "stop", "suspend")


class Annotation(Struct, frozen=True):
    """One annotation: its name behind the prefix, what its text must be, an example, and where fly.toml has it.

    `kind` is text, whole, number, yes/no, seconds, object, words, count, regions, or the choices themselves.
    `<port>` in a name stands for a service port's name. Without a `path` a module of its own knows what to do with it.
    """

    name: str
    kind: str | tuple[str, ...]
    example: str
    help: str
    path: tuple[str, ...] = ()


# A number in a path is the place in a list of tables.
ANNOTATIONS = (
    Annotation("region", "text", "ams", "The primary region of this workload.", ("primary_region",)),
    Annotation(
        "count",
        "count",
        "3",
        "Number of Machines, with `1` exactly one and no standby; by process group `web=3,worker=1`. See scaling.md.",
    ),
    Annotation("regions", "regions", "ams=2,iad=1", "Number of Machines in each region; the first is the primary one."),
    Annotation("size", "text", "performance-2x", "A preset of Fly's, in the place of what `resources` ask for."),
    Annotation("memory", "text", "4gb", "Memory of that preset.", ("vm", "0", "memory")),
    Annotation("swap-size-mb", "whole", "512", "Swap, in MB.", ("swap_size_mb",)),
    Annotation("strategy", STRATEGIES, "bluegreen", "How Machines are replaced.", ("deploy", "strategy")),
    Annotation(
        "max-unavailable",
        "number",
        "0.5",
        "How many Machines a rolling deploy may take at once: a part below 1, else a number.",
        ("deploy", "max_unavailable"),
    ),
    Annotation(
        "release-command",
        "text",
        "bin/migrate up",
        "Run once in a Machine of its own before each deploy; when it fails nothing is replaced.",
        ("deploy", "release_command"),
    ),
    Annotation(
        "release-command-timeout",
        "seconds",
        "10m",
        "How long that may take.",
        ("deploy", "release_command_timeout"),
    ),
    Annotation(
        "restart-policy",
        ("always", "on-failure", "never"),
        "always",
        "What becomes of a Machine whose program ends.",
        ("restart", "0", "policy"),
    ),
    Annotation("restart-retries", "whole", "5", "How often, for on-failure.", ("restart", "0", "retries")),
    Annotation(
        "schedule",
        ("hourly", "daily", "weekly", "monthly"),
        "daily",
        "The Machine is started once in that time, and ends by itself.",
    ),
    Annotation("kill-signal", SIGNALS, "SIGTERM", "How the program is told to end.", ("kill_signal",)),
    Annotation("kill-timeout", "seconds", "30s", "How long it has for that.", ("kill_timeout",)),
    Annotation("console-command", "text", "/bin/bash", "What `fly console` runs.", ("console_command",)),
    Annotation("metrics-port", "whole", "9091", "Where Fly collects Prometheus metrics.", ("metrics", "0", "port")),
    Annotation("metrics-path", "text", "/metrics", "And under which path.", ("metrics", "0", "path")),
    Annotation("statics", "words", "/app/public=/public", "Folders of the image that Fly's proxy serves, as PATH=URL."),
    Annotation("volume-size-gb", "whole", "10", "Size of the volume where its resource says none."),
    Annotation(
        "volume-snapshot-retention",
        "whole",
        "14",
        "Days for which snapshots are kept.",
        ("mounts", "0", "snapshot_retention"),
    ),
    Annotation(
        "volume-auto-extend-threshold",
        "whole",
        "80",
        "Percent full at which the volume grows.",
        ("mounts", "0", "auto_extend_size_threshold"),
    ),
    Annotation(
        "volume-auto-extend-increment",
        "text",
        "1gb",
        "By how much.",
        ("mounts", "0", "auto_extend_size_increment"),
    ),
    Annotation(
        "volume-auto-extend-limit", "text", "20gb", "Up to which size.", ("mounts", "0", "auto_extend_size_limit")
    ),
    Annotation("service-container", "text", "web", "Of several containers, the one behind the service."),
    *(
        Annotation(f"{probe}-{what}", "seconds", example, f"The {probe} probe: {help_}.")
        for probe in ("readiness", "liveness")
        for what, example, help_ in (
            ("interval", "30s", "time between checks, 2 s at least"),
            ("timeout", "2s", "how long one may take, 60 s at most"),
            ("grace-period", "1m", "time after a start in which failures do not count"),
        )
    ),
    Annotation(
        "flycast",
        "yes/no",
        "true",
        "Private ports are reached at APP.flycast, each under its own number; for apps without public ports.",
    ),
    Annotation("auto-stop", AUTO_STOP, "stop", "What becomes of Machines without traffic."),
    Annotation("auto-start", "yes/no", "false", "Whether traffic starts a stopped Machine."),
    Annotation("min-running", "whole", "1", "Machines that auto-stop leaves running in the primary region."),
    Annotation("concurrency", "object", '{"type": "requests", "soft_limit": 200}', "What a Machine takes at a time."),
    Annotation("force-https", "yes/no", "false", "Whether HTTP is redirected to HTTPS."),
    Annotation(
        "service-<port>-public",
        "yes/no",
        "true",
        "Whether the Internet reaches the port, under its own number, as it is; `false` keeps 80 and 443 private.",
    ),
    Annotation(
        "service-<port>-handlers",
        "words",
        "tls,http",
        "The Internet reaches the port, through these handlers: http, tls, proxy_proto, pg_tls, edge_http.",
    ),
    Annotation("service-<port>-external-port", "whole", "5432", "Under another number than its own."),
    Annotation("service-<port>-http-options", "object", '{"h2_backend": true}', "`http_options` of the port."),
    Annotation("service-<port>-tls-options", "object", '{"alpn": ["h2"]}', "`tls_options` of the port."),
    Annotation(
        "service-<port>-proxy-proto-options", "object", '{"version": "v2"}', "`proxy_proto_options` of the port."
    ),
    Annotation("service-<port>-auto-stop", AUTO_STOP, "stop", "`auto-stop` for this port."),
    Annotation("service-<port>-auto-start", "yes/no", "true", "`auto-start` for this port."),
    Annotation("service-<port>-min-running", "whole", "1", "`min-running` for this port."),
    Annotation("service-<port>-concurrency", "object", '{"hard_limit": 25}', "`concurrency` for this port."),
)

BY_NAME = {each.name: each for each in ANNOTATIONS}
OF_A_PORT = {each.name.partition("<port>-")[2]: each for each in ANNOTATIONS if "<port>" in each.name}

"""`metadata.annotations`: what Fly has and Score has no word for.

Ours begin with `scorefly/`. Those of score-flyio mean what they mean there, so that its users change no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.fly.app import MAX_MACHINES
from scorefly.fly.check.keys import SIGNALS
from scorefly.fly.sizes import NO_GPUS
from scorefly.problems import Place, Problem, nearest
from scorefly.score.workload import Workload

PREFIX = "scorefly/"
SCORE_FLYIO = "score-flyio.astromechza.github.com/"

STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")
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

_BY_NAME = {each.name: each for each in ANNOTATIONS}
_OF_A_PORT = {each.name.partition("<port>-")[2]: each for each in ANNOTATIONS if "<port>" in each.name}
_THEIRS = ("handlers", "http-options", "auto-stop", "min-running", "concurrency")
_GONE = ("gpu-kind", "gpus")
_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)


class Annotations(Struct, frozen=True):
    """The annotations of one workload, read: by name, and by port and name."""

    values: Mapping[str, Any] = field(default_factory=dict)
    of_ports: Mapping[tuple[str, str], Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an annotation of the workload."""
        return self.values.get(name, default)

    def of(self, port: str, name: str) -> Any:
        """The value for a port, else the workload's own, else None."""
        return self.of_ports.get((port, name), self.values.get(name))


def read_annotations(workload: Workload, problems: list[Problem]) -> Annotations:
    """Return what a workload's annotations say to us; those with other prefixes are ignored."""
    values: dict[str, Any] = {}
    of_ports: dict[tuple[str, str], Any] = {}
    for key, text in workload.annotations.items():
        prefix = next((each for each in (PREFIX, SCORE_FLYIO) if key.startswith(each)), None)
        if prefix is None:
            continue
        place = workload.place("metadata", "annotations", key)
        name = key.removeprefix(prefix)
        port, of_port = _of_port(name, workload)
        if prefix == PREFIX and name in _GONE:
            problems.append(Problem(f"{key}: {NO_GPUS}", "take the annotation out", place))
            continue
        found = of_port or (_BY_NAME.get(name) if prefix == PREFIX else None)
        if found is None or (prefix == SCORE_FLYIO and found.name.partition("<port>-")[2] not in _THEIRS):
            problems.append(_unknown(key, name, workload, place))
            continue
        try:
            value = _value(found, text)
        except ValueError as error:
            problems.append(Problem(f"{key} is {text!r}: {error}", f"for example {found.example!r}", place))
            continue
        if of_port:
            # Ours come first where a port has both.
            mine = (port, found.name.partition("<port>-")[2])
            if prefix == PREFIX or mine not in of_ports:
                of_ports[mine] = value
        else:
            values[name] = value
    return Annotations(values, of_ports)


def annotation_of(workload: Workload, path: tuple[str | int, ...]) -> str | None:
    """The annotation that a value at a path in fly.toml came from, by its whole key; None where there is none."""
    for key in workload.annotations:
        found = _BY_NAME.get(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
        if found and found.path and path[: len(found.path)] == tuple(map(_step, found.path)):
            return key
    return None


def _step(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def apply(annotations: Annotations, config: dict[str, Any]) -> None:
    """Puts those into fly.toml whose place there is all there is to them."""
    for each in ANNOTATIONS:
        if each.path and each.name in annotations.values and (each.path[0] != "mounts" or config.get("mounts")):
            _put(config, each.path, annotations.values[each.name])


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    first, *rest = path
    if not rest:
        config[first] = value
        return
    if rest[0] == "0":
        tables = config.setdefault(first, [{}])
        _put(tables[0], tuple(rest[1:]), value)
        return
    _put(config.setdefault(first, {}), tuple(rest), value)


def _of_port(name: str, workload: Workload) -> tuple[str, Annotation | None]:
    """`service-<port>-<what>`; the longest port name that fits counts, for names may hold dashes."""
    for port in sorted(workload.ports, key=len, reverse=True):
        head = f"service-{port}-"
        if name.startswith(head) and (found := _OF_A_PORT.get(name.removeprefix(head))):
            return port, found
    return "", None


def _unknown(key: str, name: str, workload: Workload, place: Place) -> Problem:
    """Describe an annotation that there is not: one of a port that is not there, or an unknown one."""
    for what in _OF_A_PORT:
        port = name.removeprefix("service-").removesuffix(f"-{what}")
        if name == f"service-{port}-{what}" and port not in workload.ports:
            message = f"{key}: no service port is called {port!r}"
            hint = _hint(name, workload)
            ports = f"ports: {', '.join(workload.ports) or 'none'}"
            hint = f"{ports}; {hint}" if hint.startswith("did you mean") else ports
            return Problem(message, hint, place)
    return Problem(f"there is no annotation {key!r}", _hint(name, workload), place)


def _hint(name: str, workload: Workload) -> str:
    known = [each for each in _BY_NAME if "<port>" not in each]
    known += [f"service-{port}-{what}" for port in workload.ports for what in _OF_A_PORT]
    hint = nearest(f"{PREFIX}{name}", [f"{PREFIX}{each}" for each in known], "")
    return hint if hint.startswith("did you mean") else "docs/annotations.md lists them"


def _numbers(text: str, otherwise: str) -> dict[str, int]:
    """Parse `NAME=NUMBER,NAME=NUMBER`. Raises ValueError."""
    numbers: dict[str, int] = {}
    for word in filter(None, re.split(r"[\s,]+", text)):
        name, separator, number = word.partition("=")
        if not name or not separator:
            raise ValueError(otherwise)
        if name in numbers:
            raise ValueError(f"{name!r} is given twice")
        numbers[name] = _machines(number)
    if not numbers:
        raise ValueError(otherwise)
    return numbers


def _machines(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= MAX_MACHINES:
        raise ValueError(f"the number of Machines must be from 1 to {MAX_MACHINES}")
    return int(text)


def _value(annotation: Annotation, text: str) -> Any:  # noqa: C901 - one line a kind
    """Raises ValueError that says what the text must be."""
    text = text.strip()
    match annotation.kind:
        case tuple() as choices:
            if text not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            return text
        case "text":
            if not text:
                raise ValueError("must not be empty")
            return text
        case "whole":
            if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
                raise ValueError("must be a whole number")
            return int(text)
        case "number":
            if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII):
                raise ValueError("must be a number")
            return float(text) if "." in text else int(text)
        case "yes/no":
            if text not in ("true", "false"):
                raise ValueError("must be true or false")
            return text == "true"
        case "seconds":
            match = _DURATION.fullmatch(text)
            if not text or match is None:
                raise ValueError("must be a time such as 30s or 5m")
            hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return f"{hours * 3600 + minutes * 60 + seconds}s"
        case "count":
            if re.fullmatch(r"[\d-]+", text, re.ASCII):
                return {"": _machines(text)}
            return _numbers(text, "must be a number of Machines, or one for each process group")
        case "regions":
            return _numbers(text, "must be regions with a number of Machines each")
        case "words":
            return [word for word in re.split(r"[\s,]+", text) if word]
        case _:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if not isinstance(found, dict) or not found:
                raise ValueError("must be a JSON object")
            return found

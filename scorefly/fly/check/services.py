"""Rules about services: which ports they take, for which process groups, and how they are checked.

Where flyctl has the rule, it is in `internal/appconfig/validation.go` or shows in `machines.go` when a Machine
is made of the document; the others are Fly's own, of which flyctl knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from scorefly.fly.check.finding import Finding, Path, dotted
from scorefly.fly.check.shape import Section
from scorefly.problems import nearest

DEFAULT_GROUP = "app"


class Groups(Struct, frozen=True):
    """The process groups of an app; without [processes] there is one."""

    names: tuple[str, ...]
    written: bool

    def of(self, section: Section) -> set[str]:
        """The groups a section is for: those it names, else the default one."""
        default = DEFAULT_GROUP if DEFAULT_GROUP in self.names else min(self.names)
        return set(section.get("processes") or [default])


def groups_of(config: Section) -> Groups:
    """The process groups of a document."""
    written = tuple(config.get("processes", {}))
    return Groups(written or (DEFAULT_GROUP,), bool(written))


def all_services(config: Section) -> list[Section]:
    """`http_service` where there is one, and all `services`."""
    http = config.section("http_service")
    return ([http] if config.has("http_service") else []) + config.sections("services")


def process_groups(config: Section) -> Iterator[Finding]:
    """A group that is named exists, and where there are groups, a service names its own."""
    groups = groups_of(config)
    lists = ("mounts", "files", "restart", "vm", "metrics", "checks")
    services = all_services(config)
    for section in [*services, *(each for key in lists for each in config.sections(key))]:
        for index, name in enumerate(section.get("processes", [])):
            if name not in groups.names:
                path = section.at("processes", index)
                yield Finding(path, f"there is no process group {name!r}", nearest(name, groups.names))
    for section in services:
        if groups.written and not section.get("processes"):
            names = ", ".join(groups.names)
            yield Finding(section.at("processes"), "is missing, and the app has [processes]", f"name some of: {names}")
    for section in config.sections("files"):
        if section.has("processes"):
            path = section.at("processes")
            yield Finding(path, "changes nothing: every group gets every file", "take it out", "warning")


def service_ports(config: Section) -> Iterator[Finding]:
    """Every service has ports, each a number or a range, with handlers that fit."""
    for service in config.sections("services"):
        ports = service.sections("ports")
        if not service.has("protocol"):
            yield Finding(
                service.at("protocol"), "is missing: flyctl sends none", 'set it to "tcp" or "udp"', "warning"
            )
        if not service.get("ports"):
            hint = "add [[services.ports]], or take the service out: apps of the organization need none"
            yield Finding(service.at("ports"), "is missing: the service cannot be reached", hint, "warning")
        for port in ports:
            yield from _port(port, udp=service.get("protocol") == "udp")


def _port(port: Section, *, udp: bool) -> Iterator[Finding]:
    range_keys = [key for key in ("start_port", "end_port") if port.has(key)]
    if port.has("port") and range_keys:
        yield Finding(port.at("port"), f"is beside {range_keys[0]}", "give one port, or a range of them")
    elif not port.has("port") and len(range_keys) < 2:
        missing = {(): "port", ("start_port",): "end_port", ("end_port",): "start_port"}[tuple(range_keys)]
        yield Finding(port.at(missing), "is missing", "give one port, or start_port and end_port")
    first, last = port.get("start_port"), port.get("end_port")
    if first and last and first > last:
        yield Finding(port.at("end_port"), f"is {last}, below start_port {first}", "swap them")
    handlers = port.get("handlers", [])
    if udp and handlers:
        yield Finding(port.at("handlers"), "are for TCP, and this service is UDP", "take them out")
        return
    for key, handler in (("http_options", "http"), ("tls_options", "tls"), ("proxy_proto_options", "proxy_proto")):
        if port.has(key) and handler not in handlers:
            hint = f"add it to handlers, or take {key} out"
            yield Finding(port.at(key), f"has no effect without the handler {handler!r}", hint, "warning")
    if port.get("force_https") and "http" not in handlers:
        hint = "add it to handlers, or take force_https out"
        yield Finding(port.at("force_https"), "has no effect without the handler 'http'", hint, "warning")


class _Taken(Struct, frozen=True):
    """Public ports that a service takes for some process groups."""

    ports: range
    protocol: str
    groups: frozenset[str]
    path: Path

    def common(self, other: _Taken) -> range:
        """The ports that both take."""
        if self.protocol != other.protocol or not self.groups & other.groups:
            return range(0)
        return range(max(self.ports.start, other.ports.start), min(self.ports.stop, other.ports.stop))


def duplicate_ports(config: Section) -> Iterator[Finding]:
    """A public port belongs to one service of a process group, and so does a port the app listens on."""
    groups = groups_of(config)
    public: list[_Taken] = []
    internal: dict[tuple[str, int, str], Path] = {}
    for service in all_services(config):
        for taken in _public(config, service, groups):
            for other in public:
                if common := taken.common(other):
                    message = f"port {common.start} is taken by {dotted(other.path)}"
                    yield Finding(taken.path, message, "give each port to one service")
            public.append(taken)
        port = service.get("internal_port")
        own = [(_protocol(config, service), port, name) for name in sorted(groups.of(service)) if port]
        firsts = [first for key in own if (first := internal.setdefault(key, service.path)) != service.path]
        if firsts:
            message = f"{port} is served by {dotted(firsts[0])} already, and Fly checks one service of a port"
            yield Finding(service.at("internal_port"), message, f"move its ports to {dotted(firsts[0])}", "warning")


def _protocol(config: Section, service: Section) -> str:
    return "tcp" if service.path == config.at("http_service") else service.get("protocol", "")


def _public(config: Section, service: Section, groups: Groups) -> Iterator[_Taken]:
    names = frozenset(groups.of(service))
    if service.path == config.at("http_service"):
        yield from (_Taken(range(port, port + 1), "tcp", names, service.path) for port in (80, 443))
    for port in service.sections("ports"):
        first, last = port.get("port") or port.get("start_port"), port.get("port") or port.get("end_port")
        if first and last:
            path = port.at("port" if port.has("port") else "start_port")
            yield _Taken(range(first, last + 1), service.get("protocol", ""), names, path)


def service_load(config: Section) -> Iterator[Finding]:
    """Limits are in order, and a Machine that is stopped can start again."""
    for service in all_services(config):
        concurrency = service.section("concurrency")
        soft, hard = concurrency.get("soft_limit", 0), concurrency.get("hard_limit", 0)
        if hard and soft > hard:
            yield Finding(concurrency.at("soft_limit"), f"is {soft}, above hard_limit {hard}", "swap them")
        if service.get("auto_stop_machines", "off") != "off" and service.get("auto_start_machines") is False:
            message = "is false while auto_stop_machines is on: Machines stop and never start"
            yield Finding(service.at("auto_start_machines"), message, "set both, or neither", "warning")


def machine_checks(config: Section) -> Iterator[Finding]:
    """A check of the Machine knows its port, and asks by HTTP only where it is an HTTP check."""
    http_groups = set()
    groups = groups_of(config)
    if config.has("http_service"):
        http_groups = groups.of(config.section("http_service"))
    for check in config.sections("checks"):
        if not check.has("port") and not groups.of(check) <= http_groups:
            yield Finding(check.at("port"), "is missing, and there is no http_service to take it from", "give a port")
        if check.get("type") == "tcp":
            for key in ("method", "path", "protocol", "tls_skip_verify", "tls_server_name", "headers"):
                if check.has(key):
                    hint = 'make it type "http", or take this out'
                    yield Finding(check.at(key), "means nothing to a check of type tcp", hint, "warning")


SERVICE_RULES = (process_groups, service_ports, duplicate_ports, service_load, machine_checks)

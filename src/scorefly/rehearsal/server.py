"""The embedded Fly: an HTTP server on loopback that answers as the Machines API does."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from scorefly.rehearsal import graphql, machines, uiex
from scorefly.rehearsal.rules import NEAREST, REGIONS, Refused
from scorefly.rehearsal.world import Json, World


@dataclass(slots=True)
class Fault:
    """Answers the first `times` requests that match with a failure. Status 0 drops the connection instead."""

    method: str
    path: str
    status: int
    times: int = 1
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as a handler sees it."""

    world: World
    arguments: tuple[str, ...]
    query: dict[str, str]
    body: Json
    nonce: str

    @property
    def app(self) -> str:
        """The app the path names."""
        return self.arguments[0]

    @property
    def item(self) -> str:
        """The Machine, volume or address the path names below the app."""
        return self.arguments[1]


Handler = Callable[[Call], "tuple[int, Any]"]


class Rehearsal:
    """A server for the length of a `with`. Its world lives at `world`, or in memory when that is None."""

    def __init__(
        self, world: Path | None, *, latency: float = 0.0, faults: Sequence[Fault] = (), port: int = 0
    ) -> None:
        self.world = World(world)
        self.latency = latency
        self.faults = list(faults)
        self.requests: list[tuple[str, str]] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.rehearsal = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it answers, without `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def received_secrets(self, app: str) -> dict[str, str]:
        """The secrets it was given for an app since it started."""
        return dict(self.world.received.get(app, {}))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.world.write()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    rehearsal: Rehearsal

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """The core never prints."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def _answer(self) -> None:
        rehearsal = self.server.rehearsal
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        path = unquote(url.path)
        rehearsal.requests.append((self.command, path))
        if rehearsal.latency:
            time.sleep(rehearsal.latency)
        if fault := self._fault(path):
            if fault.status == 0:
                self.close_connection = True
                return
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._send(fault.status, {"error": "the rehearsal was told to fail"}, headers)
            return
        try:
            status, data = self._handle(path, dict(parse_qsl(url.query)), content)
        except Refused as refused:
            status, data = refused.http, refused.body
        self._send(status, data, {})

    def _fault(self, path: str) -> Fault | None:
        with self.server.rehearsal.world.lock:
            for fault in self.server.rehearsal.faults:
                if fault.times > 0 and fault.method in ("*", self.command) and fnmatchcase(path, fault.path):
                    fault.times -= 1
                    return fault
        return None

    def _handle(self, path: str, query: dict[str, str], content: bytes) -> tuple[int, Any]:
        if not re.fullmatch(r"(Bearer|FlyV1) \S+", self.headers.get("Authorization", "")):
            raise Refused(401, "unauthenticated")
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            raise Refused(400, "invalid JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "the body must be an object")
        for method, pattern, handler in _ROUTES:
            if method == self.command and (match := pattern.fullmatch(path)):
                nonce = self.headers.get("fly-machine-lease-nonce", "")
                with self.server.rehearsal.world.lock:
                    return handler(Call(self.server.rehearsal.world, match.groups(), query, body, nonce))
        raise Refused(404, f"no such endpoint: {self.command} {path}")

    def _send(self, status: int, data: Any, headers: dict[str, str]) -> None:
        content = b"" if status == 204 else json.dumps(data).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Fly-Request-Id": "rehearsal",
            **headers,
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@dataclass(frozen=True, slots=True)
class _Routes:
    """Handlers by method and path; `{x}` in a path is one part of it."""

    table: list[tuple[str, re.Pattern[str], Handler]] = field(default_factory=list)

    def add(self, method: str, path: str, handler: Handler) -> None:
        self.table.append((method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler))


def _app_json(app: Json) -> Json:
    keys = ("id", "internal_numeric_id", "name", "status", "organization", "network")
    counts = {"machine_count": len(app["machines"]), "volume_count": len(app["volumes"])}
    return {key: app[key] for key in keys} | counts


def _list_apps(call: Call) -> tuple[int, Any]:
    wanted = call.query.get("org_slug")
    apps = [app for app in call.world.data["apps"].values() if app["organization"]["slug"] == wanted]
    return 200, {"total_apps": len(apps), "apps": [_app_json(app) for app in apps]}


def _org_machines(call: Call) -> tuple[int, Any]:
    found = [
        machines.summary(app["name"], machine)
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == call.arguments[0]
        for machine in app["machines"].values()
    ]
    return 200, _page(call, "machines", found)


def _org_volumes(call: Call) -> tuple[int, Any]:
    found = [
        {**volume, "app_name": app["name"]}
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == call.arguments[0]
        for volume in app["volumes"].values()
    ]
    return 200, _page(call, "volumes", found)


def _page(call: Call, key: str, found: list[Json]) -> Json:
    """A hundred at most, by a cursor that is the number of those seen so far."""
    start, limit = int(call.query.get("cursor") or 0), min(int(call.query.get("limit") or 100), 100)
    page = found[start : start + limit]
    after = start + len(page)
    return {key: page, "next_cursor": str(after) if after < len(found) else ""}


def _wait(call: Call) -> tuple[int, Any]:
    """Nothing changes by itself in a rehearsal: what is not there now will not be there later."""
    state = machines.find(call.world, call.app, call.item)["state"]
    if state != call.query.get("state", "started"):
        raise Refused(408, f"deadline exceeded: machine is {state}")
    return 200, {"ok": True}


def _set_metadata(call: Call) -> tuple[int, Any]:
    app, machine, key = call.arguments
    config = machines.find(call.world, app, machine)["config"]
    config.setdefault("metadata", {})[key] = str(call.body.get("value", ""))
    call.world.changed()
    return 204, None


def _delete_metadata(call: Call) -> tuple[int, Any]:
    app, machine, key = call.arguments
    machines.find(call.world, app, machine)["config"].setdefault("metadata", {}).pop(key, None)
    call.world.changed()
    return 204, None


def _delete_app(call: Call) -> tuple[int, Any]:
    call.world.delete_app(call.app)
    return 202, {}


def _delete_address(call: Call) -> tuple[int, Any]:
    app = call.world.app(call.app)
    app["addresses"] = [each for each in app["addresses"] if each["ip"] != call.item]
    call.world.changed()
    return 204, None


def _regions(_call: Call) -> tuple[int, Any]:
    rows = [{"code": code, "name": name, "deprecated": False} for code, name in REGIONS.items()]
    return 200, {"nearest": NEAREST, "regions": rows}


def _routes() -> list[tuple[str, re.Pattern[str], Handler]]:
    routes = _Routes()

    def add(method: str, path: str, handler: Handler) -> None:
        routes.add(method, f"/v1{path}", handler)

    add("GET", "/platform/regions", _regions)
    add("GET", "/apps", _list_apps)
    add("POST", "/apps", lambda call: (201, _app_json(call.world.create_app(call.body))))
    add("GET", "/apps/{app}", lambda call: (200, _app_json(call.world.app(call.app))))
    add("DELETE", "/apps/{app}", _delete_app)
    add("GET", "/orgs/{org}/machines", _org_machines)
    add("GET", "/orgs/{org}/volumes", _org_volumes)
    app = "/apps/{app}"
    add("GET", f"{app}/secrets", lambda call: (200, {"secrets": call.world.secrets(call.app)}))
    add("POST", f"{app}/secrets", lambda call: (200, call.world.update_secrets(call.app, call.body)))
    add(
        "GET",
        f"{app}/ip_assignments",
        lambda call: (200, {"ips": call.world.app(call.app)["addresses"]}),
    )
    add(
        "POST",
        f"{app}/ip_assignments",
        lambda call: (200, call.world.assign_address(call.app, call.body)),
    )
    add("DELETE", f"{app}/ip_assignments/{{ip}}", _delete_address)
    add("GET", f"{app}/volumes", lambda call: (200, list(call.world.app(call.app)["volumes"].values())))
    add("POST", f"{app}/volumes", lambda call: (200, call.world.create_volume(call.app, call.body)))
    volume = f"{app}/volumes/{{volume}}"
    add("GET", volume, lambda call: (200, call.world.volume(call.app, call.item)))
    add("DELETE", volume, lambda call: (200, call.world.delete_volume(call.app, call.item)))
    add(
        "PUT",
        f"{volume}/extend",
        lambda call: (200, call.world.extend_volume(call.app, call.item, call.body)),
    )
    add("GET", f"{app}/machines", lambda call: (200, _machines(call)))
    add("POST", f"{app}/machines", lambda call: (200, machines.create(call.world, call.app, call.body)))
    machine = f"{app}/machines/{{machine}}"
    add("GET", machine, lambda call: (200, machines.shown(machines.find(call.world, call.app, call.item))))
    add(
        "POST",
        machine,
        lambda call: (200, machines.update(call.world, call.app, call.item, call.body, call.nonce)),
    )
    add(
        "DELETE",
        machine,
        lambda call: (200, machines.delete(call.world, call.app, call.item, force=_forced(call))),
    )
    add("GET", f"{machine}/wait", _wait)
    add(
        "GET",
        f"{machine}/ps",
        lambda call: (200, machines.processes(machines.find(call.world, call.app, call.item))),
    )
    add(
        "POST",
        f"{machine}/start",
        lambda call: (200, machines.set_state(call.world, call.app, call.item, "started")),
    )
    add(
        "POST",
        f"{machine}/stop",
        lambda call: (200, machines.set_state(call.world, call.app, call.item, "stopped")),
    )
    add(
        "POST",
        f"{machine}/lease",
        lambda call: (200, machines.lease(call.world, call.app, call.item, call.nonce)),
    )
    add(
        "DELETE",
        f"{machine}/lease",
        lambda call: (200, machines.release_lease(call.world, call.app, call.item)),
    )
    metadata = f"{machine}/metadata"
    add(
        "GET",
        metadata,
        lambda call: (200, machines.find(call.world, call.app, call.item)["config"].get("metadata", {})),
    )
    add("POST", f"{metadata}/{{key}}", _set_metadata)
    add("DELETE", f"{metadata}/{{key}}", _delete_metadata)
    routes.add("POST", "/graphql", lambda call: (200, graphql.answer(call.world, call.body)))
    _add_uiex(routes)
    return routes.table


def _add_uiex(routes: _Routes) -> None:
    """The calls beside the Machines API; the first part of their paths stands where an app's name does elsewhere."""
    add = routes.add
    add("GET", "/api/v1/organizations/{org}", lambda call: (200, uiex.organization(call.app)))
    add("POST", "/api/v1/builds", lambda call: (200, uiex.build(call.world)))
    add("POST", "/api/v1/builds/finish", lambda call: (200, uiex.build(call.world)))
    add("POST", "/api/v1/releases", lambda call: (201, uiex.create_release(call.world, call.body)))
    add("PATCH", "/api/v1/releases/{id}", lambda call: (200, uiex.update_release(call.world, call.app, call.body)))
    add("GET", "/api/v1/apps/{app}/releases", lambda call: (200, uiex.releases(call.world, call.app)))
    add("GET", "/api/v1/apps/{app}/logs", lambda call: (200, uiex.logs(call.world, call.app)))


def _machines(call: Call) -> list[Json]:
    return [machines.shown(machine) for machine in call.world.app(call.app)["machines"].values()]


def _forced(call: Call) -> bool:
    return "true" in (call.query.get("force"), call.query.get("kill"))


_ROUTES = _routes()

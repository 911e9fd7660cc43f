"""Fly's Machines REST API, as much of it as scorefly needs: typed answers, patient with a busy server.

Endpoints and shapes: the published OpenAPI document; where Fly's own client differs, the client is followed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from msgspec import Struct, field

from scorefly import __version__, interruption
from scorefly.fly.log import LogLine, read_log
from scorefly.http import (
    MAX_PAGES,
    Answer,
    MalformedAnswerError,
    RedirectError,
    api_exchange,
    mapping,
    objects,
    text,
)
from scorefly.problems import ExternalError, InputError, Problem, option_place, shortened
from scorefly.values import worth_hiding

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 10.0  # seconds
CALL_TIMEOUT = 90.0  # for a whole call: waiting for a Machine may take 60
ATTEMPTS = 5
MAX_RETRY_DELAY = 30.0  # seconds before one repetition, whatever Retry-After says
MALFORMED_ATTEMPTS = 3
_DETACHING = (0.1, 0.5, 1.0, 2.0, 3.0)  # seconds between attempts to destroy a volume
NEW_APP_TIMEOUT = 60.0  # seconds; as Fly's own client
_BUSY = (500, 502, 503, 504)
# States of volumes that Fly's own client does not list either.
_LEAVING = ("scheduling_destroy", "fork_cleanup", "waiting_for_detach", "pending_destroy", "destroying", "destroyed")

_SNAPSHOT_SETTINGS = ("snapshot_retention", "auto_backup_enabled")

T = TypeVar("T")


class AppView(Struct, frozen=True):
    """An app as Fly has it. `id` is never given to another app, also not to one of the same name."""

    id: str
    name: str
    organization: str
    status: str


class CheckView(Struct, frozen=True):
    """One health check of a Machine: `status` is passing, warning or critical."""

    name: str
    status: str
    output: str


class MachineView(Struct, frozen=True):
    """A Machine as Fly has it. `config` is the Machines API's own format, empty in listings of an organization.

    `created` is when it was made, `updated` when it last changed, by deploy, start or stop: in UTC, as RFC 3339 writes
    it. `image_digest` is what Fly resolved the image's reference to; empty where it does not say.
    """

    id: str
    app: str
    state: str
    region: str
    image: str
    metadata: Mapping[str, str]
    checks: tuple[CheckView, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    updated: str = ""
    created: str = ""
    image_digest: str = ""

    @property
    def crashed(self) -> int:
        """The exit status with which it last ended, if it was not stopped; else 0."""
        exits = (event.get("request") or {} for event in self.events if event.get("type") == "exit")
        ended = next(exits, {}).get("exit_event") or {}
        return 0 if ended.get("requested_stop") else int(ended.get("exit_code") or 0)


class SecretView(Struct, frozen=True):
    """A secret's name and Fly's digest of its value; Fly never shows the value."""

    name: str
    digest: str


class VolumeView(Struct, frozen=True):
    """A volume; `machine` is the Machine it is attached to, or empty. `snapshots` are its settings for snapshots."""

    id: str
    name: str
    region: str
    size_gb: int
    machine: str
    app: str
    snapshots: Mapping[str, int | bool] = field(default_factory=dict)


class AddressView(Struct, frozen=True):
    """An IP address; `kind` is v4, shared_v4, v6 or private_v6, `region` global for one that is in all."""

    ip: str
    kind: str
    region: str = ""


class LeaseView(Struct, frozen=True):
    """A lease on a Machine: who holds it, and when it ends, in seconds since 1970."""

    owner: str
    expires: int


class CurrentToken(Struct, frozen=True):
    """The scope of a token: `apps` are names, empty where it is for the whole organization."""

    organization: str
    apps: tuple[str, ...]


class Regions(Struct, frozen=True):
    """The regions there are, and the one nearest to us."""

    nearest: str
    codes: tuple[str, ...]


class OrganizationMachines(Struct, frozen=True):
    """A listing of all Machines of an organization. It may be late, and lacks those of `missing_regions`."""

    machines: tuple[MachineView, ...]
    missing_regions: tuple[str, ...] = ()


class RefusedError(ExternalError):
    """Fly answered that the request is at fault (HTTP 4xx but 408), and changed nothing."""


class ForbiddenError(RefusedError):
    """The token may not do what was asked."""


class FlyApi:
    """A client for one run; safe to use from several threads.

    `before_change` is called before every request that may change something; what it raises stops the request.
    """

    def __init__(
        self,
        token: str,
        base_url: str = "https://api.machines.dev",
        *,
        platform_url: str = "https://api.fly.io",
        sleep: Callable[[float], None] = interruption.sleep,
        connections: int = 16,
    ) -> None:
        if not token:
            hint = "set fly-api-token or FLY_API_TOKEN; `fly tokens create org` makes one; `rehearse` needs none"
            raise InputError(Problem("there is no Fly API token", hint, option_place("fly-api-token")))
        self._token = token
        self._base = base_url.rstrip("/") + "/v1"
        self._platform = platform_url.rstrip("/") + "/api/v1"
        self._graphql = platform_url.rstrip("/")
        self._sleep = sleep
        self.before_change: Callable[[], None] = lambda: None
        self._session = _session(token, connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def app(self, name: str) -> AppView | None:
        """The app, or None when there is none of that name. Raises OutsideError when it is somebody else's."""

        def refused(status: int) -> None:
            if status == 403:
                raise ForbiddenError(
                    Problem(
                        f"the app name {name!r} belongs to somebody else, or the token may not see it",
                        "choose another app-prefix, or use a token of the app's organization (`fly tokens create org`)",
                    )
                )

        return self._read("GET", f"/apps/{name}", _app_or_none, accept=(404, 403), refused=refused)

    def org_apps(self, organization: str) -> frozenset[str]:
        """The names of all apps of an organization, whatever Fly calls that one elsewhere."""

        def names(data: Any) -> frozenset[str]:
            return frozenset(text(each, "name", "") for each in objects(mapping(data).get("apps") or [], "apps"))

        return self._read("GET", "/apps", names, params={"org_slug": organization})

    def create_app(self, name: str, organization: str, network: str = "") -> AppView:
        """Makes the app, in a private network where one is named.

        A name that is taken is refused, unless a lost answer hid that we just made it.
        """
        answer = self._call(
            "POST",
            "/apps",
            params={"wait": "true"},
            json={"name": name, "org_slug": organization, **_in_network(network)},
            repeat=True,
            accept=(400, 409, 422),
        )
        if answer.status_code < 300:
            self._wait_for_app(name)
            # The specification promises no answer here, and Fly's own client reads an app.
            if not answer.content.strip():
                return AppView("", name, organization, "")
            try:
                return answer.read(lambda data: _app({"name": name, **mapping(data or {})}))
            except MalformedAnswerError as error:
                raise _malformed("POST", "/apps", error) from error
        found = self.app(name) if _is_name_taken(answer) else None
        if found is None:
            raise self._error(answer, f"app {name!r} cannot be made")
        return found

    def _wait_for_app(self, name: str) -> None:
        """Wait until Fly knows a new app everywhere: until then it may answer 404 and even 401."""
        waited = 0.0
        while True:
            answer = self._call("GET", f"/apps/{name}", accept=(401, 404))
            if answer.status_code < 300:
                return
            if waited >= NEW_APP_TIMEOUT:
                raise self._error(answer, f"the new app {name!r} did not appear within {NEW_APP_TIMEOUT:.0f} s")
            delay = min(4.0, max(0.25, waited))
            self._sleep(delay)
            waited += delay

    def delete_app(self, name: str) -> None:
        """Destroys the app with all it has; one that is gone is fine."""
        self._delete(f"/apps/{name}")

    def org_machines(self, organization: str) -> OrganizationMachines:
        """All Machines of the organization, whichever app they belong to, and the regions that did not answer."""
        missing: set[str] = set()
        found = self._pages(f"/orgs/{organization}/machines", "machines", missing)
        machines = tuple(_machine(each, text(each, "app_name", "")) for each in found)
        return OrganizationMachines(machines, tuple(sorted(missing)))

    def org_volumes(self, organization: str) -> tuple[VolumeView, ...]:
        """All volumes of the organization by id, without those on their way out."""
        found = self._pages(f"/orgs/{organization}/volumes", "volumes")
        volumes = (_volume(each, text(each, "app_name", "")) for each in found if each.get("state") not in _LEAVING)
        return tuple(sorted(volumes, key=lambda volume: volume.id))

    def _pages(self, path: str, key: str, missing: set[str] | None = None) -> list[Mapping[str, Any]]:
        """All pages of a listing. Regions that did not answer are added to `missing`."""

        def read(data: Any) -> tuple[list[Mapping[str, Any]], str]:
            page = mapping(data)
            if missing is not None:
                missing.update(map(str, page.get("error_regions") or ()))
            return objects(page.get(key) or [], key), text(page, "next_cursor", "")

        cursor, cursors, found = "", {""}, list[Mapping[str, Any]]()
        for _ in range(MAX_PAGES):
            query = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
            page, cursor = self._read("GET", path, read, params=query)
            found += page
            if not cursor:
                return found
            if cursor in cursors:
                raise ExternalError(Problem(f"Fly's listing {path} repeats a page", _STATUS_HINT))
            cursors.add(cursor)
        raise ExternalError(Problem(f"Fly's listing {path} has more than {MAX_PAGES} pages", _STATUS_HINT))

    def machines(self, app: str) -> tuple[MachineView, ...]:
        """The app's Machines by id."""
        return self._read("GET", f"/apps/{app}/machines", lambda data: _machines(data, app))

    def find_machines(self, app: str) -> tuple[MachineView, ...] | None:
        """The same, or None where there is no such app."""
        path = f"/apps/{app}/machines"

        def read(data: Any) -> tuple[MachineView, ...] | None:
            return _machines(data, app)

        return self._read("GET", path, read, accept=(404,), refused=lambda _status: None)

    def machine(self, app: str, machine: str) -> MachineView:
        """One Machine, with its checks and events."""
        return self._read("GET", f"/apps/{app}/machines/{machine}", lambda data: _machine(data, app))

    def lease(self, app: str, machine: str) -> LeaseView | None:
        """The lease that somebody holds on a Machine, or None. It keeps others from changing the Machine."""
        return self._read("GET", f"/apps/{app}/machines/{machine}/lease", _lease_or_none, accept=(404,))

    def create_machine(self, app: str, config: Mapping[str, Any], region: str, *, launch: bool = True) -> MachineView:
        """Makes a Machine, and starts it unless `launch` is false.

        Never repeated: an answer that was lost may hide a Machine that is there.
        """
        where = {"region": region} if region else {}
        body = {"config": config, **where, **_skip_launch(launch)}
        return self._read("POST", f"/apps/{app}/machines", lambda data: _machine(data, app), json=body)

    def update_machine(self, app: str, machine: str, config: Mapping[str, Any], *, launch: bool = True) -> MachineView:
        """Replaces a Machine's configuration, which restarts it unless `launch` is false."""
        body = {"config": config, **_skip_launch(launch)}
        path = f"/apps/{app}/machines/{machine}"
        return self._read("POST", path, lambda data: _machine(data, app), json=body, repeat=True)

    def start_machine(self, app: str, machine: str) -> None:
        """Starts a Machine that is stopped."""
        self._call("POST", f"/apps/{app}/machines/{machine}/start", repeat=True)

    def stop_machine(self, app: str, machine: str) -> None:
        """Stop a Machine as its configuration says: its program gets a signal, and time to end."""
        self._call("POST", f"/apps/{app}/machines/{machine}/stop", repeat=True, accept=(404, 409, 412))

    def delete_machine(self, app: str, machine: str) -> None:
        """Destroys a Machine, running or not."""
        self._delete(f"/apps/{app}/machines/{machine}", params={"force": "true"})

    def wait_machine(self, app: str, machine: str, state: str, seconds: int) -> bool:
        """Waits until the Machine is in a state; False when it is not by then. Fly waits 60 s at most."""
        query = {"state": state, "timeout": str(max(1, min(60, seconds)))}
        answer = self._call("GET", f"/apps/{app}/machines/{machine}/wait", params=query, accept=(408,))
        return answer.status_code != 408

    def set_metadata(self, app: str, machine: str, key: str, value: str) -> None:
        """Writes one metadata key of a Machine, which does not restart it."""
        self._call("POST", f"/apps/{app}/machines/{machine}/metadata/{key}", json={"value": value}, repeat=True)

    def delete_metadata(self, app: str, machine: str, key: str) -> None:
        """Removes one metadata key; one that is gone is fine."""
        path = f"/apps/{app}/machines/{machine}/metadata"
        self._delete(f"{path}/{key}", listing=path, listed=lambda data: key in mapping(data))

    def secrets(self, app: str) -> tuple[SecretView, ...]:
        """The names and digests of the app's secrets."""
        return self._read("GET", f"/apps/{app}/secrets", _secrets)

    def update_secrets(self, app: str, values: Mapping[str, str | None]) -> dict[str, str]:
        """Sets secrets, and removes those whose value is None, all in one call. Returns the digests by name."""
        hidden = [value for value in values.values() if value]
        body = {"values": dict(values)}
        found = self._read("POST", f"/apps/{app}/secrets", _secrets, json=body, repeat=True, hidden=hidden)
        return {secret.name: secret.digest for secret in found}

    def volumes(self, app: str) -> tuple[VolumeView, ...]:
        """The app's volumes by id."""
        return self._read(
            "GET",
            f"/apps/{app}/volumes",
            lambda data: tuple(sorted((_volume(each, app) for each in objects(data)), key=lambda volume: volume.id)),
        )

    def create_volume(
        self, app: str, name: str, region: str, size_gb: int, settings: Mapping[str, Any] | None = None
    ) -> VolumeView:
        """Makes a volume. Never repeated: there may be several of one name.

        `settings` are more keys of the request: what runs with the volume, and how it is kept.
        """
        body = {"name": name, "region": region, "size_gb": size_gb, "encrypted": True, **(settings or {})}
        return self._read("POST", f"/apps/{app}/volumes", lambda data: _volume(data, app), json=body)

    def update_volume(self, app: str, volume: str, settings: Mapping[str, int | bool]) -> None:
        """Change a volume's settings for snapshots."""
        self._call("PUT", f"/apps/{app}/volumes/{volume}", json=dict(settings))

    def extend_volume(self, app: str, volume: str, size_gb: int) -> None:
        """Makes a volume larger."""
        self._call("PUT", f"/apps/{app}/volumes/{volume}/extend", json={"size_gb": size_gb})

    def create_snapshot(self, app: str, volume: str) -> None:
        """Begin a snapshot of a volume. Fly's answer does not name it."""
        self._call("POST", f"/apps/{app}/volumes/{volume}/snapshots")

    def snapshots(self, app: str, volume: str) -> Mapping[str, str]:
        """Return the status of each snapshot of a volume, by id; `created` is a finished one's."""

        def read(data: Any) -> Mapping[str, str]:
            return {text(each, "id"): text(each, "status", "") for each in objects(data or [])}

        return self._read("GET", f"/apps/{app}/volumes/{volume}/snapshots", read)

    def delete_volume(self, app: str, volume: str) -> None:
        """Destroy a volume with its data; one that is gone is fine.

        Fly refuses for some seconds after the volume's Machine was destroyed.
        """
        for delay in _DETACHING:
            try:
                self._delete(f"/apps/{app}/volumes/{volume}")
            except ForbiddenError:
                raise
            except RefusedError:
                self._sleep(delay)
            else:
                return
        self._delete(f"/apps/{app}/volumes/{volume}")

    def addresses(self, app: str) -> tuple[AddressView, ...]:
        """The app's IP addresses."""
        return self._read("GET", f"/apps/{app}/ip_assignments", _addresses)

    def allocate_address(self, app: str, kind: str, organization: str, network: str = "", region: str = "") -> str:
        """Gives the app an address, and returns it. Never repeated: it may have it already.

        A `private_v6` is reached from the network that is named.
        """
        where = {"region": region} if region else {}
        body = {"type": kind, "org_slug": organization, **_in_network(network), **where}
        path = f"/apps/{app}/ip_assignments"
        return self._read("POST", path, lambda data: text(mapping(data), "ip", ""), json=body)

    def release_address(self, app: str, ip: str) -> None:
        """Takes an address away; one that is gone is fine."""
        path = f"/apps/{app}/ip_assignments"
        self._delete(f"{path}/{ip}", listing=path, listed=lambda data: any(each.ip == ip for each in _addresses(data)))

    def regions(self) -> Regions:
        """Return where Fly is."""
        return self._read("GET", "/platform/regions", _regions)

    def placements(self, organization: str, region: str, count: int, guest: Mapping[str, Any]) -> dict[str, int]:
        """Simulate placing Machines; return how many of them each region takes. `region` may be `any`."""
        body = {"org_slug": organization, "region": region, "count": count, "compute": dict(guest)}
        return self._read("POST", "/platform/placements", _placements, json=body, repeat=True)

    def current_tokens(self) -> tuple[CurrentToken, ...]:
        """Return the organizations that the token is for, with the apps where it is for some only."""
        return self._read("GET", "/tokens/current", _current_tokens)

    def log(self, app: str, after: str = "", machine: str = "") -> tuple[tuple[LogLine, ...], str]:
        """Return the lines of the log of an app after those of an earlier answer, and what to ask for the next ones."""
        query = {"next_token": after, **({"instance": machine} if machine else {})}
        return self._read("GET", f"/apps/{app}/logs", read_log, params=query, base=self._platform)

    def read_platform(self, method: str, path: str, reader: Callable[[Any], T], **kwargs: Any) -> T:
        """Call what is beside the Machines API, and read the answer's data."""
        found: T = self._read(method, path, reader, base=self._platform, **kwargs)
        return found

    def send_platform(self, method: str, path: str, **kwargs: Any) -> None:
        """Call what is beside the Machines API, for what it does."""
        self._call(method, path, base=self._platform, **kwargs)

    def graphql(self, query: str, variables: Mapping[str, Any], reader: Callable[[Mapping[str, Any]], T]) -> T:
        """Send a GraphQL request, and read its data. Never repeated. Raises ExternalError with Fly's words."""

        def read(answer: Any) -> T:
            data = mapping(answer)
            errors = objects(data.get("errors") or [], "errors")
            if errors:
                words = shortened(text(errors[0], "message", ""), 300)
                raise ExternalError(Problem(f"Fly refused {query.split('(')[0].split()[-1]}: {words}"))
            return reader(mapping(data.get("data") or {}))

        body = {"query": query, "variables": dict(variables)}
        found: T = self._read("POST", "/graphql", read, base=self._graphql, json=body)
        return found

    def _delete(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        listing: str = "",
        listed: Callable[[Any], bool] | None = None,
    ) -> None:
        """Removes something. A 404 is believed once a GET agrees: the one of `path`, or of a listing.

        Raises OutsideError when Fly shows what it says it does not have.
        """
        for _ in range(2):
            if self._call("DELETE", path, params=params or {}, accept=(404,)).status_code != 404:
                return
            there = self._read(
                "GET", listing or path, listed or _is_there, accept=(403, 404), refused=lambda _status: False
            )
            if not there:
                return
        raise ExternalError(Problem(f"Fly does not delete {path}: it answers 404, and shows it", _STATUS_HINT))

    def _read(
        self,
        method: str,
        path: str,
        reader: Callable[[Any], T],
        *,
        refused: Callable[[int], T] | None = None,
        **kwargs: Any,
    ) -> T:
        """Call and read the answer's data; `refused` gets the status of an accepted error.

        A GET whose answer is malformed is repeated. Raises OutsideError.
        """
        attempts = MALFORMED_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            answer = self._call(method, path, **kwargs)
            if refused and answer.status_code >= 300:
                return refused(answer.status_code)
            try:
                return answer.read(reader)
            except MalformedAnswerError as error:
                if attempt == attempts:
                    raise _malformed(method, path, error) from error
            self._sleep(_patience(attempt, ""))
        raise AssertionError("the last attempt returns or raises")

    def _call(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (),
        repeat: bool = False,
        hidden: list[str] | None = None,
        base: str = "",
        **kwargs: Any,
    ) -> Answer:
        """One request, repeated while that can help. `repeat` says that doing it twice is doing it once.

        What is not safe to repeat is repeated only when Fly cannot have begun with it: it did not answer the
        connection, or said 429.
        """
        import requests

        safe = repeat or method in ("GET", "PUT", "DELETE")
        url = (base or self._base) + quote(path)
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            if method != "GET":
                self.before_change()
            try:
                answer = api_exchange(
                    self._session, method, url, seconds=CALL_TIMEOUT, connect=CONNECT_TIMEOUT, **kwargs
                )
            except requests.ConnectTimeout as error:
                if last:
                    raise _unreachable(method, path, error) from error
            except (RedirectError, MalformedAnswerError) as error:
                raise _malformed(method, path, error) from error
            except requests.RequestException as error:
                if last or not (safe or _never_connected(error)):
                    raise _unreachable(method, path, error) from error
            else:
                if answer.status_code < 300 or answer.status_code in accept:
                    return answer
                if last or not (answer.status_code == 429 or (safe and answer.status_code in _BUSY)):
                    raise self._error(answer, f"Fly refused {method} {path}", hidden or [])
                self._sleep(_patience(attempt, answer.headers.get("Retry-After", "")))
                continue
            self._sleep(_patience(attempt, ""))
        raise AssertionError("the last attempt returns or raises")

    def _error(self, answer: Answer, what: str, hidden: list[str] | None = None) -> ExternalError:
        reason = _reason(answer)
        # The rehearsal's own token is a plain word.
        for secret in (*([self._token] if worth_hiding(self._token) else []), *(hidden or ())):
            reason = reason.replace(secret, "***")
        request_id = answer.headers.get("Fly-Request-Id", "")
        about = f"{what}: {reason} (HTTP {answer.status_code}{f', request {request_id}' if request_id else ''})"
        problem = Problem(about, _HINTS.get(answer.status_code, _hint(reason)))
        if answer.status_code == 403:
            return ForbiddenError(problem)
        is_refusal = 400 <= answer.status_code < 500 and answer.status_code != 408
        return (RefusedError if is_refusal else ExternalError)(problem)

    # For the endpoints that have modules of their own.
    read, call, delete, error = _read, _call, _delete, _error


_HINTS = {
    401: "the Fly API token is not accepted: check fly-api-token",
    402: "the organization has no payment method, or owes money: see its billing at https://fly.io/dashboard",
    403: "the Fly API token may not do this: new apps need a token of the organization (`fly tokens create org`), "
    "and a deploy token of one app deploys that app only",
    429: "Fly limits the rate of requests: wait and run it again, or lower max-parallel",
    500: "Fly has a problem: try again later",
    502: "Fly has a problem: try again later",
    503: "Fly has a problem: try again later",
    504: "Fly has a problem: try again later",
}

_STATUS_HINT = "try again later; https://status.flyio.net shows known problems"


def _in_network(network: str) -> dict[str, str]:
    return {"network": network} if network else {}


def _skip_launch(launch: bool) -> dict[str, bool]:
    return {} if launch else {"skip_launch": True}


def _is_there(data: Any) -> bool:
    """Report whether something that Fly shows is more than a memory: it remembers Machines and volumes for a while."""
    return mapping(data).get("state") not in _LEAVING


def _is_name_taken(answer: Answer) -> bool:
    try:
        data = answer.json()
    except MalformedAnswerError:
        data = None
    code = data.get("status") if isinstance(data, dict) else None
    return code == "name_taken" or "taken" in _reason(answer).lower()


def _hint(reason: str) -> str:
    return "app names are unique over all of Fly: choose another app-prefix" if "taken" in reason.lower() else ""


def _session(token: str, connections: int) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    scheme = "FlyV1" if token.startswith(("FlyV1 ", "fm1r_", "fm1a_", "fm2_")) else "Bearer"
    token = token.removeprefix("FlyV1 ").removeprefix("Bearer ")
    session.headers.update({"Authorization": f"{scheme} {token}", "User-Agent": f"scorefly/{__version__}"})
    return session


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import NewConnectionError

    return any(isinstance(getattr(each, "reason", None), NewConnectionError) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    yield error
    for argument in error.args:
        if isinstance(argument, BaseException):
            yield from _chain(argument)


def _unreachable(method: str, path: str, error: Exception) -> ExternalError:
    message = f"Fly cannot be reached: no whole answer to {method} {path} ({type(error).__name__})"
    return ExternalError(Problem(message, "check the network, and https://status.flyio.net"))


def _patience(attempt: int, retry_after: str) -> float:
    if retry_after.isdecimal():
        return min(float(retry_after), MAX_RETRY_DELAY)
    return random.uniform(0, min(MAX_RETRY_DELAY, 0.5 * 2**attempt))  # noqa: S311 - jitter needs no secrecy


def _reason(answer: Answer) -> str:
    try:
        data = answer.json()
    except MalformedAnswerError:
        data = {}
    found = (data.get("error") or data.get("message")) if isinstance(data, dict) else None
    return shortened(" ".join(str(found or answer.text or answer.reason).split()), 500)


def _malformed(method: str, path: str, error: Exception) -> ExternalError:
    return ExternalError(Problem(f"Fly answered {method} {path} with something unexpected: {error}", _STATUS_HINT))


def _app(data: Any) -> AppView:
    data = mapping(data)
    organization = mapping(data.get("organization") or {}, "organization")
    return AppView(
        str(data.get("id", "")), text(data, "name"), text(organization, "slug", ""), text(data, "status", "")
    )


def _app_or_none(data: Any) -> AppView | None:
    return _app(data)


def _machines(data: Any, app: str) -> tuple[MachineView, ...]:
    return tuple(sorted((_machine(each, app) for each in objects(data)), key=lambda machine: machine.id))


def _lease_or_none(data: Any) -> LeaseView | None:
    """The published API has a lease flat; Fly's own client reads it below `data`."""
    data = mapping(data)
    data = mapping(data.get("data") or data)
    return LeaseView(owner=text(data, "owner", ""), expires=int(data.get("expires_at") or 0))


def _machine(data: Any, app: str) -> MachineView:
    data = mapping(data)
    config = mapping(data.get("config") or {}, "config")
    machine = MachineView(
        id=text(data, "id"),
        app=app,
        state=text(data, "state", ""),
        region=text(data, "region", ""),
        image=text(config, "image", ""),
        metadata=mapping(config.get("metadata") or {}, "metadata"),
        checks=tuple(
            CheckView(text(each, "name", ""), text(each, "status", ""), text(each, "output", ""))
            for each in objects(data.get("checks") or [], "checks")
        ),
        config=config,
        events=tuple(objects(data.get("events") or [], "events")),
        updated=text(data, "updated_at", ""),
        created=text(data, "created_at", ""),
        image_digest=text(mapping(data.get("image_ref") or {}, "image_ref"), "digest", ""),
    )
    _ = machine.crashed  # events of another form are found here, not where they are looked at
    return machine


def _volume(data: Any, app: str) -> VolumeView:
    data = mapping(data)
    return VolumeView(
        text(data, "id"),
        text(data, "name"),
        text(data, "region", ""),
        int(data.get("size_gb") or 0),
        text(data, "attached_machine_id", ""),
        app,
        {key: data[key] for key in _SNAPSHOT_SETTINGS if isinstance(data.get(key), int)},
    )


def _secrets(data: Any) -> tuple[SecretView, ...]:
    found = objects(mapping(data).get("secrets") or [], "secrets")
    return tuple(SecretView(text(each, "name"), text(each, "digest", "")) for each in found)


def _addresses(data: Any) -> tuple[AddressView, ...]:
    found = objects(mapping(data).get("ips") or [], "ips")
    return tuple(AddressView(text(each, "ip"), _address_kind(each), text(each, "region", "")) for each in found)


def _current_tokens(data: Any) -> tuple[CurrentToken, ...]:
    found = objects(mapping(data).get("tokens") or [], "tokens")
    return tuple(
        CurrentToken(text(each, "org_slug", ""), tuple(str(app) for app in each.get("apps") or ())) for each in found
    )


def _regions(data: Any) -> Regions:
    found = mapping(data)
    codes = tuple(text(each, "code") for each in objects(found.get("regions") or [], "regions"))
    return Regions(text(found, "nearest", ""), codes)


def _placements(data: Any) -> dict[str, int]:
    found = objects(mapping(data).get("regions") or [], "regions")
    return {text(each, "region"): int(each.get("count") or 0) for each in found}


def _address_kind(data: Mapping[str, Any]) -> str:
    """Fly's answer has no type: it shows in the address."""
    ip = data["ip"]
    if ":" in ip:
        return "private_v6" if ip.lower().startswith("fdaa") else "v6"
    return "shared_v4" if data.get("shared") else "v4"

"""Machines: list, create, change, start, stop and delete them, their leases and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.fly.api.client import FlyClient
from scorefly.http import mapping, objects, text


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


class OrganizationMachines(Struct, frozen=True):
    """A listing of all Machines of an organization. It may be late, and lacks those of `missing_regions`."""

    machines: tuple[MachineView, ...]
    missing_regions: tuple[str, ...] = ()


class LeaseView(Struct, frozen=True):
    """A lease on a Machine: who holds it, and when it ends, in seconds since 1970."""

    owner: str
    expires: int


class MachineCalls(FlyClient):
    """The calls about Machines."""

    def org_machines(self, organization: str) -> OrganizationMachines:
        """All Machines of the organization, whichever app they belong to, and the regions that did not answer."""
        missing: set[str] = set()
        found = self.pages(f"/orgs/{organization}/machines", "machines", missing)
        machines = tuple(_machine(each, text(each, "app_name", "")) for each in found)
        return OrganizationMachines(machines, tuple(sorted(missing)))

    def machines(self, app: str) -> tuple[MachineView, ...]:
        """The app's Machines by id."""
        return self.read("GET", f"/apps/{app}/machines", lambda data: _machines(data, app))

    def find_machines(self, app: str) -> tuple[MachineView, ...] | None:
        """The same, or None where there is no such app."""
        path = f"/apps/{app}/machines"

        def read(data: Any) -> tuple[MachineView, ...] | None:
            return _machines(data, app)

        return self.read("GET", path, read, accept=(404,), refused=lambda _status: None)

    def machine(self, app: str, machine: str) -> MachineView:
        """One Machine, with its checks and events."""
        return self.read("GET", f"/apps/{app}/machines/{machine}", lambda data: _machine(data, app))

    def lease(self, app: str, machine: str) -> LeaseView | None:
        """The lease that somebody holds on a Machine, or None. It keeps others from changing the Machine."""
        return self.read("GET", f"/apps/{app}/machines/{machine}/lease", _lease_or_none, accept=(404,))

    def create_machine(self, app: str, config: Mapping[str, Any], region: str, *, launch: bool = True) -> MachineView:
        """Makes a Machine, and starts it unless `launch` is false.

        Never repeated: an answer that was lost may hide a Machine that is there.
        """
        where = {"region": region} if region else {}
        body = {"config": config, **where, **_skip_launch(launch)}
        return self.read("POST", f"/apps/{app}/machines", lambda data: _machine(data, app), json=body)

    def update_machine(self, app: str, machine: str, config: Mapping[str, Any], *, launch: bool = True) -> MachineView:
        """Replaces a Machine's configuration, which restarts it unless `launch` is false."""
        body = {"config": config, **_skip_launch(launch)}
        path = f"/apps/{app}/machines/{machine}"
        return self.read("POST", path, lambda data: _machine(data, app), json=body, repeat=True)

    def start_machine(self, app: str, machine: str) -> None:
        """Starts a Machine that is stopped."""
        self.call("POST", f"/apps/{app}/machines/{machine}/start", repeat=True)

    def stop_machine(self, app: str, machine: str) -> None:
        """Stop a Machine as its configuration says: its program gets a signal, and time to end."""
        self.call("POST", f"/apps/{app}/machines/{machine}/stop", repeat=True, accept=(404, 409, 412))

    def delete_machine(self, app: str, machine: str) -> None:
        """Destroys a Machine, running or not."""
        self.delete(f"/apps/{app}/machines/{machine}", params={"force": "true"})

    def wait_machine(self, app: str, machine: str, state: str, seconds: int) -> bool:
        """Waits until the Machine is in a state; False when it is not by then. Fly waits 60 s at most."""
        query = {"state": state, "timeout": str(max(1, min(60, seconds)))}
        answer = self.call("GET", f"/apps/{app}/machines/{machine}/wait", params=query, accept=(408,))
        return answer.status_code != 408

    def set_metadata(self, app: str, machine: str, key: str, value: str) -> None:
        """Writes one metadata key of a Machine, which does not restart it."""
        self.call("POST", f"/apps/{app}/machines/{machine}/metadata/{key}", json={"value": value}, repeat=True)

    def delete_metadata(self, app: str, machine: str, key: str) -> None:
        """Removes one metadata key; one that is gone is fine."""
        path = f"/apps/{app}/machines/{machine}/metadata"
        self.delete(f"{path}/{key}", listing=path, listed=lambda data: key in mapping(data))


def _skip_launch(launch: bool) -> dict[str, bool]:
    return {} if launch else {"skip_launch": True}


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

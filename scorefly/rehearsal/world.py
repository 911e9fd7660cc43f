"""The rehearsal's world: organizations, apps, Machines, volumes, secrets' digests and addresses.

Plain JSON data, kept in one file between runs. A secret's value is never in it: of it only a digest stays,
as with Fly itself.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

from scorefly import safe_files
from scorefly.rehearsal import rules
from scorefly.rehearsal.clock import now
from scorefly.rehearsal.registry import ImageRegistry
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world_file import VERSION, Json, WorldUnreadable, is_world

_SHARED = "203.0.113.254"
_FIRST = {
    kind: ip_address(ip) for kind, ip in (("v4", "198.18.0.1"), ("v6", "2001:db8::1"), ("private_v6", "fdaa:0:1::1"))
}


class World:
    """All of it, behind one lock. Methods raise Refused where Fly would refuse."""

    def __init__(self, path: Path | None, root: Path | None = None) -> None:
        self.path = path
        self._root = root or (path.parent if path else Path())
        self.lock = threading.RLock()
        self.received: dict[str, dict[str, str]] = {}
        self.organizations: set[str] = set()
        self.images = ImageRegistry(has_app=lambda name: name in self.data["apps"])
        self.registry_host = ""  # where `images` answers
        self.has_builder = False
        self.new_app_answers: tuple[int, ...] = ()
        self.room = 10_000  # Machines that an organization may have in one region
        self.detaching: set[str] = set()  # volumes whose Machine was destroyed just now
        self._hesitating: dict[str, list[int]] = {}
        self._gone: dict[str, dict[str, Json]] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._changed = False
        self._free: dict[str, Iterator[str]] = {}  # by kind, the addresses that no app has
        self.data: Json = self._read()
        self.machine_counts: Counter[tuple[str, str]] = Counter()  # by organization and region
        for app in self.data["apps"].values():
            self._count_machines(app, 1)

    def app(self, name: str) -> Json:
        """An app of ours."""
        if rules.is_somebody_elses(name):
            raise Refused(403, "unauthorized")
        if name not in self.data["apps"]:
            raise Refused(404, f"Could not find App {name!r}")
        if waiting := self._hesitating.get(name):
            status = waiting.pop(0)
            raise Refused(status, "unauthenticated" if status == 401 else f"Could not find App {name!r}")
        found: Json = self.data["apps"][name]
        return found

    def gone(self, name: str) -> dict[str, Json]:
        """The app's Machines that were destroyed since the rehearsal began, by id."""
        self.app(name)
        return self._gone.setdefault(name, {})

    def create_app(self, body: Mapping[str, Any]) -> Json:
        """A new app in an organization."""
        name = rules.app_name(body.get("name") or body.get("app_name"))
        rules.builder(body.get("app_role_id"))
        if name in self.data["apps"] or rules.is_somebody_elses(name):
            raise Refused(422, "Validation failed: Name has already been taken", "name_taken")
        organization = body.get("org_slug")
        if not organization:
            raise Refused(400, "org_slug is required")
        app: Json = {
            "id": secrets.token_hex(8),
            "internal_numeric_id": len(self.data["apps"]) + 1,
            "name": name,
            "status": "pending",
            "organization": {"name": organization, "slug": organization, "internal_numeric_id": 1},
            "network": rules.network(body.get("network")),
            "app_role": body.get("app_role_id") or "",
            "machines": {},
            "volumes": {},
            "secrets": {},
            "secrets_version": 0,
            "addresses": [],
            "releases": [],
        }
        self.data["apps"][name] = app
        self._hesitating[name] = list(self.new_app_answers)
        self.changed()
        return app

    def delete_app(self, name: str) -> None:
        """Takes the app away with everything in it."""
        self._count_machines(self.app(name), -1)
        del self.data["apps"][name]
        self._free.clear()
        self._gone.pop(name, None)
        self.received.pop(name, None)
        self.changed()

    def count_machine(self, app: Json, machine: Json, change: int) -> None:
        """Note that an app has a Machine more, or one less."""
        self.machine_counts[app["organization"]["slug"], machine["region"]] += change

    def _count_machines(self, app: Json, change: int) -> None:
        for machine in app["machines"].values():
            self.count_machine(app, machine, change)

    def update_secrets(self, name: str, body: Mapping[str, Any]) -> Json:
        """Sets and removes secrets; one version for all."""
        app = self.app(name)
        values = rules.secret_names(body.get("values"))
        app["secrets_version"] += 1
        received = self.received.setdefault(name, {})
        for key, value in values.items():
            if value is None:
                app["secrets"].pop(key, None)
                received.pop(key, None)
                continue
            received[key] = value
            salted = f"{self.data['salt']}{key}\0{value}".encode()
            digest = hashlib.sha256(salted).hexdigest()[:16]
            if app["secrets"].get(key, {}).get("digest") != digest:
                app["secrets"][key] = {
                    "name": key,
                    "digest": digest,
                    "created_at": now(),
                    "updated_at": now(),
                }
        self.changed()
        return {"secrets": self.secrets(name), "version": app["secrets_version"]}

    def secrets(self, name: str) -> list[Json]:
        """Names and digests, by name."""
        return [each for _, each in sorted(self.app(name)["secrets"].items())]

    def require_secrets(self, name: str, version: object) -> None:
        """Refuse a version of the app's secrets that does not exist yet."""
        known = self.app(name)["secrets_version"]
        if version is not None and rules.whole_number(version, "secrets version") > known:
            raise Refused(412, f"secrets version {version} is not known yet: the newest is {known}")

    def create_volume(self, name: str, body: Mapping[str, Any]) -> Json:
        """A new volume in a region."""
        app = self.app(name)
        volume_name, region, size = rules.volume(body)
        volume = {
            "id": f"vol_{secrets.token_hex(8)}",
            "name": volume_name,
            "region": region,
            "size_gb": size,
            "state": "created",
            "encrypted": True,
            "host_status": "ok",
            "attached_machine_id": None,
            "snapshot_retention": body.get("snapshot_retention") or 5,
            "auto_backup_enabled": body.get("auto_backup_enabled") is not False,
            "created_at": now(),
        }
        app["volumes"][volume["id"]] = volume
        self.changed()
        return volume

    def volume(self, name: str, volume: str) -> Json:
        """One volume."""
        found = self.app(name)["volumes"].get(volume)
        if found is None:
            raise Refused(404, "volume not found")
        stored: Json = found
        return stored

    def update_volume(self, name: str, volume: str, body: Mapping[str, Any]) -> Json:
        """A volume with other snapshots."""
        found = self.volume(name, volume)
        for key in ("snapshot_retention", "auto_backup_enabled"):
            if body.get(key) is not None:
                found[key] = body[key]
        self.changed()
        return found

    def extend_volume(self, name: str, volume: str, body: Mapping[str, Any]) -> Json:
        """A larger volume; none ever shrinks."""
        found, size = self.volume(name, volume), body.get("size_gb")
        if not isinstance(size, int) or size < found["size_gb"] or size > 500:
            raise Refused(422, f"volume cannot become {size} GB: it has {found['size_gb']}, and 500 is the most")
        found["size_gb"] = size
        self.changed()
        return {"volume": found, "needs_restart": False}

    def delete_volume(self, name: str, volume: str) -> Json:
        """Takes a volume away that no Machine has."""
        found = self.volume(name, volume)
        if found["attached_machine_id"]:
            raise Refused(412, "volume is attached to a machine")
        if volume in self.detaching:
            self.detaching.remove(volume)
            raise Refused(412, "volume is being detached from its machine")
        self.changed()
        removed: Json = self.app(name)["volumes"].pop(volume)
        return removed

    def assign_address(self, name: str, body: Mapping[str, Any]) -> Json:
        """A new address, or the shared one again."""
        app, kind = self.app(name), rules.address_kind(body.get("type"))
        if kind == "shared_v4" and (shared := next((each for each in app["addresses"] if each["shared"]), None)):
            return dict(shared)
        address = {
            "ip": "",
            "region": rules.region(body["region"]) if body.get("region") not in (None, "", "global") else "global",
            "service_name": body.get("service_name") or "",
            "shared": kind == "shared_v4",
            "network": rules.network(body.get("network") or app["network"]),
            "created_at": now(),
        }
        address["ip"] = _SHARED if kind == "shared_v4" else self._unused(kind)
        app["addresses"].append(address)
        self.changed()
        return address

    def release_address(self, name: str, ip: str) -> None:
        """Gives an address back."""
        app = self.app(name)
        kept = [each for each in app["addresses"] if each["ip"] != ip]
        if len(kept) == len(app["addresses"]):
            raise Refused(404, f"the app has no address {ip}")
        app["addresses"] = kept
        self._free.clear()
        self.changed()

    def _unused(self, kind: str) -> str:
        """The first address of its kind that no app has."""
        if kind not in self._free:
            used = {each["ip"] for app in self.data["apps"].values() for each in app["addresses"]}
            self._free[kind] = (ip for ip in (str(_FIRST[kind] + offset) for offset in count()) if ip not in used)
        return next(self._free[kind])

    def changed(self) -> None:
        """Something is to be written at the end."""
        self._changed = True
        self.on_change()

    def write(self) -> None:
        """Replaces the file, when there is one and something changed."""
        with self.lock:
            if self.path is None or not self._changed:
                return
            content = json.dumps(self.data, sort_keys=True).encode()
            try:
                safe_files.write(self._root, self.path.relative_to(self._root), content, private=True)
            except OSError as error:
                raise WorldUnreadable(f"{self.path} cannot be written: {error.strerror}") from error
            self._changed = False

    def _read(self) -> Json:
        try:
            data = json.loads(safe_files.read(self._root, self.path.relative_to(self._root))) if self.path else None
        except FileNotFoundError:
            data = None
        except OSError as error:
            raise WorldUnreadable(f"cannot read the rehearsal file {self.path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise WorldUnreadable(f"the rehearsal file {self.path} is damaged") from error
        if data is None:
            return {"version": VERSION, "salt": secrets.token_hex(16), "apps": {}}
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise WorldUnreadable(f"the rehearsal file {self.path} was written by another version of scorefly")
        if not is_world(data):
            raise WorldUnreadable(f"the rehearsal file {self.path} is damaged")
        return data

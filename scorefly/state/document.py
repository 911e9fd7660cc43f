"""The state of one environment: what was provisioned, what was deployed, and what only we know of it."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.problems import Place, input_error
from scorefly.state.releases import Release, Rollback
from scorefly.values import Secret, Tree, secret_texts

NOT_KEPT = Secret(None)  # a value that was made from a secret the run was given: every run is given it anew
TREES = ("metadata", "params", "state", "outputs", "random")  # fields of a resource that may hold secrets


class ResourceState(Struct, frozen=True):
    """One provisioned resource. `random` holds its random values by where its template asks for them.

    `owner` is the workload it belongs to. `needs` are the uids its params read: they are deprovisioned after it.
    `app_stems` are the names of its apps, without prefix and suffix, by their key in the template: an app keeps its
    name. `defined_by` is the workload whose Score file its params were read from.
    """

    uid: str
    guid: str
    provisioner: str
    type: str
    class_: str
    id: str
    workloads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    metadata: Mapping[str, Tree] = field(default_factory=dict)
    params: Mapping[str, Tree] = field(default_factory=dict)
    state: Mapping[str, Tree] = field(default_factory=dict)
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    random: Mapping[str, Tree] = field(default_factory=dict)
    apps: tuple[str, ...] = ()
    owner: str = ""
    app_stems: Mapping[str, str] = field(default_factory=dict)
    defined_by: str = ""


class SecretState(Struct, frozen=True):
    """A secret scorefly set on Fly: a fingerprint of its value, and the digest Fly gave it (empty: unknown)."""

    fingerprint: str
    digest: str


class AppState(Struct, frozen=True):
    """One app scorefly made or deployed. `ports` maps a service port's name to (port, target port).

    `flycast` says that others connect to its service ports, through Fly's proxy. `commit` is the one it was deployed
    from last; empty where it is unknown. `id` is Fly's, empty while the app is being made. `needs` are apps it uses.
    `addresses` are the IPs it was given; a kind such as `v6` stands for one whose allocation was not answered.
    `record` is what was last deployed, packed: see `deployment/drift.py`.
    `uses` and `used_secrets` are the uids and the names of secrets that the last good deploy used.
    `deployed_at` is when that was. `releases` are the last different deploys of a workload, oldest first, `release` is
    the id of the one that runs (empty: unknown), and `artefacts` are theirs, packed: see `state/releases.py`.
    `certificates` are those that were requested for it, by host: Fly's last status, empty where its answer is unknown.
    `network` is the private network that it was created in, empty for the organization's default one.
    """

    name: str
    owner: str
    workload: str = ""
    digest: str = ""
    url: str = ""
    commit: str = ""
    secrets: Mapping[str, SecretState] = field(default_factory=dict)
    ports: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    flycast: bool = False
    id: str = ""
    needs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    record: str = ""
    uses: tuple[str, ...] = ()
    used_secrets: tuple[str, ...] = ()
    certificates: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    deployed_at: str = ""
    releases: tuple[Release, ...] = ()
    release: str = ""
    artefacts: str = ""
    rollback: Rollback | None = None

    @property
    def current_release(self) -> Release | None:
        """The release that runs, or None where it is unknown."""
        return next((each for each in self.releases if each.id == self.release), None)


class Repository(Struct, frozen=True):
    """A repository on GitHub: `owner/name` in lower case, and GitHub's id of it; empty where they are unknown."""

    name: str = ""
    id: str = ""

    def may_be(self, other: Repository) -> bool:
        """Decide whether another one can be the same: an id outlives a new name."""
        if self.id and other.id:
            return self.id == other.id
        return self.name == other.name or not (self.name and other.name)

    def known_with(self, other: Repository) -> Repository:
        """Return what is known of the same repository now; what is not known now stays."""
        return Repository(self.name or other.name, self.id or other.id)


UNKNOWN = Repository()


class SourceState(Struct, frozen=True):
    """The files that a workload was last deployed from: the repository's key, the ref and its commit, and the folder.

    `tree` is git's id of what is below the folder.
    """

    repository: str
    ref: str
    commit: str
    path: str = ""
    tree: str = ""


class EnvironmentState(Struct, frozen=True):
    """All of it. `seed` is random, made once: fingerprints and guids of another environment are others.

    `workloads` says in which Score file each workload was last seen. `repository` is the one it belongs to.
    `sources` are what workloads of other repositories were deployed from. `synced` is a digest of everything that the
    last sync deployed, if it succeeded.
    """

    environment: str
    seed: str
    resources: Mapping[str, ResourceState] = field(default_factory=dict)
    shared: Mapping[str, Tree] = field(default_factory=dict)
    apps: Mapping[str, AppState] = field(default_factory=dict)
    workloads: Mapping[str, str] = field(default_factory=dict)
    repository: Repository = UNKNOWN
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    synced: str = ""

    def with_resource(self, resource: ResourceState) -> EnvironmentState:
        """The state with this resource as it is now."""
        return replace(self, resources={**self.resources, resource.uid: resource})

    def with_app(self, app: AppState) -> EnvironmentState:
        """The state with this app as it is now."""
        return replace(self, apps={**self.apps, app.name: app})

    def without_resource(self, uid: str) -> EnvironmentState:
        """The state without this resource."""
        return replace(self, resources={name: each for name, each in self.resources.items() if name != uid})

    def without_app(self, app_name: str) -> EnvironmentState:
        """The state without this app."""
        return replace(self, apps={name: each for name, each in self.apps.items() if name != app_name})


def secrets_in(state: EnvironmentState) -> Iterator[str]:
    """Every secret text of a state, to be hidden before anything is shown."""
    yield from secret_texts(dict(state.shared))
    for resource in state.resources.values():
        for name in TREES:
            yield from secret_texts(dict(getattr(resource, name)))


def new_environment(name: str) -> EnvironmentState:
    """The state of an environment nothing is known of."""
    return EnvironmentState(name, os.urandom(16).hex())


def bound(state: EnvironmentState, environment: str, repository: Repository, place: Place) -> EnvironmentState:
    """Return the state with the repository it belongs to from now on.

    Raises InputError when it is another environment's or another repository's. One that is bound to no repository yet
    is accepted.
    """
    if state.environment != environment:
        hint = "put the right one back (docs/state.md), and give each environment a state of its own"
        raise input_error(f"this is the state of {state.environment!r}, not of {environment!r}", hint, place)
    if not repository.may_be(state.repository):
        raise input_error(
            f"this is the state of repository {state.repository.name}, not of {repository.name}",
            "use this repository's own; if it was renamed or moved: scorefly state rebind",
            place,
        )
    return replace(state, repository=repository.known_with(state.repository))


def fingerprint(seed: str, name: str, value: str) -> str:
    """Return what stands for a secret's value: the same for the same value, and useless to anybody without the seed."""
    return hmac.new(bytes.fromhex(seed), f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()


def guid(seed: str, uid: str) -> str:
    """A resource's globally unique id, the same in every run of the environment."""
    return str(uuid.uuid5(uuid.UUID(seed), uid))


def kept_values(tree: Mapping[str, Tree]) -> dict[str, Tree]:
    """Leave out the values that state does not keep."""
    return {name: value for name, value in tree.items() if value != NOT_KEPT}

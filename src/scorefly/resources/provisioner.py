"""What a provisioner is: the contract of every member of this family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scorefly.problems import Place
from scorefly.values import Plain, Tree


@dataclass(frozen=True, slots=True)
class Spec:
    """The keys every provisioner entry has in common. `source` is the file it came from, for lists."""

    uri: str
    type: str
    place: Place
    class_: str | None = None
    id: str | None = None
    description: str = ""
    supported_params: tuple[str, ...] | None = None
    expected_outputs: tuple[str, ...] = ()
    built_in: bool = False

    def matches(self, type_: str, class_: str, id_: str) -> bool:
        """Whether it provisions such a resource: `class` and `id` count only where the entry names them."""
        return self.type == type_ and self.class_ in (None, class_) and self.id in (None, id_)


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """What a provisioner may know of a workload: `ports` maps a port's name to (service port, target port)."""

    name: str
    app: str
    ports: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def hostname(self) -> str:
        """Where other apps of the organization reach it: Fly's private DNS."""
        return f"{self.app}.internal"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for every resource of a run.

    In a `trial`, which only checks, a GitHub secret that is not there gets a stand-in.
    """

    environment: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    workloads: Mapping[str, WorkloadView]
    app_name: Callable[[str], str]
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One resource to provision, with what is known of it from before.

    `id` is the uid's part behind `#`. `random` holds the random values made for it so far, by where they are
    asked for. `place` is where a Score file asks for the resource.
    """

    uid: str
    guid: str
    type: str
    class_: str
    id: str
    name: str
    params: Mapping[str, Tree]
    metadata: Mapping[str, Plain]
    owner: WorkloadView
    place: Place
    state: Mapping[str, Tree] = field(default_factory=dict)
    shared: Mapping[str, Tree] = field(default_factory=dict)
    random: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceApp:
    """A Fly app that comes with a resource: `config` is fly.toml as data, with `secrets` beside its keys."""

    key: str
    name: str
    config: Mapping[str, Tree]
    place: Place


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What provisioning gave. `shared` is a patch of the shared state; outputs hold the secret ones too."""

    outputs: Mapping[str, Tree]
    state: Mapping[str, Tree] = field(default_factory=dict)
    shared: Mapping[str, Tree] = field(default_factory=dict)
    random: Mapping[str, Tree] = field(default_factory=dict)
    apps: tuple[ResourceApp, ...] = ()


class Provisioner(Protocol):
    """Makes a resource, or finds it. Calling it again with the state it gave must give the same resource."""

    @property
    def spec(self) -> Spec:
        """Which resources it is for."""
        ...

    def provision(self, request: Request, surroundings: Surroundings) -> Provisioned:
        """Provisions. Raises InputError for what the user wrote, OutsideError for what failed outside."""
        ...

    def deprovision(self, request: Request, surroundings: Surroundings) -> None:
        """Takes the resource away; one that is gone is fine. Its Fly apps are the caller's. Raises OutsideError."""
        ...

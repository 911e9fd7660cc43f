"""The contract of every provisioner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct, field

from scorefly.problems import Place, Problem
from scorefly.values import Plain, Tree

if TYPE_CHECKING:
    from scorefly.fly.managed_postgres import ManagedPostgresApi


class Spec(Struct, frozen=True):
    """The keys every provisioner entry has in common. `source` is the file it came from, for lists.

    `reads_peers` says that it looks at the other resources it provisions, which not many need to be told of.
    """

    uri: str
    type: str
    place: Place
    class_: str | None = None
    id: str | None = None
    description: str = ""
    supported_params: tuple[str, ...] | None = None
    expected_outputs: tuple[str, ...] = ()
    built_in: bool = False
    reads_peers: bool = False

    def matches(self, type_: str, class_: str, id_: str) -> bool:
        """Decide whether it provisions such a resource: `class` and `id` count only where the entry names them."""
        return self.type == type_ and self.class_ in (None, class_) and self.id in (None, id_)

    def covers(self, other: Spec) -> bool:
        """Decide whether it provisions everything that the other one does."""
        return self.type == other.type and self.class_ in (None, other.class_) and self.id in (None, other.id)


class WorkloadView(Struct, frozen=True):
    """The part of a workload that provisioners see: `ports` maps a port's name to (service port, target port).

    With `flycast` others connect to its service ports, through Fly's proxy, else to its target ports.
    """

    name: str
    app: str
    ports: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    flycast: bool = False

    @property
    def hostname(self) -> str:
        """Return where other apps of the organization reach it: Fly's private DNS."""
        return f"{self.app}.{'flycast' if self.flycast else 'internal'}"

    def reached_at(self, name: str) -> int:
        """The number at which others connect to a port."""
        return self.ports[name][0 if self.flycast else 1]


# What a run may call commands and servers for: to provision; to ask those that can plan; for nothing, and what
# earlier runs were given is taken; for nothing, and stand-ins are taken.
Calls = Literal["provision", "plan", "known", "never"]


class Outside(Struct, frozen=True):
    """The means for calls to the outside, and the functions that hide secrets and show output.

    `environ` is the process's environment, for a child to be given parts of. `hide` is told secrets before anything
    that may hold them is shown; `output` is where another program's lines go, under a title. `managed` makes databases
    of Fly Managed Postgres, in commands that are connected to Fly.
    """

    calls: Calls
    rehearsal: bool
    workspace: Path
    environ: Mapping[str, str]
    hide: Callable[[Iterable[str]], None]
    output: Callable[[str], AbstractContextManager[Callable[[str], None]]]
    managed: ManagedPostgresApi | None = None


class ProvisioningContext(Struct, frozen=True):
    """The context that all resources of a run share.

    In a `trial`, which only checks, a GitHub secret that is not there gets a stand-in. `own_secrets` are the names of
    scorefly's own tokens: they are not among `secrets`. `replaced` are the uids that the run may replace by empty ones.
    `granted_secrets` are the names of those that the workload that asks may have; None means all.
    `previews_app` names the server of a kind that all previews share.
    Without `custom_domains` apps are reached by Fly's own names only.
    """

    environment: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    workloads: Mapping[str, WorkloadView]
    app_name: Callable[[str], str]
    outside: Outside
    trial: bool = False
    own_secrets: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    granted_secrets: frozenset[str] | None = None
    custom_domains: bool = True
    previews_app: Callable[[str], str] = str


class Peer(Struct, frozen=True):
    """Another resource of the same provisioner: what was asked of it, and what it keeps."""

    params: Mapping[str, Tree]
    state: Mapping[str, Tree]
    app_stems: Mapping[str, str] = field(default_factory=dict)


class Request(Struct, frozen=True):
    """One resource to provision, with what is known of it from before.

    `id` is the uid's part behind `#`. `random` holds the random values made for it so far, by where they are
    asked for. `outputs` are what an earlier run was given. `place` is where a Score file asks for the resource.
    `peers` are the environment's other resources of the same provisioner, by uid, as they were provisioned last.
    `app_stems` are the names its apps were given before, without prefix and suffix; `taken` are names of apps that
    hold the data of another resource. `keep` saves what a call gave, before anything else happens: a call that fails
    or is cut short may have given it.
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
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    app_stems: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    keep: Callable[[Provisioned], None] = lambda _: None


class ResourceApp(Struct, frozen=True):
    """A Fly app of a resource: `config` is fly.toml as data, with `secrets` beside its keys.

    `name` is `stem` within the prefix and suffix. `owner` is the resource's uid; of a `shared` app, which is one for
    all resources of a provisioner, the first of their uids.
    """

    key: str
    name: str
    config: Mapping[str, Tree]
    place: Place
    owner: str
    shared: bool = False
    stem: str = ""


class Provisioned(Struct, frozen=True):
    """The result of provisioning. `shared` is a merge patch of the shared state; outputs include secret ones.

    A `provisional` result replaces one that was not requested yet: it is not remembered. With `open_outputs` any
    other output has a stand-in too.
    """

    outputs: Mapping[str, Tree]
    state: Mapping[str, Tree] = field(default_factory=dict)
    shared: Mapping[str, Tree] = field(default_factory=dict)
    random: Mapping[str, Tree] = field(default_factory=dict)
    apps: tuple[ResourceApp, ...] = ()
    provisional: bool = False
    open_outputs: bool = False
    problems: tuple[Problem, ...] = ()


class Provisioner(Protocol):
    """Makes a resource, or finds it. Calling it again with the state it gave must give the same resource."""

    @property
    def spec(self) -> Spec:
        """Return which resources it is for."""
        ...

    def reaches_out(self, outside: Outside) -> bool:
        """Decide whether provisioning is felt outside of this process: state is saved before it, and directly after."""
        ...

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Provisions. Raises InputError for what the user wrote, ExternalError for what failed outside."""
        ...

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:
        """Takes the resource away, but for its apps; what is gone is fine. Returns what is worth knowing.

        Raises as `provision` does.
        """
        ...

    def syntax_problems(self) -> list[Problem]:
        """Return what is wrong with its templates as they are written."""
        ...

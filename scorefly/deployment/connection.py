"""The way to Fly: the real one with a token and flyctl, or the embedded rehearsal of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.confined import read_file, resolve
from scorefly.desired.builds import build_secret_file
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import OrganizationMachines
from scorefly.fly.deployer import Builder, Deployer
from scorefly.fly.registry import Registries
from scorefly.fly.registry_credentials import fly_registry, registry_credentials
from scorefly.http import is_loopback
from scorefly.problems import Place, input_error, option_place
from scorefly.state.keeper import Keeper

if TYPE_CHECKING:
    from scorefly.fly.docker import DockerBuilder

REHEARSAL_TOKEN = "rehearsal"  # noqa: S105 - what the rehearsal takes for a token


class Connection(Struct, frozen=True):
    """The REST client, the deploy engine and the builder of images of one run.

    `slots` bounds the deploys of several runs together.
    """

    api: FlyApi
    deployer: Deployer
    builder: Builder
    registries: Registries
    slots: AbstractContextManager[object] = field(default_factory=nullcontext)
    shared: SharedFly | None = None


class SharedFly:
    """The parts that the runs of one sync share: the simulated Fly, listings, and the number of deploys at a time.

    A context manager.
    """

    def __init__(self, settings: Settings) -> None:
        self.slots = threading.BoundedSemaphore(settings.max_parallel)
        self._rehearsal_url = ""
        self._settings = settings
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._listings: dict[tuple[str, str], OrganizationMachines] = {}

    def __enter__(self) -> SharedFly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def rehearsal_url(self) -> str:
        """The address of the simulated Fly, which is started when it is needed."""
        with self._lock:
            if not self._rehearsal_url:
                self._rehearsal_url = self._stack.enter_context(_rehearsal(self._settings))
            return self._rehearsal_url

    def org_machines(self, settings: Settings, api: FlyApi) -> OrganizationMachines:
        """Return the Machines of the organization, as the first run that asked saw them."""
        key = (settings.org, settings.fly_api_token)
        with self._lock:
            if key not in self._listings:
                self._listings[key] = api.org_machines(settings.org)
            return self._listings[key]


@contextmanager
def connect(settings: Settings, keeper: Keeper | None = None, shared: SharedFly | None = None) -> Iterator[Connection]:
    """Opens the way to Fly for one run. The rehearsal's world is kept in the workspace between runs,
    or in the scratch folder of an untrusted run.

    With `keeper`, its lock is confirmed before every request that changes something.
    """
    with _connect(settings, shared) as connection:
        if keeper is not None:
            connection.api.before_change = keeper.confirm_lock
        yield replace(connection, slots=shared.slots, shared=shared) if shared else connection


def open_api(settings: Settings) -> FlyApi:
    """Return a client of the real Fly, or of what takes its place."""
    other = settings.fly_base_url if "FLY_FLAPS_BASE_URL" in settings.environ else "https://api.fly.io"
    platform = settings.environ.get("FLY_API_BASE_URL") or other
    return FlyApi(settings.fly_api_token, settings.fly_base_url, platform_url=platform)


@contextmanager
def _rehearsal(settings: Settings) -> Iterator[str]:
    """Run the simulated Fly. Yields its address."""
    from scorefly.rehearsal.server import Rehearsal
    from scorefly.rehearsal.world_file import WorldUnreadable

    root = settings.scratch or settings.workspace
    world = root / ".scorefly" / "rehearsal" / "world.json"
    try:
        server = Rehearsal(world, root=root)
    except WorldUnreadable as error:
        name = world.relative_to(root).as_posix()
        raise input_error(
            str(error), f"remove {name}: the next rehearsal starts with an empty one", Place(name)
        ) from error
    with server as rehearsal:
        yield rehearsal.url


@contextmanager
def _connect(settings: Settings, shared: SharedFly | None) -> Iterator[Connection]:
    registries = open_registries(settings)
    if settings.rehearse:
        from scorefly.fly.machines import MachinesDeployer

        with ExitStack() as stack:
            url = shared.rehearsal_url if shared else stack.enter_context(_rehearsal(settings))
            api = stack.enter_context(FlyApi(REHEARSAL_TOKEN, url, platform_url=url))
            machines = MachinesDeployer(api, wait_timeout=settings.wait_timeout, ha=settings.ha)
            yield Connection(api, machines, machines, registries)
        return
    from scorefly.fly.flyctl import FlyctlDeployer
    from scorefly.fly.flyctl_arguments import DeployOptions

    if (settings.build_secrets or settings.build_secret_files) and settings.builder != "docker":
        hint = "set builder: docker, which gets them without a command line (docs/builds.md)"
        reason = "flyctl takes build secrets on its command line only, where every process can read them"
        raise input_error(
            reason, hint, option_place("build-secrets" if settings.build_secrets else "build-secret-files")
        )
    options = DeployOptions(
        wait_timeout=settings.wait_timeout,
        attempt_timeout=settings.attempt_timeout,
        ha=settings.ha,
        strategy=settings.strategy,
        extra=settings.deploy_args,
        build_args=settings.build_args,
    )
    hidden = [*settings.secrets.values(), settings.github_token]
    with ExitStack() as stack:
        api = stack.enter_context(open_api(settings))
        flyctl = FlyctlDeployer(settings.fly_api_token, options, settings.environ, hidden, registries=registries)
        deployer = stack.enter_context(flyctl)
        builder: Builder = deployer
        if settings.builder == "docker":
            builder = stack.enter_context(_docker(settings, hidden, registries))
        yield Connection(api, deployer, builder, registries)


def _docker(settings: Settings, hidden: Sequence[str], registries: Registries) -> DockerBuilder:
    """Return the builder that runs docker on this machine."""
    from scorefly.fly.docker import MAX_SECRET_FILE, DockerBuilder, DockerOptions

    no_cache = any(word in ("--no-cache", "--no-cache=true") for word in settings.deploy_args)
    place = option_place("build-secret-files")
    files = {}
    for name in settings.build_secret_files:
        root, path = build_secret_file(settings, name)
        content = read_file(root, path, place, limit=MAX_SECRET_FILE).decode(errors="replace")
        files[name] = (resolve(root, path, place), content)
    options = DockerOptions(settings.build_args, settings.build_secrets, files, no_cache)
    return DockerBuilder(settings.fly_api_token, options, settings.environ, hidden, registries)


def open_registries(settings: Settings) -> Registries:
    """Return the client of image registries. A rehearsal asks none but those on loopback, and hands out no credentials.

    SCOREFLY_TEST_REGISTRY is the address of a registry on loopback that replaces all others.
    """
    base_url = settings.environ.get("SCOREFLY_TEST_REGISTRY", "")
    base_url = base_url if is_loopback(base_url) else ""
    if settings.rehearse:
        return Registries(base_url=base_url, offline=True)
    credentials = registry_credentials(settings.environ, settings.fly_api_token)
    offline = is_loopback(settings.fly_base_url)  # a simulated Fly
    return Registries(credentials, base_url, offline, fly_registry(settings.environ))

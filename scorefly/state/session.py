"""Opens an environment's state for a run: where it is kept, with which keys, locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec.structs import replace

from scorefly import interruption, safe_files
from scorefly.config.settings import Settings, is_preview
from scorefly.problems import InputError, Problem, ScoreflyError, one_edit_apart, option_place
from scorefly.report.progress import Progress
from scorefly.state.document import UNKNOWN, EnvironmentState, Repository, new_environment, secrets_in
from scorefly.state.encryption import Keys, parse_keys
from scorefly.state.file import FileStore, environments_in
from scorefly.state.keeper import Keeper
from scorefly.state.names import state_names
from scorefly.state.store import HeldError, StateStore

_POLL = (0.5, 8.0)  # seconds: from, to


@contextmanager
def open_state(settings: Settings, progress: Progress) -> Iterator[Keeper]:
    """The environment's state, locked while the run lasts; a new one when there is none yet.

    A dry run only reads it: no lock is taken, and changes stay in memory.
    """
    if settings.dry_run:
        yield Keeper(None, read_state(settings, progress))
        return
    with open_store(settings) as store, ExitStack() as held:
        take_lock(store, held, settings.lock_timeout, progress.step)
        state = store.load() or _new_state(settings, store, progress)
        progress.publish(state_names(state))
        progress.hide(secrets_in(state))
        # Who changes apps tells a later sync that they are not as the last one left them.
        yield Keeper(store, replace(state, synced="") if state.synced else state)


def read_state(settings: Settings, progress: Progress | None = None) -> EnvironmentState:
    """The environment's state to look at, without the lock: it is replaced as a whole, so it is always one."""
    with open_store(settings) as store:
        return store.load() or _new_state(settings, store, progress)


def known_environments(settings: Settings) -> tuple[str, ...]:
    """Return the other environments whose state is kept at the same place; none where they cannot be listed."""
    with open_store(settings, reads=False) as store:
        return _listed(store)


@contextmanager
def open_store(settings: Settings, *, reads: bool = True, rebinds: bool = False) -> Iterator[StateStore]:
    """Return where the state is kept. In a rehearsal that is a file, because it needs no token and no network.

    Who does not read it needs no key. Who `rebinds` it takes the state of any repository.
    """
    repository = UNKNOWN if rebinds else repository_of(settings)
    keys = _keys(settings) if reads else Keys(())
    if not on_git(settings):
        root, below = safe_files.locate(settings.workspace, _path(settings))
        yield FileStore(root / below, state_name(settings), keys, root, repository)
        return
    # What only state on git needs is imported here: no other run pays for it.
    from scorefly.git.remote import GitRemote
    from scorefly.state.git import git_store
    from scorefly.state.repository import address, holder

    if keys is None:
        raise _no_key(settings)
    with GitRemote(address(settings), settings.environ) as remote:
        yield git_store(remote, state_name(settings), keys, holder(settings), repository)


def take_lock(
    store: StateStore,
    held: ExitStack,
    timeout: float,
    tell: Callable[[str], None],
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = interruption.sleep,
) -> None:
    """Puts the lock into `held`, waiting `timeout` seconds for another run. Raises HeldError when they are over."""
    end, shown = now() + timeout, ""
    shortest, longest = _POLL
    pause = shortest
    while True:
        try:
            held.enter_context(store.lock())
        except HeldError as other:
            left = end - now()
            if left <= 0:
                raise
            if (message := other.problems[0].message) != shown:
                tell(f"waiting: {message}")
                shown = message
            sleep(min(pause, left))
            pause = min(pause * 2, longest)
        else:
            return


def on_git(settings: Settings) -> bool:
    """Decide whether state is kept on a git ref."""
    return settings.state == "git" and not settings.rehearse


def _new_state(settings: Settings, store: StateStore, progress: Progress | None) -> EnvironmentState:
    """Return an empty state; where another environment has nearly the same name, warn that it may have been meant."""
    others = () if progress is None or is_preview(settings.environment) else _listed(store)
    close = next((name for name in others if one_edit_apart(name, settings.environment)), "")
    if progress is not None and close:
        message = f"environment {settings.environment!r} has no state yet, and {close!r} has one"
        progress.problem(Problem(message, f"did you mean {close!r}?", option_place("environment"), "warning"))
    return replace(new_environment(state_name(settings)), repository=repository_of(settings))


def _listed(store: StateStore) -> tuple[str, ...]:
    try:
        return store.environments()
    except ScoreflyError:
        return ()


def repository_of(settings: Settings) -> Repository:
    """Return the repository that the environment's state belongs to; a rehearsal's belongs to none."""
    return UNKNOWN if settings.rehearse else Repository(settings.repository, settings.trigger.repository_id)


def state_name(settings: Settings) -> str:
    """A rehearsal has a separate state: neither is ever taken for the other."""
    return f"rehearsal of {settings.environment}" if settings.rehearse else settings.environment


def state_place(settings: Settings) -> str:
    """Return where the environment's state is kept, for messages: a ref or a path."""
    if on_git(settings):
        from scorefly.state.git import state_ref

        return state_ref(settings.environment)
    path = _path(settings)
    return str(path.relative_to(settings.workspace) if path.is_relative_to(settings.workspace) else path)


def _path(settings: Settings) -> Path:
    folder = settings.workspace / ".scorefly" / ("rehearsal" if settings.rehearse else "state")
    if settings.state.startswith("file:"):
        path = settings.workspace / Path(settings.state.removeprefix("file:")).expanduser()
        return path / f"{settings.environment}.state" if safe_files.is_folder(settings.workspace, path) else path
    return folder / f"{settings.environment}.state"


def _keys(settings: Settings) -> Keys | None:
    """None lets the file state make a key beside itself, which is of no use where the disk is thrown away."""
    if settings.state_key:
        return parse_keys(settings.state_key)
    if settings.in_action and not settings.rehearse:
        raise _no_key(settings)
    return None


def _no_key(settings: Settings) -> InputError:
    passed = (
        "pass state-key: ${{ secrets.SCOREFLY_STATE_KEY }}"
        if settings.in_action
        else "set $SCOREFLY_STATE_KEY to the same"
    )
    return InputError(
        Problem(
            "there is no key to encrypt the state with",
            "run `scorefly state new-key`, keep what it prints where you keep passwords, store it with "
            f"`gh secret set SCOREFLY_STATE_KEY`, and {passed}",
            option_place("state-key"),
        )
    )


def stored_environments(settings: Settings, prefix: str) -> tuple[str, ...]:
    """The environments whose names begin with `prefix` and whose state is in a folder of this workspace."""
    root, folder = safe_files.locate(settings.workspace, _path(settings).parent, is_folder=True)
    return tuple(name for name in environments_in(root, folder) if name.startswith(prefix))

"""Opens an environment's state for a run: where it is kept, with which keys, locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scorefly import interruption, safe_files
from scorefly.problems import InputError, Problem, option_place
from scorefly.run.keeper import Keeper
from scorefly.run.progress import Progress
from scorefly.run.public_names import state_names
from scorefly.run.settings import Settings
from scorefly.state.document import EnvironmentState, new_environment, secrets_in
from scorefly.state.encryption import Keys, parse_keys
from scorefly.state.file import FileStore
from scorefly.state.store import HeldError, StateStore

_POLL = (0.5, 8.0)  # seconds: from, to


@contextmanager
def open_state(settings: Settings, progress: Progress) -> Iterator[Keeper]:
    """The environment's state, locked while the run lasts; a new one when there is none yet.

    A dry run only reads it: no lock is taken, and changes stay in memory.
    """
    if settings.dry_run:
        yield Keeper(None, read_state(settings))
        return
    with open_store(settings) as store, ExitStack() as held:
        take_lock(store, held, settings.lock_timeout, progress.step)
        state = store.load() or new_environment(state_name(settings))
        progress.publish(state_names(state))
        progress.hide(secrets_in(state))
        yield Keeper(store, state)


def read_state(settings: Settings) -> EnvironmentState:
    """The environment's state to look at, without the lock: it is replaced as a whole, so it is always one."""
    with open_store(settings) as store:
        return store.load() or new_environment(state_name(settings))


@contextmanager
def open_store(settings: Settings, *, reads: bool = True) -> Iterator[StateStore]:
    """Where the state is kept. In a rehearsal that is a file, for it needs no token and no network.

    Who does not read it needs no key.
    """
    keys = _keys(settings) if reads else Keys(())
    if not on_git(settings):
        root, below = safe_files.locate(settings.workspace, _path(settings))
        yield FileStore(root / below, state_name(settings), keys, root)
        return
    # What only state on git needs is imported here: no other run pays for it.
    from scorefly.git.remote import GitRemote
    from scorefly.run.repository import address, holder
    from scorefly.state.git import git_store

    if keys is None:
        raise _no_key(settings)
    with GitRemote(address(settings), settings.environ) as remote:
        yield git_store(remote, state_name(settings), keys, holder(settings))


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
    end, told = now() + timeout, ""
    shortest, longest = _POLL
    pause = shortest
    while True:
        try:
            held.enter_context(store.lock())
        except HeldError as other:
            left = end - now()
            if left <= 0:
                raise
            if (message := other.problems[0].message) != told:
                tell(f"waiting: {message}")
                told = message
            sleep(min(pause, left))
            pause = min(pause * 2, longest)
        else:
            return


def on_git(settings: Settings) -> bool:
    """Whether state is kept on a git ref."""
    return settings.state == "git" and not settings.rehearse


def state_name(settings: Settings) -> str:
    """A rehearsal's state is no state of the real environment: neither is ever taken for the other."""
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
    names = (name for name in safe_files.list_names(root, folder) if name.startswith(prefix))
    return tuple(name.removesuffix(".state") for name in names if name.endswith(".state"))

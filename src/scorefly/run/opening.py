"""Opens an environment's state for a run: where it is kept, with which keys, locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scorefly.problems import InputError, Problem, option_place
from scorefly.run.keeper import Keeper
from scorefly.run.settings import Settings
from scorefly.state.document import new_environment
from scorefly.state.encryption import Keys, parse_keys
from scorefly.state.file import FileStore


@contextmanager
def open_state(settings: Settings) -> Iterator[Keeper]:
    """The environment's state, locked while the run lasts; a new one when there is none yet."""
    store = _store(settings)
    with store.lock():
        yield Keeper(store, store.load() or new_environment(_environment(settings)))


def read_state(settings: Settings) -> Keeper:
    """The state as it is now, for a run that changes nothing: neither locked nor ever saved."""
    return Keeper(None, _store(settings).load() or new_environment(_environment(settings)))


def _store(settings: Settings) -> FileStore:
    return FileStore(_path(settings), _environment(settings), _keys(settings))


def _environment(settings: Settings) -> str:
    """A rehearsal's state is no state of the real environment: neither is ever taken for the other."""
    return f"rehearsal of {settings.environment}" if settings.rehearse else settings.environment


def _path(settings: Settings) -> Path:
    folder = settings.workspace / ".scorefly" / ("rehearsal" if settings.rehearse else "state")
    if settings.state.startswith("file:"):
        path = settings.workspace / Path(settings.state.removeprefix("file:")).expanduser()
        return path / f"{settings.environment}.state" if path.is_dir() else path
    if settings.state == "git" and not settings.rehearse:
        raise InputError(
            Problem(
                "state on a git ref is not in this version",
                "say state: file:PATH, and keep that file between runs (an actions/cache step does)",
                option_place("state"),
            )
        )
    return folder / f"{settings.environment}.state"


def _keys(settings: Settings) -> Keys | None:
    """None lets the file state make a key beside itself, which is of no use where the disk is thrown away."""
    if settings.state_key:
        return parse_keys(settings.state_key)
    if settings.in_action and not settings.rehearse:
        raise InputError(
            Problem(
                "there is no key to encrypt the state with",
                "run `scorefly state new-key`, store what it prints with `gh secret set SCOREFLY_STATE_KEY`, "
                "and pass state-key: ${{ secrets.SCOREFLY_STATE_KEY }}",
                option_place("state-key"),
            )
        )
    return None

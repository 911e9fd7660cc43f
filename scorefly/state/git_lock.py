"""The lock of an environment: a ref that says who works on it, and until when that holds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from scorefly import interruption
from scorefly.git.remote import GitRemote, Version
from scorefly.problems import ExternalError, Place, Problem
from scorefly.state.own_process import has_ended
from scorefly.state.store import HeldError

LOCK_TTL = 180.0  # seconds a lock is good for: as long as others wait for a run that was killed
_MARGIN = LOCK_TTL / 3  # seconds before its end when a lock is refreshed before anything is changed
_LATEST = 253_402_300_800.0  # the year 10000
_SKEW = 20.0  # seconds the clocks of two machines may differ


class Holder(Struct, frozen=True):
    """The holder of a lock: a name, and a link to its run (may be empty). `run` identifies a job on its runner.

    `instance` identifies one that never runs twice at a time, such as a listener's unit: it takes back its own lock.
    `process` identifies the process: others on its machine take the lock of one that was killed.
    """

    name: str
    link: str = ""
    run: str = ""
    instance: str = ""
    process: str = ""


class Entry(Struct, frozen=True):
    """The content of a lock's ref. Times are seconds since 1970, by the holder's clock."""

    name: str
    link: str
    since: float
    expires: float
    run: str = ""
    instance: str = ""
    process: str = ""

    def __str__(self) -> str:
        since = time.strftime(", since %Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since)) if self.since else ""
        return f"{self.name}{since}{f', {self.link}' if self.link else ''}"


class GitLock:
    """Taken, kept and given back by compare-and-swap of one ref; one that expired is anybody's."""

    def __init__(
        self,
        remote: GitRemote,
        ref: str,
        environment: str,
        holder: Holder,
        *,
        now: Callable[[], float] = time.time,
        refresh_every: float = LOCK_TTL / 4,
    ) -> None:
        self._remote = remote
        self._ref = ref
        self._environment = environment
        self._holder = holder
        self._now = now
        self._refresh_every = refresh_every
        self._commit = ""
        self._entry: Entry | None = None
        self._refreshing = threading.Lock()
        self.lost = False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Takes it, refreshes it as long as the block lasts, and gives it back. Raises HeldError."""
        done = threading.Event()
        refresher = threading.Thread(target=self._keep, args=(done,), daemon=True)
        try:
            self.take()
            refresher.start()
            yield
        finally:
            done.set()
            if refresher.is_alive():
                refresher.join()
            self.release()

    def take(self) -> None:
        """Take the lock: a free one, an expired one, or one that a killed run left here. Raises HeldError."""
        now, found, holder = self._now(), "", self._holder
        self._entry = Entry(holder.name, holder.link, now, now + LOCK_TTL, holder.run, holder.instance, holder.process)
        while True:
            # Known as ours before it is there: an interrupt in the middle must not leave it behind.
            self._commit = self._write(self._entry)
            if self._remote.swap(self._ref, found, self._commit):
                return
            held = self._remote.read(self._ref)
            if held and not self._is_own(entry := _parse(held)) and entry.expires + _SKEW > self._now():
                self._commit = ""
                raise HeldError(self._problem(entry))
            found = held.id if held else ""

    def refresh(self) -> None:
        """Makes it good for its whole life again; `lost` when somebody else has it."""
        with self._refreshing:
            if self._entry is None or self.lost:
                return
            fresh = replace(self._entry, expires=self._now() + LOCK_TTL)
            commit = self._write(fresh)
            if self._remote.swap(self._ref, self._commit, commit):
                self._commit, self._entry = commit, fresh
            else:
                self.lost = True

    def confirm(self) -> bool:
        """Decide whether it is still ours. The server is asked only when others may take it, or soon will.

        Raises ExternalError when the server does not answer, and the lock may be another run's by now.
        """
        if self._entry is not None and self._now() > self._entry.expires - _MARGIN:
            try:
                self.refresh()
            except ExternalError:
                if self._now() > self._entry.expires:
                    raise
        return not self.lost

    def release(self) -> None:
        """Gives it back; where the server cannot be told, it expires."""
        if self._commit and not self.lost:
            with interruption.finishing(), suppress(ExternalError):
                self._remote.swap(self._ref, self._commit, "")
        self._commit = ""

    def holder(self) -> str:
        """Return the holder, for people; empty when there is none."""
        held = self._remote.read(self._ref)
        if held is None:
            return ""
        entry = _parse(held)
        return f"{entry}{', expired' if entry.expires + _SKEW <= self._now() else ''}"

    def unlock(self) -> None:
        """Takes it away from whoever has it now. Raises HeldError when that changes meanwhile."""
        held = self._remote.read(self._ref)
        if held and not self._remote.swap(self._ref, held.id, ""):
            raise HeldError(
                Problem(f"the lock of {self._environment} changed hands just now", "look again", self._place)
            )

    def release_leftover(self) -> bool:
        """Release a lock that an earlier step of this job's run left when it was killed. Returns whether it did."""
        held = self._remote.read(self._ref)
        own = held is not None and self._holder.run and _parse(held).run == self._holder.run
        return held is not None and bool(own) and self._remote.swap(self._ref, held.id, "")

    def _is_own(self, entry: Entry) -> bool:
        """Report whether a lock is left from our instance, or from a process of this machine that has ended."""
        return (bool(self._holder.instance) and entry.instance == self._holder.instance) or has_ended(entry.process)

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self._refresh_every) and not self.lost:
            # A server that fails is asked again in time; when it does not come back, saving will say so.
            with interruption.finishing(), suppress(ExternalError):
                self.refresh()

    def _write(self, entry: Entry) -> str:
        content = json.dumps(to_builtins(entry), ensure_ascii=False, indent=1).encode()
        return self._remote.commit(content, f"Lock of {self._environment}")

    def _problem(self, entry: Entry) -> Problem:
        command = f"scorefly state unlock --state git --environment {self._environment}"
        return Problem(
            f"another run is working on {self._environment}: {entry}",
            f"wait until it has ended; if it is dead, `{command}`",
            self._place,
        )

    @property
    def _place(self) -> Place:
        return Place(self._ref, is_option=True)


def _parse(version: Version) -> Entry:
    """Return what another run wrote; an entry that cannot be read never expires, because its author is unknown."""
    unknown = Entry("somebody who left no name", "", 0.0, float("inf"))
    try:
        data = json.loads(version.content)
        since, expires = float(data["since"]), float(data["expires"])
        if not (0 <= since < _LATEST and 0 <= expires < _LATEST):
            return unknown
        run, instance, process = (str(data.get(key, "")) for key in ("run", "instance", "process"))
        return Entry(str(data["name"]), str(data["link"]), since, expires, run, instance, process)
    except (ValueError, KeyError, TypeError, RecursionError):
        return unknown

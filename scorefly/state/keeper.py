"""The environment's state during a run: one holder, changed by pure functions, saved when it matters."""

from __future__ import annotations

import threading
from collections.abc import Callable

from scorefly import interruption
from scorefly.state.document import EnvironmentState
from scorefly.state.store import StateStore


class Keeper:
    """Holds the state for the threads of one run.

    The rule for saving: before anything outside this process can have learned of a change, the change is saved.
    """

    def __init__(self, store: StateStore | None, state: EnvironmentState) -> None:
        self._store = store
        self._state = state
        self._saved: EnvironmentState | None = None
        self._lock = threading.Lock()
        self._saving = threading.Lock()

    @property
    def state(self) -> EnvironmentState:
        """The state as it is now."""
        return self._state

    def change(self, change: Callable[[EnvironmentState], EnvironmentState]) -> None:
        """Changes the state in memory only."""
        with self._lock:
            self._state = change(self._state)

    def record(self, change: Callable[[EnvironmentState], EnvironmentState]) -> None:
        """Changes the state and saves it."""
        self.change(change)
        self.save()

    def confirm_lock(self) -> None:
        """Raises ExternalError when another run has taken the lock: this one must not change anything any more."""
        if self._store is not None:
            self._store.confirm_lock()

    def forget(self) -> None:
        """Deletes the state where it is kept: nothing is left that it could speak of."""
        with self._lock:
            if self._store is not None:
                self._store.delete()
            self._saved = self._state

    def save(self) -> None:
        """Saves what changed since the last time; a state without a store lives in memory only.

        While one thread saves others may change the state: the next one to save does so for all of them. An interrupt
        does not cut it short.
        """
        with interruption.finishing(), self._saving:
            state = self._state
            if self._store is not None and state != self._saved:
                self._store.save(state)
                self._saved = state

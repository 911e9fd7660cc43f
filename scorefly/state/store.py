"""The contract of every backend that keeps state."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from scorefly.problems import ExternalError
from scorefly.state.document import EnvironmentState


class HeldError(ExternalError):
    """Another run has the lock: waiting may help."""


class StateStore(Protocol):
    """Keeps one environment's state."""

    @property
    def place(self) -> str:
        """Return where that is, for people."""
        ...

    def environments(self) -> tuple[str, ...]:
        """The environments whose state is kept beside this one, by name."""
        ...

    def load(self) -> EnvironmentState | None:
        """The state, or None when there is none yet."""
        ...

    def save(self, state: EnvironmentState) -> None:
        """Replaces the state, whole or not at all."""
        ...

    def delete(self) -> None:
        """Takes the state away, with what only it needed; one that is gone is fine."""
        ...

    def rotate(self, state: EnvironmentState) -> None:
        """Saves the state so that the first key, and no other, is enough to read it."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other runs of the environment out. Raises HeldError when one is under way."""
        ...

    def confirm_lock(self) -> None:
        """Raises ExternalError when another run has the lock by now."""
        ...

    def holder(self) -> str:
        """Return the holder of the lock, for people; empty when there is none."""
        ...

    def unlock(self) -> None:
        """Takes the lock from a run that is dead."""
        ...

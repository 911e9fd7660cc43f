"""Where state is kept: the contract of every backend."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from scorefly.state.document import EnvironmentState


class StateStore(Protocol):
    """Keeps one environment's state."""

    def load(self) -> EnvironmentState | None:
        """The state, or None when there is none yet."""
        ...

    def save(self, state: EnvironmentState) -> None:
        """Replaces the state, whole or not at all."""
        ...

    def delete(self) -> None:
        """Takes the state away, with what only it needed; one that is gone is fine."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other runs of the environment out. Raises OutsideError when one is under way."""
        ...

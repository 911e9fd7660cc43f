"""One run of a command on one environment: its settings, the environment's state, and where progress is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.report.progress import Progress
from scorefly.state.document import EnvironmentState
from scorefly.state.keeper import Keeper
from scorefly.state.session import open_state


class Run(Struct, frozen=True):
    """Everything that the steps of a run have in common."""

    settings: Settings
    keeper: Keeper
    progress: Progress

    @property
    def state(self) -> EnvironmentState:
        """The environment's state as it is now."""
        return self.keeper.state

    def with_settings(self, **changes: Any) -> Run:
        """Return the run with other values of some settings."""
        return replace(self, settings=replace(self.settings, **changes))


@contextmanager
def open_run(settings: Settings, progress: Progress) -> Iterator[Run]:
    """Open the environment's state, with its lock, for a run. Raises ScoreflyError."""
    with open_state(settings, progress) as keeper:
        yield Run(settings, keeper, progress)

"""`logs`: read an app's log, and follow it."""

from __future__ import annotations

from collections.abc import Iterator

from scorefly import interruption
from scorefly.commands.status import known_state, select_apps
from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.fly.log import LogLine
from scorefly.problems import input_error
from scorefly.report.progress import Progress
from scorefly.state.document import AppState

MAX_ANSWERS = 50  # read at most of what is there already
POLL = (0.25, 4.0)  # seconds: from, to


def selected_app(settings: Settings, progress: Progress) -> AppState:
    """Return the only selected app. Raises InputError where there is another number."""
    apps = select_apps(settings, known_state(settings, progress))
    if len(apps) != 1:
        names = ", ".join(app.workload or app.name for app in apps)
        raise input_error(f"{len(apps)} apps were deployed to {settings.environment}", f"name one of: {names}")
    return apps[0]


def read_logs(settings: Settings, app: AppState, *, machine: str = "", follow: bool = True) -> Iterator[LogLine]:
    """Yield the lines of an app's log; with `follow` new ones as they come, without end.

    Nothing happens in a simulation by itself, so its log is not followed.
    """
    follow = follow and not settings.rehearse
    shortest, longest = POLL
    after, pause = "", shortest
    with connect(settings) as connection:
        for number in range(1, 1 << 31):
            lines, newest = connection.api.log(app.name, after, machine)
            yield from lines
            after = newest or after
            if not follow and (not lines or number == MAX_ANSWERS):
                return
            pause = shortest if lines else min(pause * 2, longest)
            if follow:
                interruption.sleep(pause)

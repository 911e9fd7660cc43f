"""The details of a failed deploy, as frozen data."""

from __future__ import annotations

from msgspec import Struct


class FailureDetails(Struct, frozen=True):
    """The explanation of why an app failed: texts for people, empty where Fly did not say.

    `exits` say how its Machines ended, `log` are the last lines of the app, `output` those of the deploy. `running`
    says what still runs, and `dashboard` is a URL.
    """

    exits: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    running: str = ""
    dashboard: str = ""

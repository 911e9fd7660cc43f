"""The contract of every deploy engine: make an app's Machines match its artefact."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from scorefly.fly.app import App


class Builder(Protocol):
    """Builds images; used from several threads at once."""

    def check(self) -> None:
        """Raises InputError when images cannot be built here at all."""
        ...

    def build(
        self,
        app: App,
        artefact: Path,
        folder: Path,
        label: str,
        *,
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> str:
        """Build the app's image and push it to Fly's registry. Return its reference, by digest. Raises ExternalError.

        `label` names the image where nothing else does; the same build always has the same one.
        """
        ...


class Deployer(Protocol):
    """A deploy engine; used from several threads at once."""

    def check(self) -> None:
        """Raises InputError when the engine cannot work here at all."""
        ...

    def prepare(self, app: App, *, stop: threading.Event) -> None:
        """Makes the engine see the app's secrets, after they were set over REST. Raises ExternalError."""
        ...

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys the artefact in folder `artefact`, and returns when the app is healthy. Its image is a reference.

        `folder` is the working folder that paths in fly.toml are relative to; both are absolute.
        `on_line` gets the engine's own output. A set `stop` ends it early. Raises ExternalError.
        """
        ...

"""The images that a run builds: each build once, pushed to one app's registry, and deployed everywhere by digest."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from msgspec import Struct, field

from scorefly import interruption
from scorefly.config.settings import Settings
from scorefly.fly.app import App, Build
from scorefly.fly.deploy_flags import build_flags
from scorefly.problems import ScoreflyError, external_error
from scorefly.state.document import EnvironmentState
from scorefly.state.snapshot import unpack

LABEL_PREFIX = "scorefly-"


def build_key(settings: Settings, app: App, build: Build, files: Mapping[str, str]) -> str:
    """Return what equal builds have in common: 40 hex digits. `files` are the digests of what the builder receives."""
    args = dict(build.args) if build.stated else {**settings.build_args}
    parts = [build.dockerfile_in_context, build.target, sorted(args.items()), build.builder, list(build.buildpacks)]
    flags = build_flags((*settings.deploy_args, *app.deploy_args))
    parts += [list(flags), sorted(files.items())]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


class ImageBuilds(Struct):
    """The builds of one run by key. Apps with an equal build wait for the first one."""

    settings: Settings
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _images: dict[str, tuple[str, Future[str]]] = field(default_factory=dict)

    def image(
        self, app: App, key: str, state: EnvironmentState, build: Callable[[str], str], stop: threading.Event
    ) -> str:
        """Return the image of a build: what this run built, what state remembers, or what `build` makes of a label.

        `force` builds what state remembers again. Raises ExternalError.
        """
        own = (app.name, Future[str]())
        with self._lock:
            entry = self._images.setdefault(key, own)
        first, future = entry
        if entry is own:
            try:
                remembered = "" if self.settings.force else _remembered(state, key)
                future.set_result(remembered or build(f"{LABEL_PREFIX}{key[:20]}"))
            except BaseException as error:
                future.set_exception(error)
                raise
            return future.result()
        while True:
            try:
                return future.result(interruption.WAKE)
            except TimeoutError:
                if stop.is_set() or interruption.requested():
                    raise external_error(f"{app.name}: the deploy was interrupted", "run it again") from None
            except ScoreflyError as error:
                message = f"{app.name}: the image that it shares with {first} was not built"
                raise external_error(message, f"see the failure of {first}") from error


def _remembered(state: EnvironmentState, key: str) -> str:
    """Return the image of an equal build that an earlier run of the environment made, or an empty string."""
    for app in state.apps.values():
        record = unpack(app.record)
        if record and record.build[0] == key:
            return record.build[1]
        if record and key in record.builds:
            return record.builds[key]
    return ""

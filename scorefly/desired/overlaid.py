"""An app with overlays, read as flyctl reads a fly.toml: in current spelling, without keys that flyctl ignores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from scorefly.convert.overlay import Overlay
from scorefly.fly.app import App, volume_claims
from scorefly.fly.check.finding import dotted
from scorefly.problems import Place, Problem
from scorefly.unconvert.known_keys import NOT_READ
from scorefly.unconvert.reading import read_as_flyctl


def read_overlaid(app: App, overlays: Sequence[Overlay], problems: list[Problem]) -> App:
    """Return the app as flyctl reads it.

    A key that flyctl ignores is a warning; a misspelt or misplaced one is an error.
    """
    if not overlays:
        return app
    reading = read_as_flyctl(app.config)
    for finding in reading.findings:
        problems.append(Problem(f"{finding.where} {finding.message}", finding.hint, _place(overlays, finding.path)))
    for key in reading.dropped:
        place = _place(overlays, key.path)
        reason = key.reason.removeprefix(NOT_READ).removeprefix(": ")
        if key.similar or key.misplaced:
            hint = f"did you mean {key.similar!r}?" if key.similar else reason or "it belongs into another table"
            problems.append(Problem(f"{dotted(key.path)} is not a known key here", hint, place))
        else:
            message = f"{dotted(key.path)} is left out, because flyctl ignores it"
            problems.append(Problem(message, reason or "remove it", place, severity="warning"))
    return replace(app, config=reading.document, volumes=volume_claims(reading.document.get("mounts")))


def has_builtin(overlays: Sequence[Overlay]) -> bool:
    """Report whether overlays have the image built by a builder of flyctl's own, without a Dockerfile."""
    builds = [overlay.config.get("build") for overlay in overlays]
    return any(isinstance(build, Mapping) and build.get("builtin") for build in builds)


def _place(overlays: Sequence[Overlay], path: tuple[str | int, ...]) -> Place:
    """The last overlay that has the top-level key."""
    named = [overlay for overlay in overlays if path[:1] and path[0] in overlay.config]
    return Place((named or list(overlays))[-1].file)

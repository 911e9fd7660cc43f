"""The digest that decides whether an app has to be deployed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from scorefly.config.settings import Settings
from scorefly.desired.artefacts import fly_toml
from scorefly.fly.app import App, Build

METADATA_KEY = "scorefly_digest"


def state_digest(app: App, digest: str) -> str:
    """Return the digest that state keeps: that of the app's Machines, and their stated number where there is one.

    A changed number needs no new Machines, but a listing that is late must not be taken for the new number.
    """
    if not app.counts:
        return digest
    counts = json.dumps({group: dict(regions) for group, regions in app.counts.items()}, sort_keys=True)
    return f"{digest}-{hashlib.sha256(counts.encode()).hexdigest()[:8]}"


def machines_digest(kept: str) -> str:
    """Return the digest of an app's Machines from the one that state keeps."""
    return kept.partition("-")[0]


def app_digest(settings: Settings, app: App, fingerprints: Mapping[str, str], built: Mapping[str, str]) -> str:
    """A digest of all that makes a deployed app what it is: 32 hex digits.

    `fingerprints` stand for the values of the app's secrets, and `built` are the files that its image is built from.
    """
    parts: list[object] = [fly_toml(app), app.machine, sorted(fingerprints.items())]
    if settings.deploy_args or app.deploy_args:
        parts.append(("deploy-args", (*settings.deploy_args, *app.deploy_args)))
    parts += [(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(app.files.items())]
    if isinstance(app.image, Build):
        parts += [sorted(settings.build_args.items()), app.image.dockerfile, sorted(built.items())]
    if app.other_builds:
        others = [
            (name, each.dockerfile, each.target, list(each.args), each.builder, list(each.buildpacks))
            for name, each in sorted(app.other_builds.items())
        ]
        parts += [sorted(settings.build_args.items()), others, sorted(built.items())]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

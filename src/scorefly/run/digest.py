"""What tells whether an app has to be deployed again."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path

from scorefly.confined import mode_and_link, open_file, shown, walk
from scorefly.fly.app import App, Build
from scorefly.problems import Place
from scorefly.run.artefacts import fly_toml
from scorefly.run.settings import Settings

METADATA_KEY = "scorefly_digest"

_NOT_BUILT = {".git", ".scorefly"}


def app_digest(settings: Settings, app: App, fingerprints: Mapping[str, str]) -> str:
    """A digest of all that makes a deployed app what it is: 32 hex digits.

    `fingerprints` stand for the values of the app's secrets. Of an image to be built everything in its
    context counts, for a Dockerfile may copy anything.
    """
    parts: list[object] = [fly_toml(app), app.machine, sorted(fingerprints.items())]
    if settings.deploy_args:
        parts.append(("deploy-args", settings.deploy_args))
    parts += [(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(app.files.items())]
    if isinstance(app.image, Build):
        context = settings.workspace / app.image.context
        parts += [sorted(settings.build_args.items()), app.image.dockerfile, _tree_digest(context, settings)]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _tree_digest(folder: Path, settings: Settings) -> str:
    """A digest of names, modes and contents of everything below `folder`."""
    digest = hashlib.sha256()
    artefacts = settings.workspace / settings.artefacts
    root = settings.workspace if folder.is_relative_to(settings.workspace) else folder
    for parent, folders, names in walk(folder):
        folders[:] = sorted(name for name in folders if name.lower() not in _NOT_BUILT and parent / name != artefacts)
        for name in sorted(name for name in names if name.lower() != ".git"):
            path = parent / name
            mode, link = mode_and_link(path)
            relative = path.relative_to(folder).as_posix()
            digest.update(f"{relative}\0{mode:o}\0{link or ''}".encode("utf-8", "surrogateescape"))
            if stat.S_ISREG(mode):
                with open_file(root, path, Place(shown(path.relative_to(root)))) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

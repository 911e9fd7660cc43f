"""Names that everybody may read: a secret that equals one is neither masked nor taken out of what is shown.

GitHub drops every job output that holds a masked text, so a mask of an app's name would take the outputs away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from scorefly.config.settings import Settings
from scorefly.confined import read_file
from scorefly.problems import InputError, Place
from scorefly.report.plan import Action
from scorefly.report.report import Outcome, Status
from scorefly.resources.provisioner import WorkloadView
from scorefly.score.find import find_score_files
from scorefly.state.names import app_names
from scorefly.values import worth_hiding

# What scorefly itself prints: a secret that equals such a word is a flag or a name, and no secret.
WORDS = frozenset(
    {*get_args(Status), *get_args(Outcome), *get_args(Action)}
    | {"true", "false", "null", "none", "error", "warning", "notice", "ready", "private", "public", "shared"}
    | {"scorefly", "rehearsal", "rehearsed", "preview", "deploy", "plan", "validate", "generate", "cleanup", "destroy"}
    | {"deployment", "environment", "production", "staging", "development", "secret", "secrets", "resource"}
    | {"resources", "volume", "address", "machine", "Machine", "workload", "image", "status", "region", "size"}
    | {"default", "https", "http", "file", "score.yaml", "scorefly.yaml", "fly.toml", "plan.json"}
)
_NAME = re.compile(r"(?:https://)?([A-Za-z0-9][A-Za-z0-9._-]{3,252})/?")


def public_names(settings: Settings) -> set[str]:
    """Return what settings make public, and the secrets that are readable in a Score file anyway."""
    repository = settings.repository.split("/")
    named = (settings.environment, settings.org, settings.region, settings.app_prefix, settings.app_suffix)
    return {*WORDS, *named, settings.repository, *repository, *_readable(settings)} - {""}


def workload_names(workloads: Mapping[str, WorkloadView]) -> Iterator[str]:
    """Yield workloads' names, and those of their apps."""
    yield from workloads
    yield from app_names(view.app for view in workloads.values())


def _readable(settings: Settings) -> Iterator[str]:
    """Yield the secrets that are names, as far as Score files tell before they are loaded: masks come first."""
    candidates = {
        secret: found[1]
        for secret in settings.secrets.values()
        if (found := _NAME.fullmatch(secret)) and worth_hiding(secret)
    }
    text = _score_files(settings) if candidates else ""
    words = set(re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", text))
    for secret, name in candidates.items():
        app = re.sub(r"\.(?:fly\.dev|internal|flycast)$", "", name)
        stem = app.removeprefix(settings.app_prefix).removesuffix(settings.app_suffix)
        parts = ((stem[: each.start()], stem[each.end() :]) for each in re.finditer("-", stem))
        if stem in text or any(workload in words and resource in words for workload, resource in parts):
            yield secret


def _score_files(settings: Settings) -> str:
    outside = not settings.in_action
    texts = []
    for path in find_score_files(settings.workspace, settings.score_files, outside=outside)[0]:
        root = path.parent if path.is_absolute() else settings.workspace
        try:
            texts.append(read_file(settings.workspace / root, path, Place(str(path))).decode(errors="replace"))
        except InputError:
            continue  # loading it is an error that is shown
    return "\n".join(texts)

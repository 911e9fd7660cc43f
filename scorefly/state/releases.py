"""The last releases of an app, as state keeps them: to list them, and to roll back to one."""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field, to_builtins

MAX_RELEASES = 10  # per app
MAX_COMMITS = 20  # later commits of one release that are kept
MAX_ARTEFACTS = 1 << 16  # characters of an app's packed artefacts


class Release(Struct, frozen=True):
    """A deploy of an app that differs from the one before it.

    `id` is a digest of artefact and image, `key` of the artefact alone. `at` is when the run began that deployed it
    first, `commit` the commit of that run (empty: unknown), and `commits` are later ones that left the app as it was.
    `rolled_back` says that a rollback replaced it.
    """

    id: str
    key: str
    at: str
    commit: str
    image: str
    commits: tuple[str, ...] = ()
    rolled_back: bool = False

    def is_of(self, commit: str) -> bool:
        """Decide whether the app ran this release at a commit, which may be shortened."""
        return any(each.startswith(commit) for each in (self.commit, *self.commits) if each)


class Rollback(Struct, frozen=True):
    """A rollback in force: only something newer than what it replaced is deployed over it.

    `commit` is that of the release that runs, `from_commit` the newest one that was replaced, empty where unknown: then
    `from_keys` tell what was replaced.
    """

    at: str
    commit: str
    from_commit: str
    from_keys: tuple[str, ...] = ()


class Artefact(Struct, frozen=True):
    """All that deploys a release again, but secrets.

    `texts` are fly.toml and machine.json, `files` what they mount. `image` is as exact as it is known, with a digest.
    `ports` are name, port, internal port and kind of each port. `secrets` are the names of those it used.
    """

    texts: Mapping[str, str]
    image: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    ports: tuple[tuple[str, int, int, str], ...] = ()
    addresses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    url: str = ""
    secrets: tuple[str, ...] = ()


def digest_of(*parts: object) -> str:
    """Return a digest of JSON data: 16 hex digits."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def pack_artefacts(artefacts: Mapping[str, Artefact], newest_first: Sequence[str]) -> str:
    """Pack artefacts by release id as text, each file once; the oldest are left out where all are too large."""
    kept = [name for name in newest_first if name in artefacts]
    while kept:
        packed = _pack({name: artefacts[name] for name in kept})
        if len(packed) <= MAX_ARTEFACTS:
            return packed
        kept.pop()
    return ""


def unpack_artefacts(packed: str) -> dict[str, Artefact]:
    """Return the artefacts by release id."""
    if not packed:
        return {}
    data = json.loads(zlib.decompress(b64decode(packed)))
    contents = {name: b64decode(text) for name, text in data["contents"].items()}
    return {name: _artefact(each, contents) for name, each in data["artefacts"].items()}


def _pack(artefacts: Mapping[str, Artefact]) -> str:
    contents: dict[str, str] = {}
    shown = {}
    for name, artefact in artefacts.items():
        files = {}
        for path, content in artefact.files.items():
            files[path] = hashlib.sha256(content).hexdigest()[:32]
            contents[files[path]] = b64encode(content).decode()
        shown[name] = {**to_builtins(artefact), "files": files}
    text = json.dumps({"artefacts": shown, "contents": contents}, ensure_ascii=False, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode()


def _artefact(data: Mapping[str, Any], contents: Mapping[str, bytes]) -> Artefact:
    lists = {name: tuple(data[name]) for name in ("addresses", "needs", "secrets")}
    ports = tuple((name, int(port), int(internal), how) for name, port, internal, how in data["ports"])
    files = {path: contents[name] for path, name in data["files"].items()}
    return Artefact(**{**data, **lists, "ports": ports, "files": files})

"""Files in Git LFS: the pointers of a checkout are replaced by their content.

The protocol is https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, over https with basic transfers.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from scorefly import safe_files
from scorefly.http import Answer, MalformedAnswerError, exchange, is_loopback, mapping, objects, same_origin, text
from scorefly.problems import ExternalError, external_error, input_error
from scorefly.sources.access import Entry
from scorefly.sources.repository import Pin, Repository

if TYPE_CHECKING:
    import requests

MAX_FILE = 256 << 20  # bytes
_BATCH = 100  # objects in one request
_SECONDS = 300.0
_MAX_POINTER = 1024  # bytes
_TYPE = "application/vnd.git-lfs+json"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)


class Pointer(Struct, frozen=True):
    """A file of a checkout that stands for another one: its path, and the digest and the size of that."""

    path: Path
    oid: str
    size: int


def fetch_lfs_files(pin: Pin, entry: Entry | None, root: Path, folder: Path, cache: Path) -> None:
    """Replace the pointers in a folder, relative to `root`, by their files. Raises ExternalError.

    `entry` has the credentials for the repository, and `cache` keeps files between runs. Raises InputError for a
    repository that is read by ssh, and for files that are too large.
    """
    pointers = list(_pointers(root, folder))
    if not pointers:
        return
    repository, place = pin.source.repository, pin.source.place
    if repository.scheme == "ssh":
        hint = "write source.repo as https://HOST/OWNER/NAME, with a token below access"
        raise input_error(f"{repository.key} is read by ssh, and its LFS files are not", hint, place)
    for pointer in pointers:
        if pointer.size > MAX_FILE:
            name = pointer.path.relative_to(root / folder)
            hint = f"files have at most {MAX_FILE >> 20} MiB: build the image elsewhere, or take lfs: true out"
            raise input_error(f"{repository.key}: {name} has {pointer.size >> 20} MiB", hint, place)
    try:
        _download({each.oid: each for each in pointers}, repository, entry, cache)
        for pointer in pointers:
            safe_files.write(root, pointer.path.relative_to(root), safe_files.read(cache, Path(pointer.oid)))
    except ExternalError as error:
        raise external_error(error.problems[0].message, error.problems[0].hint, place) from error
    except OSError as error:
        raise external_error(f"LFS files cannot be written: {error.strerror}", "check the disk", place) from error


def _pointers(root: Path, folder: Path) -> Iterator[Pointer]:
    for parent, _, names in os.walk(root / folder):
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() or path.stat().st_size > _MAX_POINTER:
                continue
            if match := _POINTER.fullmatch(safe_files.read(root, path.relative_to(root))):
                yield Pointer(path, match[1].decode(), int(match[2]))


def _download(desired: Mapping[str, Pointer], repository: Repository, entry: Entry | None, cache: Path) -> None:
    """Put the files that the cache lacks there."""
    import requests

    missing = [each for oid, each in desired.items() if not (cache / oid).exists()]
    try:
        with requests.Session() as session:
            for start in range(0, len(missing), _BATCH):
                for item in _batch(session, missing[start : start + _BATCH], repository, entry):
                    _get(session, item, desired, repository, cache)
    except requests.RequestException as error:
        message = f"cannot read the LFS files of {repository.key}: {type(error).__name__}"
        raise external_error(message, "check the network, and try again") from error
    except MalformedAnswerError as error:
        message = f"cannot read the LFS files of {repository.key}: {error}"
        raise external_error(message, "check that its server has Git LFS") from error


def _batch(
    session: requests.Session, pointers: Sequence[Pointer], repository: Repository, entry: Entry | None
) -> list[Mapping[str, Any]]:
    """Ask where files are."""
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": each.oid, "size": each.size} for each in pointers],
    }
    headers = {"Accept": _TYPE, "Content-Type": _TYPE, **_authorization(entry)}
    url = f"{repository.url.removesuffix('.git')}.git/info/lfs/objects/batch"
    answer = exchange(session, "POST", url, seconds=_SECONDS, json=body, headers=headers)
    if answer.status_code != 200:
        raise _refused(repository, answer)
    return answer.read(lambda data: objects(mapping(data).get("objects"), "objects"))


def _get(
    session: requests.Session,
    item: Mapping[str, Any],
    desired: Mapping[str, Pointer],
    repository: Repository,
    cache: Path,
) -> None:
    oid = text(item, "oid")
    pointer = desired.get(oid)
    if pointer is None or item.get("error"):
        message = f"{repository.key} has no LFS file {oid[:12]}"
        raise external_error(message, "push it with `git lfs push --all`")
    action = mapping(mapping(item.get("actions"), "actions").get("download"), "download")
    url = text(action, "href")
    if not (url.startswith("https://") or is_loopback(url)):
        raise external_error(f"the LFS files of {repository.key} would be read in clear text", "ask for https there")
    given = {str(key): str(value) for key, value in mapping(action.get("header") or {}, "header").items()}
    answer = exchange(session, "GET", url, seconds=_SECONDS, headers=given, max_bytes=pointer.size)
    if answer.location and answer.location.startswith("https://"):
        kept = given if same_origin(url, answer.location) else {}
        answer = exchange(session, "GET", answer.location, seconds=_SECONDS, headers=kept, max_bytes=pointer.size)
    if answer.status_code != 200:
        raise _refused(repository, answer)
    if answer.cut or hashlib.sha256(answer.content).hexdigest() != oid:
        raise external_error(f"LFS file {oid[:12]} of {repository.key} has another content", "push it again")
    safe_files.write(cache.parent, Path(cache.name, oid), answer.content)


def _authorization(entry: Entry | None) -> dict[str, str]:
    if entry is None or not entry.token:
        return {}
    return {"Authorization": f"Basic {b64encode(f'{entry.username}:{entry.token}'.encode()).decode()}"}


def _refused(repository: Repository, answer: Answer) -> ExternalError:
    hint = "check the token below access in scorefly.yaml" if answer.status_code in (401, 403, 404) else "try again"
    return external_error(f"cannot read the LFS files of {repository.key}: HTTP {answer.status_code}", hint)

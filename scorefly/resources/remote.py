"""Provisioner files from elsewhere, pinned: what somebody looked at is what every run uses.

`https://HOST/PATH#sha256=DIGEST` is a file, `git+https://HOST/REPOSITORY@COMMIT#path=PATH` a file of a commit.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from scorefly.http import MAX_REDIRECTS, RedirectError, check_redirect, exchange
from scorefly.problems import external_error, input_error, option_place
from scorefly.resources.http import check_url
from scorefly.score.document import MAX_BYTES

TIMEOUT = 60.0  # seconds for one request
PLACE = option_place("provisioners")

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GIT = re.compile(r"git\+(?P<address>https?://[^@#\s]+)(?:@(?P<pin>[^@#\s]+))?#path=(?P<path>[^\s#]+)")
_FILE = re.compile(r"(?P<address>https?://[^#\s]+)(?:#sha256=(?P<pin>[^#\s]*))?")


class GitFiles(Protocol):
    """Reads files of git repositories."""

    def read(self, address: str, commit: str, path: str) -> bytes:
        """Return a file of a commit. Raises ExternalError."""

    def find_commit(self, address: str, name: str) -> str:
        """Return the commit of a branch or a tag; of the default branch without a name. Raises ExternalError."""


class Remote(Struct, frozen=True):
    """A file elsewhere. `pin` is a digest, or a commit of the git repository in which it has this `path`."""

    address: str
    pin: str = ""
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"git+{self.address}{f'@{self.pin}' if self.pin else ''}#path={self.path}"
        return f"{self.address}{f'#sha256={self.pin}' if self.pin else ''}"

    @property
    def name(self) -> str:
        """Return what a list or a problem calls it: the uri without its pin."""
        return str(replace(self, pin=""))

    @property
    def pinned(self) -> bool:
        """Decide whether the pin says exactly one content; a branch, for example, does not."""
        return bool((_COMMIT if self.path else _DIGEST).fullmatch(self.pin))


def parse_remote(uri: str) -> Remote:
    """Return what a uri names. Raises InputError for one that names nothing."""
    if match := _GIT.fullmatch(uri) or _FILE.fullmatch(uri):
        found = Remote(**{name: text or "" for name, text in match.groupdict().items()})
        check_url(found.address, insecure=False)
        return found
    hint = "write https://HOST/PATH#sha256=DIGEST, or git+https://HOST/REPOSITORY@COMMIT#path=PATH"
    raise input_error(f"{uri!r} names no provisioner file", hint, PLACE)


def read_pinned(uri: str, git: GitFiles) -> tuple[str, bytes]:
    """The name and the content. Raises InputError for what is not pinned or not what was pinned, else ExternalError."""
    remote = parse_remote(uri)
    if not remote.pinned:
        form = str(replace(remote, pin="COMMIT" if remote.path else "DIGEST"))
        hint = f"write {form}; `scorefly provisioners add '{remote.name}'` finds it, shows the file and writes the line"
        raise input_error(f"{uri} is not pinned: it could be another file tomorrow", hint, PLACE)
    if remote.path:
        return remote.name, git.read(remote.address, remote.pin, remote.path)
    content = _download(remote.address)
    digest = hashlib.sha256(content).hexdigest()
    if digest != remote.pin:
        hint = f"look at what changed; `scorefly provisioners add '{remote.name}'` pins what it is now"
        raise input_error(f"{remote.name} is not what was pinned: its SHA-256 is {digest}", hint, PLACE)
    return remote.name, content


def pin(uri: str, git: GitFiles) -> tuple[Remote, bytes]:
    """The file as it is now, or as it is pinned already, and its pinned uri."""
    remote = parse_remote(uri)
    if remote.pinned:
        return remote, read_pinned(uri, git)[1]
    if remote.path:
        pinned = replace(remote, pin=git.find_commit(remote.address, remote.pin))
        return pinned, git.read(pinned.address, pinned.pin, pinned.path)
    if remote.pin:
        raise input_error(f"{remote.pin!r} is no SHA-256", "leave #sha256= out to pin the file as it is now", PLACE)
    content = _download(remote.address)
    return replace(remote, pin=hashlib.sha256(content).hexdigest()), content


def _download(address: str) -> bytes:
    """The file at an address. Every redirect is checked before it is followed."""
    import requests

    deadline, url = time.monotonic() + TIMEOUT, address
    try:
        with requests.Session() as session:
            for _ in range(MAX_REDIRECTS + 1):
                left = max(deadline - time.monotonic(), 0.1)
                answer = exchange(session, "GET", url, seconds=left, max_bytes=MAX_BYTES)
                if not answer.location:
                    break
                url = answer.location
                check_redirect(address, url)
            else:
                raise external_error(f"cannot download {address}: more than {MAX_REDIRECTS} redirects", "", PLACE)
    except RedirectError as error:
        raise external_error(
            f"cannot download {address}: {error}", "write the address of the file itself", PLACE
        ) from error
    except requests.RequestException as error:
        hint = "check the address and the network"
        raise external_error(f"{address} is not available: {type(error).__name__}", hint, PLACE) from error
    if answer.status_code != 200:
        raise external_error(f"{address} is not available: {answer.reason} (HTTP {answer.status_code})", "", PLACE)
    if answer.cut:
        raise external_error(f"{address} has more than {MAX_BYTES >> 20} MiB", "", PLACE)
    return answer.content

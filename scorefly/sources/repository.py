"""Names of git repositories: one key for every way to write the same one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from scorefly.problems import Place, input_error

HINT = "write https://HOST/OWNER/NAME, ssh://git@HOST/OWNER/NAME or git@HOST:OWNER/NAME"
_SCP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+|\[[0-9A-Fa-f:]+\]):(?!//)(?P<path>[^:].*)", re.ASCII)
_BARE = re.compile(r"(?P<host>[\w-]+(?:\.[\w-]+)+(?::[0-9]+)?)/(?P<path>.+)", re.ASCII)
_TRANSPORT = re.compile(r"[A-Za-z][\w+.-]*::", re.ASCII)
_PATH = re.compile(r"[\w.~+%-]+(?:/[\w.~+%-]+)*", re.ASCII)
_PORTS = {"https": 443, "ssh": 22, "http": 80}
# These hosts do not distinguish upper and lower case in the path.
_CASELESS = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")

RefKind = Literal["head", "branch", "tag", "commit"]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository. `key` identifies it (`github.com/acme/web`); `url` is the address to fetch from."""

    key: str
    url: str = field(compare=False)

    @property
    def scheme(self) -> str:
        """The protocol of its URL: https, ssh or http."""
        return self.url.partition("://")[0]


class Ref(Struct, frozen=True):
    """The commit to follow: the default branch, a branch, a tag or a pattern of tags, or one commit."""

    kind: RefKind = "head"
    name: str = ""

    def __str__(self) -> str:
        return self.name or "HEAD"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of a repository at a ref, with its submodules and LFS files only where that is said.

    `place` is where the project file names it.
    """

    repository: Repository
    ref: Ref = field(default_factory=Ref)
    path: str = ""
    place: Place | None = field(default=None, compare=False)
    submodules: bool = False
    lfs: bool = False


class Pin(Struct, frozen=True):
    """A source whose ref is resolved to a commit. `name` is the ref that matched, e.g. the highest tag."""

    source: Source
    commit: str
    name: str = ""


def parse_repository(text: str, place: Place | None = None) -> Repository:
    """Parse the URL of a repository. Raises InputError for everything but https, ssh, and http on loopback."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise input_error("this is not the URL of a git repository", HINT, place)
    if _TRANSPORT.match(text):
        name = text.partition("::")[0]
        raise input_error(f"repositories cannot be read over {name}::", HINT, place)
    if "://" in text:
        return _of_url(text, place)
    if match := _SCP.fullmatch(text):
        return _made("ssh", match["user"] or "git", match["host"], 22, match["path"], place)
    if match := _BARE.fullmatch(text):
        return _of_url(f"https://{text}", place)
    raise input_error(f"{text!r} is not the URL of a git repository", HINT, place)


def _of_url(text: str, place: Place | None) -> Repository:
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise input_error("this is not the URL of a git repository", HINT, place) from None
    if parts.scheme not in _PORTS:
        raise input_error(f"repositories cannot be read over {parts.scheme}:", HINT, place)
    if parts.password is not None or (parts.username and parts.scheme != "ssh"):
        hint = "remove it, and name the secret that holds it below access"
        raise input_error("the URL of a repository cannot hold a user or a password", hint, place)
    if parts.query or parts.fragment:
        raise input_error("the URL of a repository cannot have `?` or `#`", HINT, place)
    if parts.scheme == "http" and not _is_loopback(host):
        raise input_error(f"http:// would read {host} in clear text", f"write https://{host}/…", place)
    user = (parts.username or "git") if parts.scheme == "ssh" else ""
    return _made(parts.scheme, user, host, port or _PORTS[parts.scheme], parts.path, place)


def _made(scheme: str, user: str, host: str, port: int, path: str, place: Place | None) -> Repository:
    host = host.lower()
    written = path.strip("/")
    path = written.removesuffix(".git").rstrip("/")
    parts = path.split("/")
    if not host or host.startswith("-") or user.startswith("-") or not _PATH.fullmatch(path):
        raise input_error("this is not the URL of a git repository", HINT, place)
    if any(part.startswith("-") or set(part) <= {"."} for part in parts):
        raise input_error(f"{path!r} is not the path of a git repository", HINT, place)
    shown_port = "" if port == _PORTS[scheme] else f":{port}"
    key = f"{host}{shown_port}/{path.lower() if host in _CASELESS else path}"
    who = f"{user}@" if user else ""
    return Repository(key, f"{scheme}://{who}{host}{shown_port}/{written}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

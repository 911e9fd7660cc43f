"""Canonical keys of repositories: `github.com/acme/web`, however the address was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

_SCP = re.compile(r"(?:[^@/:\s]+@)?([^/:\s]+):(?!/{0,2}\d+/)(.+)")


def repository_key(address: str) -> str:
    """Return the key of an address: host and path in lower case, without scheme, user, port of ssh, or `.git`.

    A path of this machine keeps its case and gets a leading slash. An address that cannot be read gives "".
    """
    address = address.strip()
    if address.startswith(("/", "file://")):
        return _trimmed("/" + unquote(address.removeprefix("file://")).strip("/"))
    if "://" not in address:
        match = _SCP.fullmatch(address)
        return f"{match[1]}/{_trimmed(match[2].strip('/'))}".lower() if match else ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    path = _trimmed(unquote(parts.path).strip("/"))
    if not host or not path:
        return ""
    shown_port = f":{port}" if port and (parts.scheme, port) not in (("https", 443), ("http", 80), ("ssh", 22)) else ""
    return f"{host}{shown_port if parts.scheme in ('http', 'https') else ''}/{path}".lower()


def matching_key(addresses: Iterable[str], known: Iterable[str]) -> str:
    """Return the followed repository that one of the addresses means, or "".

    A repository that is followed by its path on this machine has no address that a git host knows: its name decides.
    """
    known = tuple(known)
    keys = [key for address in addresses if (key := repository_key(address))]
    for key in keys:
        if key in known:
            return key
    names = {key.rpartition("/")[2].lower() for key in keys}
    return next((key for key in known if key.startswith("/") and key.rpartition("/")[2].lower() in names), "")


def _trimmed(path: str) -> str:
    path = path.rstrip("/")
    return path.removesuffix(".git").rstrip("/") if not path.endswith("/.git") else path.removesuffix("/.git")

"""Host names that Fly can serve and certify: their canonical form, and why a text is not one."""

from __future__ import annotations

import re

from scorefly.problems import shortened

FLY_DOMAIN = "fly.dev"  # Fly serves and certifies the names of apps below it by itself
# Names that only a private network resolves: no public certificate authority certifies them.
_PRIVATE_SUFFIXES = ("localhost", "local", "internal", "flycast")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_LENGTH = 253


class InvalidHostError(ValueError):
    """A text that is not a host name. `hint` says what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def normalise_host(text: str) -> str:
    """Return the canonical form: lower case, punycode for other scripts, without a trailing dot.

    A first label `*` is kept. Raises InvalidHostError.
    """
    text = shortened(text, 2 * _MAX_LENGTH)
    host = text.strip()
    _refuse_url_parts(host)
    wildcard = host.startswith("*.")
    name = _to_ascii(host.removeprefix("*."), text).removesuffix(".")
    labels = name.split(".")
    if "*" in name:
        raise InvalidHostError(f"{text!r} is not a host name", "a wildcard is the whole first label: *.example.com")
    if len(labels) < 2:
        hint = "give the full name, such as shop.example.com"
        raise InvalidHostError(f"{text!r} is not a full domain name", hint)
    if labels[-1].isdigit():
        raise InvalidHostError(f"{text!r} is an IP address, not a host name", "give a domain name")
    for label in labels:
        if not _LABEL.fullmatch(label):
            what = f"label {label!r} is longer than 63 characters" if len(label) > 63 else f"invalid label {label!r}"
            hint = "labels have letters, digits and inner hyphens, 63 at most"
            raise InvalidHostError(f"{text!r} is not a host name: {what}", hint)
    name = f"*.{name}" if wildcard else name
    if len(name) > _MAX_LENGTH:
        message = f"a host name of {len(name)} characters is too long"
        raise InvalidHostError(message, f"{_MAX_LENGTH} characters are the limit")
    return name


def is_custom(host: str) -> bool:
    """Report whether a canonical host needs a certificate to be requested: it is public, and not Fly's own name."""
    return not is_private(host) and host != FLY_DOMAIN and not host.endswith(f".{FLY_DOMAIN}")


def is_private(host: str) -> bool:
    """Report whether only a private network can resolve a canonical host."""
    return host.rpartition(".")[2] in _PRIVATE_SUFFIXES


def _refuse_url_parts(host: str) -> None:
    if not host:
        raise InvalidHostError("the host name is empty", "give a domain name, such as shop.example.com")
    if "://" in host:
        raise InvalidHostError(f"{host!r} is a URL, not a host name", "remove the scheme and what follows the host")
    if "/" in host:
        raise InvalidHostError(f"{host!r} has a path", "give the host alone; a route's path is params.path")
    if ":" in host:
        raise InvalidHostError(f"{host!r} has a port or is an IP address", "give the domain name alone")


def _to_ascii(name: str, text: str) -> str:
    lower = name.lower()
    if lower.isascii() and not any(label.startswith("xn--") for label in lower.split(".")):
        return lower
    import idna

    try:
        return idna.encode(lower, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        reason = str(error).rstrip(".")
        raise InvalidHostError(f"{text!r} is not a host name: {reason}", "check its spelling") from error

"""Senders of webhooks, one module each. A sender is chosen by the path of the request, never by a header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from scorefly.listen.hosts import bitbucket, forgejo, generic, gitea, github, gitlab
from scorefly.listen.hosts.event import Event
from scorefly.listen.hosts.signature import Check


class Sender(Struct, frozen=True):
    """A kind of git host.

    `begin(headers, secrets, now)` starts to verify a delivery and returns None when it is not signed; `read(headers,
    body)` turns a verified one into an event.
    """

    name: str
    begin: Callable[[Mapping[str, str], Sequence[str], float], Check | None]
    read: Callable[[Mapping[str, str], bytes], Event]


SENDERS: Mapping[str, Sender] = {
    name: Sender(name, module.begin, module.read)
    for name, module in {
        "github": github,
        "gitlab": gitlab,
        "gitea": gitea,
        "forgejo": forgejo,
        "bitbucket": bitbucket,
        "generic": generic,
    }.items()
}

"""Entries whose provisioner is a program or a server; no run without one pays for what they import."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scorefly.durations import parse_duration
from scorefly.problems import input_error
from scorefly.resources.calls import TIMEOUT, CallOptions, CallProvisioner
from scorefly.resources.command import Command, program_of
from scorefly.resources.http import HEADER, Server, check_url
from scorefly.resources.provisioner import Provisioner, Spec
from scorefly.score.document import AnyDocument
from scorefly.values import Plain

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def command_provisioner(spec: Spec, entry: Mapping[str, Plain], document: AnyDocument, index: int) -> Provisioner:
    """The provisioner of a `cmd://` entry. Raises InputError with its place."""
    args = entry.get("args", [])
    texts = args if isinstance(args, list) else []
    for position, argument in enumerate(texts):
        if not isinstance(argument, str) or "\0" in argument:
            place = document.places.at(index, "args", position)
            raise input_error("args are texts", "put it in quotes", place)
    options = _call_options(entry, "env", _VARIABLE, document, index)
    return CallProvisioner(spec, options, Command(program_of(spec.uri), tuple(map(str, texts))))


def server_provisioner(spec: Spec, entry: Mapping[str, Plain], document: AnyDocument, index: int) -> Provisioner:
    """The provisioner of an `https://` or `http://` entry. Raises InputError with its place."""
    check_url(spec.uri, insecure=entry.get("insecure") is True)
    return CallProvisioner(spec, _call_options(entry, "headers", HEADER, document, index), Server(spec.uri))


def _call_options(
    entry: Mapping[str, Plain], texts_key: str, names: re.Pattern[str], document: AnyDocument, index: int
) -> CallOptions:
    """`names` is the form that the names in `env` or `headers` have to have."""
    given = entry.get(texts_key)
    texts: Mapping[str, Plain] = given if isinstance(given, dict) else {}
    for name, value in texts.items():
        place = document.places.at(index, texts_key, name)
        if not names.fullmatch(name):
            raise input_error(f"{texts_key} has the name {name!r}, which none can have", "", place)
        if isinstance(value, dict | list | bool) or value is None:
            raise input_error(f"{texts_key}.{name} has to be a text", "put it in quotes", place)
    timeout = parse_duration(entry.get("timeout", int(TIMEOUT)))
    if timeout is None:
        hint = "give a duration such as 90s or 5m"
        raise input_error(f"timeout is {entry['timeout']!r}", hint, document.places.at(index, "timeout"))
    return CallOptions(
        texts_key=texts_key,
        texts=texts,
        places=document.places,
        path=(index,),
        timeout=timeout,
        plan=entry.get("plan") is True,
        rehearse=entry.get("rehearse") is True,
    )

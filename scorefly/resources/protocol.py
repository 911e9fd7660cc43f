"""score-flyio's provisioner protocol: one JSON object in, one out.

Source: README of astromechza/score-flyio, "Resource Inputs Schema" and "Resource Outputs Schema". `resource_uid` is
the resource's guid, as score-flyio sends it: what servers have stored under it is found again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NoReturn

from msgspec import Struct

from scorefly.problems import nearest
from scorefly.resources.provisioner import Provisioned, Request
from scorefly.values import Secret, Tree, conceal, holds_secret, reveal, reveal_text, secret_texts, to_text

MAX_ANSWER = 1 << 20  # bytes
MAX_DEPTH = 100
MIN_SECRET_LENGTH = 4  # characters: a shorter secret is part of many texts by chance

_KEYS = ("state", "values", "secrets", "shared")


class Answer(Struct, frozen=True):
    """An answer of a provisioner; None for what it left out: the known value stays."""

    state: Mapping[str, Tree] | None = None
    values: Mapping[str, Tree] | None = None
    secrets: Mapping[str, Tree] | None = None
    shared: Mapping[str, Tree] | None = None


def question(request: Request) -> bytes:
    """The JSON a provisioner is given. It holds secrets."""
    return json.dumps(
        {
            "resource_type": request.type,
            "resource_class": request.class_,
            "resource_id": request.id,
            "resource_uid": request.guid,
            "resource_params": reveal(dict(request.params)),
            "resource_metadata": dict(request.metadata),
            "state": reveal(dict(request.state)),
            "shared": reveal(dict(request.shared)),
        }
    ).encode()


def read_answer(content: bytes) -> tuple[Answer | None, str]:
    """The answer in what a provisioner wrote, as far as it can be read, and what is wrong with it (empty: nothing).

    The message quotes nothing: the content may be a secret from its first character on.
    """
    if not content.strip():
        return None, "it gave no output"
    if len(content) > MAX_ANSWER:
        return None, f"its output has more than {MAX_ANSWER >> 20} MiB"
    try:
        data = json.loads(content, parse_constant=_no_number)
        # Half a pair of UTF-16, which JSON can hold, could be written nowhere.
        json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return None, f"its output is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        return None, "its output is no JSON that can be kept"
    if not isinstance(data, dict):
        return None, "its output is no JSON object"
    wrong = [f"{key} in its output is no object" for key in _KEYS if not isinstance(data.get(key, {}), dict | None)]
    wrong += [f"its output has an unknown key: {nearest(key, _KEYS)}" for key in data if key not in _KEYS]
    parts = {key: data[key] for key in _KEYS if isinstance(data.get(key), dict)}
    # What is too deep to be kept is left out, so that the rest is not lost with it.
    kept = {key: {name: tree for name, tree in part.items() if not _is_deep(tree)} for key, part in parts.items()}
    wrong += [
        f"{key} in its output is nested deeper than {MAX_DEPTH} levels"
        for key in parts
        if len(kept[key]) < len(parts[key])
    ]
    return Answer(**kept), "; ".join(wrong)


def provisioned(request: Request, answer: Answer, sent: Iterable[str]) -> Provisioned:
    """Return what the answer gives the resource. `sent` are the secrets the provisioner was given beside the question.

    `secrets` are secret, and so is anything else that holds a secret it was given or gave. `state` is all secret:
    only the provisioner reads it.
    """
    given = _secrets_of(request, answer, sent)
    secrets = None
    if answer.secrets is not None:
        secrets = {name: conceal(value) for name, value in _concealed_echoes(answer.secrets, given).items()}
    known_secret = {name: value for name, value in request.outputs.items() if holds_secret(value)}
    known_plain = {name: value for name, value in request.outputs.items() if name not in known_secret}
    values = known_plain if answer.values is None else _concealed_echoes(answer.values, given)
    outputs = {**known_secret, **values} if secrets is None else {**values, **secrets}
    return Provisioned(
        outputs={name: value for name, value in outputs.items() if value is not None},
        state=request.state if answer.state is None else {key: conceal(value) for key, value in answer.state.items()},
        shared=_concealed_echoes(answer.shared or {}, given),
        random=request.random,
    )


def has_secret_name(request: Request, answer: Answer, sent: Iterable[str]) -> bool:
    """Decide whether the answer names an output or a shared value by a secret: `provisioned` leaves that out."""
    given = _secrets_of(request, answer, sent)
    parts = (answer.values, answer.secrets, answer.shared)
    return any(_is_echo(name, given) for part in parts for name in part or {})


def _secrets_of(request: Request, answer: Answer, sent: Iterable[str]) -> set[str]:
    """The secrets that a provisioner was given or gave, but those that are in many a text by chance."""
    gave = {name: conceal(value) for name, value in (answer.secrets or {}).items()}
    trees = (request.params, request.outputs, request.shared, gave)
    given = {*sent, *(text for tree in trees for text in secret_texts(dict(tree)))}
    return {text for text in given if len(text) >= MIN_SECRET_LENGTH}


def _concealed_echoes(tree: Mapping[str, Tree], secrets: Collection[str]) -> dict[str, Tree]:
    return {key: _conceal_echo(value, secrets) for key, value in tree.items() if not _is_echo(key, secrets)}


def _conceal_echo(tree: Tree, secrets: Collection[str]) -> Tree:
    if tree is None:
        return None
    if isinstance(tree, dict):
        return Secret(reveal(tree)) if any(_is_echo(key, secrets) for key in tree) else _concealed_echoes(tree, secrets)
    if isinstance(tree, list):
        return [_conceal_echo(value, secrets) for value in tree]
    text = reveal_text(to_text(tree))
    return Secret(reveal(tree)) if _is_echo(text, secrets) else tree


def _is_deep(tree: Tree) -> bool:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [
            below
            for each in level
            if isinstance(each, dict | list)
            for below in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _is_echo(text: str, secrets: Collection[str]) -> bool:
    return any(secret in text for secret in secrets)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)

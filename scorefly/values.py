"""Values that know whether they are secret.

A tree is JSON data whose leaves may be `Secret`. Nothing decides secrecy by a key's name: it starts where
a value comes from (a GitHub secret, a random generator, a provisioner's `secrets`) and travels with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

Scalar: TypeAlias = "str | int | float | bool | None"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that only Fly may see; of a list or mapping even the length and the keys are secret.

    `given` marks what was made from a secret that the run was given, a GitHub secret: state does not keep it.
    It does not format: reveal it on purpose, or not at all.
    """

    value: Plain = field(compare=True)
    given: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        raise TypeError("a Secret is not formatted: join it with values.join, or reveal it on purpose")


Tree: TypeAlias = "Scalar | Secret | list[Tree] | dict[str, Tree]"
Text: TypeAlias = "str | Secret"

_MARK = "$secret"


def reveal(tree: Tree) -> Plain:
    """The same data without its marks."""
    if isinstance(tree, Secret):
        return tree.value
    if isinstance(tree, dict):
        return {key: reveal(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [reveal(value) for value in tree]
    return tree


def conceal(tree: Tree, *, given: bool = False) -> Tree:
    """Mark every leaf as secret, empty lists and mappings too; keys stay as they are."""
    if isinstance(tree, dict) and tree:
        return {key: conceal(value, given=given) for key, value in tree.items()}
    if isinstance(tree, list) and tree:
        return [conceal(value, given=given) for value in tree]
    return tree if isinstance(tree, Secret) else Secret(reveal(tree), given)


def holds_secret(tree: Tree) -> bool:
    """Decide whether any leaf is secret."""
    if isinstance(tree, dict):
        return any(holds_secret(value) for value in tree.values())
    if isinstance(tree, list):
        return any(holds_secret(value) for value in tree)
    return isinstance(tree, Secret)


def holds_given(tree: Tree) -> bool:
    """Decide whether any leaf was made from a secret that the run was given."""
    if isinstance(tree, dict):
        return any(holds_given(value) for value in tree.values())
    if isinstance(tree, list):
        return any(holds_given(value) for value in tree)
    return isinstance(tree, Secret) and tree.given


def without_given(tree: Mapping[str, Tree]) -> dict[str, Tree]:
    """Leave out what was made from a secret that the run was given; a list that holds one is left out as a whole."""
    return {
        key: without_given(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if isinstance(value, dict) or not holds_given(value)
    }


def redact(tree: Tree) -> Plain:
    """The same data with `***` for every secret leaf, for showing."""
    if isinstance(tree, Secret):
        return "***"
    if isinstance(tree, dict):
        return {key: redact(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [redact(value) for value in tree]
    return tree


def to_text(tree: Tree) -> Text:
    """A value as a placeholder writes it: a string as it is, anything else as compact JSON.

    Secret when any leaf of it is.
    """
    plain = reveal(tree)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return Secret(text, holds_given(tree)) if holds_secret(tree) else text


def join(parts: Iterable[Text]) -> Text:
    """Concatenation that keeps secrecy: one secret part makes the whole secret."""
    parts = tuple(parts)
    text = "".join(reveal_text(part) for part in parts)
    secrets = [part for part in parts if isinstance(part, Secret)]
    return Secret(text, any(part.given for part in secrets)) if secrets else text


def reveal_text(text: Text) -> str:
    """The characters of a text, secret or not."""
    return str(text.value) if isinstance(text, Secret) else text


def secret_texts(tree: Tree) -> Iterator[str]:
    """Every secret leaf as the text it would be printed as."""
    return (text for text, _ in _secret_leaves(tree))


def texts_to_hide(tree: Tree) -> Iterator[str]:
    """Yield the texts to hide: of what was made from a given secret, only those that are not easily guessed.

    Given secrets are hidden as they are; the port or the database's name in a URL is not a secret by itself.
    """
    return (text for text, given in _secret_leaves(tree) if not given or worth_hiding(text))


def _secret_leaves(tree: Tree) -> Iterator[tuple[str, bool]]:
    """Yield the texts of secret leaves, each with whether it was made from a given secret."""
    if isinstance(tree, Secret):
        if tree.value not in (None, "", [], {}):
            yield reveal_text(to_text(tree)), tree.given
        below = tree.value.values() if isinstance(tree.value, dict) else tree.value
        if isinstance(tree.value, dict | list):
            yield from _secret_leaves([Secret(value, tree.given) for value in cast("Iterable[Plain]", below)])
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _secret_leaves(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _secret_leaves(value)


def worth_hiding(text: str) -> bool:
    """Decide whether a text is hard enough to guess for a mask.

    A mask of a port, a flag, a bracket or a short name would hide nothing, and take job outputs away that hold it.
    """
    if re.fullmatch(r"[\d.,:+-]{1,11}|[A-Za-z]+(?:-[A-Za-z]+)*", text) and len(text) < 12:
        return False
    kinds = sum(bool(re.search(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    return len(set(text)) >= 4 and (len(text) >= 8 or (len(text) >= 6 and kinds >= 3))


def to_json(tree: Tree) -> Plain:
    """JSON data that `from_json` reads back to the same tree, marks included."""
    if isinstance(tree, Secret):
        return {_MARK: tree.value}
    if isinstance(tree, dict):
        return {"$" + key if key.startswith("$") else key: to_json(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [to_json(value) for value in tree]
    return tree


def from_json(data: Plain) -> Tree:
    """The tree that `to_json` wrote."""
    if isinstance(data, dict):
        if len(data) == 1 and _MARK in data:
            return Secret(data[_MARK])
        return {key.removeprefix("$"): from_json(value) for key, value in data.items()}
    if isinstance(data, list):
        return [from_json(value) for value in data]
    return data


def merge_patch(target: Mapping[str, Tree], patch: Mapping[str, Tree]) -> dict[str, Tree]:
    """JSON merge patch (RFC 7396): null removes a member, a mapping is merged, anything else replaces."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            known = merged.get(name)
            merged[name] = merge_patch(known if isinstance(known, dict) else {}, value)
        else:
            merged[name] = value
    return merged

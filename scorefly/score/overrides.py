"""Overrides: a Score fragment merged in, and `path=value` lines, as score-compose and score-k8s have them."""

from __future__ import annotations

from scorefly.problems import InputError, Place, Problem, option_place
from scorefly.score.document import Document, Path, Places, parse_any
from scorefly.values import Plain

OPTION = "override-property"


def apply_fragment(document: Document, fragment: Document) -> Document:
    """Merges a fragment in: mappings merge, null removes, anything else replaces."""
    moved: dict[Path, Place] = {}
    data = _merge(document.data, fragment.data, (), fragment.places, moved)
    return Document(document.file, data, document.places.having(moved))


def apply_property(document: Document, line: str) -> Document:
    """Sets or removes what one line `path=value` names. Raises InputError at the option.

    Dots part the path, `\\.` is a dot in a key and `\\\\` a backslash; a list is reached by index, -1 appends.
    The value is YAML; none at all, or null, removes.
    """
    written, separator, text = line.partition("=")
    if not separator or not written:
        raise _wrong(f"{line!r} has no `=`", "write path=value, or path= to remove")
    path = _split(written)
    value = _value(text)
    data = _set(document.data, path, value, written)
    if not isinstance(data, dict):
        raise _wrong(f"{written!r} names the whole document", "name something in it")
    return Document(document.file, data, document.places.having({tuple(path): option_place(OPTION)}))


def _merge(
    old: dict[str, Plain], new: dict[str, Plain], path: Path, places: Places, moved: dict[Path, Place]
) -> dict[str, Plain]:
    merged = dict(old)
    for key, value in new.items():
        existing = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(existing, dict) and isinstance(value, dict):
            merged[key] = _merge(existing, value, (*path, key), places, moved)
        else:
            merged[key] = value
            moved |= {where: places.at(*where) for where in places.marks if where[: len(path) + 1] == (*path, key)}
    return merged


def _split(written: str) -> list[str]:
    keys = written.replace("\\\\", "\1").replace("\\.", "\0").split(".")
    return [key.replace("\0", ".").replace("\1", "\\") for key in keys]


def _value(text: str) -> Plain:
    if text == "":
        return None
    try:
        return parse_any(text, f"--{OPTION}").data
    except InputError as error:
        raise _wrong(f"the value {text!r} is no YAML: {error.problems[0].message}", "put it in quotes") from None


def _set(data: Plain, path: list[str], value: Plain, written: str) -> Plain:
    key, rest = path[0], path[1:]
    if isinstance(data, list):
        return _set_in_list(data, key, rest, value, written)
    if not isinstance(data, dict):
        raise _wrong(
            f"{written!r}: {key!r} is looked for in something that is no mapping and no list",
            "check the path",
        )
    changed = dict(data)
    if rest:
        changed[key] = _set(changed.get(key, {}), rest, value, written)
    elif value is None:
        changed.pop(key, None)
    else:
        changed[key] = value
    return changed


def _set_in_list(data: list[Plain], key: str, rest: list[str], value: Plain, written: str) -> list[Plain]:
    changed = list(data)
    if not (key.isascii() and key.removeprefix("-").isdigit()):
        raise _wrong(f"{written!r}: {key!r} is no index of a list", "use 0 for the first element")
    index = int(key)
    if index == -1 and not rest and value is not None:
        return [*changed, value]
    if not 0 <= index < len(changed):
        raise _wrong(f"{written!r}: the list has {len(changed)} elements, and no index {index}", "-1 appends")
    if rest:
        changed[index] = _set(changed[index], rest, value, written)
    elif value is None:
        del changed[index]
    else:
        changed[index] = value
    return changed


def _wrong(message: str, hint: str) -> InputError:
    return InputError(Problem(message, hint, option_place(OPTION)))

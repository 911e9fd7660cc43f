"""`provisioners add`: looks at a provisioner file elsewhere, and writes its pinned uri into the project file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from scorefly import safe_files
from scorefly.config.project_schema import LOCATION
from scorefly.config.settings import PROVISIONERS
from scorefly.confined import exists, read_file, shown
from scorefly.desired.git_files import GitFiles
from scorefly.problems import InputError, Place, external_error, input_error
from scorefly.resources.files import is_remote, parse_provisioners
from scorefly.resources.remote import Remote, parse_remote, pin
from scorefly.score.document import parse_any
from scorefly.values import Plain

KEY = "provisioners"


class Added(Struct, frozen=True):
    """The pinned uri, the text of the file, and whether an older pin of it was replaced."""

    uri: str
    text: str
    replaced: bool


def add_provisioners(uri: str, workspace: Path, config: str, environ: Mapping[str, str]) -> Added:
    """Fetches, checks and pins. Raises InputError with the line to write where it cannot be written safely."""
    remote, content = fetch_provisioners(uri, environ)
    try:
        root, path = safe_files.locate(workspace, config)
        before = _text(root, path)
        after, replaced = _with_pin(before, remote, config)
        safe_files.write(root, path, after.encode())
    except OSError as error:
        hint = "check its permissions, and the disk"
        raise external_error(f"{config} cannot be written: {error.strerror}", hint, Place(config)) from error
    return Added(str(remote), content.decode("utf-8", "replace"), replaced)


def fetch_provisioners(uri: str, environ: Mapping[str, str]) -> tuple[Remote, bytes]:
    """Return the pinned URI and the content of a provisioner file. Raises ScoreflyError if it is invalid."""
    remote, content = pin(uri, GitFiles(environ))
    parse_provisioners(content, remote.name)
    return remote, content


def _text(root: Path, path: Path) -> str:
    """Return the project file's text; empty where there is none."""
    if not exists(root, path):
        return ""
    place = Place(shown(path))
    try:
        return read_file(root, path, place).decode()
    except UnicodeDecodeError as error:
        raise input_error("the file is not UTF-8", "store it as UTF-8", place) from error


def _with_pin(text: str, remote: Remote, name: str) -> tuple[str, bool]:
    """The project file with the uri behind all others, or in the place of an older pin; all else stays as it is."""
    known = _provisioners(text, name)
    line = f"- {remote}"
    if known is None:
        desired: list[Plain] = [*PROVISIONERS, str(remote)]
        text = text or f"# yaml-language-server: $schema={LOCATION}/project.schema.json\n"
        ending = "" if text.endswith("\n") else "\n"
        after = f"{text}{ending}{KEY}:\n" + "".join(f"  - {each}\n" for each in desired)
        return _checked(after, desired, line, name), False
    if not isinstance(known, list) or not known:
        raise _not_written(line, name)
    lines = text.splitlines(keepends=True)
    places = parse_any(text, name).places
    older = next((index for index, each in enumerate(known) if _same(each, remote)), None)
    at = len(known) - 1 if older is None else older
    number = places.at(KEY, at).line - 1
    if older is not None:
        lines[number] = lines[number].replace(str(known[older]), str(remote))
        desired = [*known[:older], str(remote), *known[older + 1 :]]
    else:
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        ending = "" if lines[number].endswith("\n") else "\n"
        lines.insert(number + 1, f"{ending}{indent}{line}\n")
        desired = [*known, str(remote)]
    return _checked("".join(lines), desired, line, name), older is not None


def _provisioners(text: str, name: str) -> Plain:
    data = parse_any(text, name).data
    return data.get(KEY) if isinstance(data, dict) else None


def _same(known: Plain, remote: Remote) -> bool:
    return isinstance(known, str) and is_remote(known) and parse_remote(known).name == remote.name


def _checked(after: str, desired: list[Plain], line: str, name: str) -> str:
    """The text, if it says what it should: YAML has more ways to write a list than are looked for here."""
    try:
        if _provisioners(after, name) == desired:
            return after
    except InputError:
        pass
    raise _not_written(line, name)


def _not_written(line: str, name: str) -> InputError:
    return input_error(
        f"{KEY} is written in a way that is not changed here", f"add the line yourself: {line}", Place(name)
    )

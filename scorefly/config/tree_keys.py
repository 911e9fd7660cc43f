"""Keys of a workload in scorefly.yaml that say where it comes from and what the project changes about it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scorefly.config.value import Value
from scorefly.problems import Place, input_error, nearest
from scorefly.score.document import Document, Path, Places
from scorefly.sources.repository import Ref, RefKind, Repository, Source, parse_repository

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_REF = re.compile(r"(?!.*(?:\.\.|@\{|//|\.lock$|[/.]$))[^\x00-\x20~^:?*\[\\\x7f/-][^\x00-\x20~^:?*\[\\\x7f]*")
_PATTERN = re.compile(r"[^\x00-\x20~^:\\\x7f/-][^\x00-\x20~^:\\\x7f]*")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", re.ASCII)
_SOURCE = ("repo", "branch", "tag", "commit", "path", "submodules", "lfs")
_FLAGS = ("submodules", "lfs")
_APP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def parse_source(value: Value) -> Source:
    """Parse `source: {repo, branch | tag | commit, path}`."""
    repository, ref, path = check_source(value)
    if repository is None:
        raise input_error("source has no repo", "add repo: https://HOST/OWNER/NAME", value.place)
    flags = {key: each.data is True for key, each in value.children().items() if key in _FLAGS}
    return Source(repository, ref, path, value.place, **flags)


def check_source(value: Value) -> tuple[Repository | None, Ref, str]:
    """Parse a `source` that may lack what another layer has."""
    _mapping(value, "write `source: {repo: https://HOST/OWNER/NAME, branch: main}`")
    for key, child in value.children().items():
        if key not in _SOURCE:
            raise input_error(f"unknown key {key!r} of source", nearest(key, _SOURCE), child.place)
        if key in _FLAGS:
            if not isinstance(child.data, bool):
                raise input_error(f"source.{key}: expected true or false", "write it without quotes", child.place)
        elif not isinstance(child.data, str):
            raise input_error(f"source.{key}: expected a text", "put it in quotes", child.place)
    children = value.children()
    repo, path = children.get("repo"), children.get("path")
    repository = parse_repository(str(repo.data), repo.place) if repo else None
    return repository, _ref(value), _path(path) if path else ""


def _ref(value: Value) -> Ref:
    kinds: tuple[RefKind, ...] = ("branch", "tag", "commit")
    children = value.children()
    given = [kind for kind in kinds if kind in children]
    if len(given) > 1:
        place = children[given[1]].place
        raise input_error(f"source has both {given[0]} and {given[1]}", "keep one of them", place)
    if not given:
        return Ref()
    kind, child = given[0], children[given[0]]
    name = str(child.data)
    if kind == "commit" and not _COMMIT.fullmatch(name):
        raise input_error(f"source.commit: {name!r} is not a commit id", "write all 40 hex digits of it", child.place)
    if kind != "commit" and not (_PATTERN if kind == "tag" else _REF).fullmatch(name):
        raise input_error(f"source.{kind}: {name!r} is not the name of a {kind}", "check the name", child.place)
    return Ref(kind, name)


def _path(value: Value) -> str:
    text = str(value.data)
    normal = os.path.normpath(text)
    if text.startswith("/") or normal.split("/")[0] == ".." or not text.isprintable():
        raise input_error(f"source.path: {text!r} is outside the repository", "give a folder in it", value.place)
    if any(part.lower() == ".git" for part in normal.split("/")) or ":" in text:
        raise input_error(f"source.path: {text!r} cannot be used", "give a folder of the repository", value.place)
    return "" if normal == "." else normal


def parse_text(value: Value) -> str:
    """Parse a text that is not empty."""
    if not isinstance(value.data, str) or not value.data.strip():
        raise input_error(f"{value.path[-1]}: expected a text", "put it in quotes", value.place)
    return value.data


def parse_suspended(value: Value) -> str:
    """Parse the reason why a workload is left as it is; false means that it is not."""
    return "" if value.data is False else parse_text(value)


def parse_file(value: Value) -> str:
    """Parse a path inside a folder."""
    text = parse_text(value)
    if text.startswith("/") or os.path.normpath(text).split("/")[0] == "..":
        hint = "give a path inside the folder of the workload"
        raise input_error(f"{value.path[-1]}: {text!r} is outside its folder", hint, value.place)
    return os.path.normpath(text)


def _name_parser(what: str, pattern: re.Pattern[str], hint: str) -> Callable[[Value], str]:
    """Return a parser of names of one form."""

    def parse_name(value: Value) -> str:
        text = parse_text(value)
        if not pattern.fullmatch(text):
            raise input_error(f"{value.path[-1]}: {text!r} is not a valid {what}", hint, value.place)
        return text

    return parse_name


parse_app = _name_parser("app name", _APP, "app names have lower-case letters, digits and `-`, 63 at most")
parse_project = _name_parser("name", _PROJECT, "use letters, digits, `_` and `-`, 31 at most")


def parse_names(value: Value) -> tuple[str, ...]:
    """Parse a list of names of secrets."""
    return _list(value, _SECRET, "letters, digits and `_`")


def parse_after(value: Value) -> tuple[str, ...]:
    """Parse a name, or a list of names, of what is deployed before."""
    if isinstance(value.data, str):
        value = Value([value.data], value.places, value.path)
    return _list(value, re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII), "letters, digits, `.`, `_` and `-`")


def parse_lines(value: Value) -> tuple[str, ...]:
    """Parse a list of texts, or a text with one on each line."""
    if isinstance(value.data, str):
        return tuple(line.strip() for line in value.data.splitlines() if line.strip())
    return _list(value, re.compile(r"[^\x00-\x1f]+"), "no control characters")


def parse_deploy_args(value: Value) -> tuple[str, ...]:
    """Parse flags for flyctl deploy."""
    from scorefly.fly.deploy_flags import refused

    arguments = parse_lines(value)
    if problem := refused(arguments):
        raise input_error(f"deploy-args: {problem[0]!r} is not passed to flyctl", problem[1], value.place)
    return arguments


def parse_fragment(value: Value) -> Document:
    """Parse a fragment that is merged into a Score file or a fly.toml, where null removes."""
    data = _mapping(value, "write the keys to change below it")
    moved = {path[len(value.path) :]: place for path, place in _below(value)}
    if value.path[-1] == "fly" and "app" in data:
        place = value.children()["app"].place
        raise input_error("fly: the fragment cannot name the app", "set app of the workload", place)
    return Document(value.place.file, data, Places({}, value.place.file, moved))


def _below(value: Value) -> Iterator[tuple[Path, Place]]:
    """Yield the paths of everything in a value with their places."""
    yield value.path, value.place
    for child in value.children().values():
        yield from _below(child)


def parse_add(value: Value) -> Mapping[str, str]:
    """Parse `add: {PATH IN THE SOURCE: FILE OF THE PROJECT}`."""
    _mapping(value, "write `add: {Dockerfile: docker/web.Dockerfile}`")
    for path, child in value.children().items():
        parse_file(child)
        if path.startswith("/") or {"..", ".git"} & set(path.lower().split("/")) or not path.strip("./"):
            raise input_error(f"add: {path!r} is outside the source", "give a path inside it", child.place)
    return {os.path.normpath(path): parse_file(child) for path, child in value.children().items()}


def _mapping(value: Value, hint: str) -> dict[str, Any]:
    if not isinstance(value.data, dict):
        raise input_error(f"{value.path[-1]}: expected a mapping", hint, value.place)
    return value.data


def _list(value: Value, pattern: re.Pattern[str], allowed: str) -> tuple[str, ...]:
    if not isinstance(value.data, list):
        raise input_error(f"{value.path[-1]}: expected a list", "write `- NAME` lines", value.place)
    for index, each in enumerate(value.data):
        if not isinstance(each, str) or not pattern.fullmatch(each):
            place = value.places.at(*value.path, index)
            raise input_error(f"{value.path[-1]}: invalid entry {each!r}", f"an entry has {allowed}", place)
    return tuple(dict.fromkeys(str(each) for each in value.data))


TREE_PARSERS: Mapping[str, Callable[[Value], Any]] = {
    "source": parse_source,
    "score-file": parse_file,
    "score": parse_fragment,
    "fly": parse_fragment,
    "add": parse_add,
    "app": parse_app,
    "image": parse_text,
    "secrets": parse_names,
    "after": parse_after,
    "suspended": parse_suspended,
    "deploy-args": parse_deploy_args,
}

"""Provisioner files: a YAML list whose entries say which resources they are for and how they make them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from scorefly.confined import Total, exists, is_folder, is_glob, match_files, read_file, scope_of, shown
from scorefly.problems import InputError, Place, Problem, input_error, option_place
from scorefly.resources.budget import bounded_together
from scorefly.resources.entries import EntryReader
from scorefly.resources.provisioner import Provisioner
from scorefly.score.document import parse_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scorefly.resources.remote import GitFiles

MAX_FILES = 500


class LoadedProvisioners(Struct, frozen=True):
    """The provisioners of a project's `own` files, with what is wrong with these; the built-in ones follow them."""

    own: tuple[Provisioner, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def provisioners(self) -> tuple[Provisioner, ...]:
        """All of them, in the order in which they are asked."""
        return (*self.own, *built_in_provisioners())

    def for_resource(self, type_: str, class_: str, id_: str) -> Provisioner | None:
        """The first that matches."""
        return next((each for each in self.provisioners if each.spec.matches(type_, class_, id_)), None)

    def of_uri(self, uri: str, type_: str, class_: str, id_: str) -> Provisioner | None:
        """The first of that uri that matches, else the first of that uri and type."""
        same = [each for each in self.provisioners if (each.spec.uri, each.spec.type) == (uri, type_)]
        return next((each for each in same if each.spec.matches(type_, class_, id_)), same[0] if same else None)


def load_provisioners(
    workspace: Path,
    files: Sequence[str],
    git: Callable[[], GitFiles],
    *,
    check_templates: bool,
    outside: bool = False,
) -> LoadedProvisioners:
    """The provisioners of `files`, in this order, then the built-in ones.

    Files are paths or globs relative to the workspace, or pinned uris; with `outside` they may lead out of it. `git`
    opens the reader of git repositories. With `check_templates` every template is compiled too, which costs importing
    Jinja. Raises ExternalError for a file elsewhere that is not available.
    """
    provisioners: list[Provisioner] = []
    problems: list[Problem] = []
    total = Total("provisioner files")
    for read in _expand(workspace, files, git, problems, outside=outside):
        try:
            name, content = read()
            total.add(content, Place(shown(name)))
            provisioners.extend(EntryReader(parse_any(content, name), problems).read())
        except InputError as error:
            problems.extend(error.problems)
    if check_templates:
        with bounded_together():
            problems.extend(problem for each in provisioners for problem in each.syntax_problems())
    return LoadedProvisioners(tuple(provisioners), tuple(problems))


def parse_provisioners(content: bytes, name: str) -> tuple[Provisioner, ...]:
    """The provisioners in a file's content. Raises one InputError with all that is wrong."""
    problems: list[Problem] = []
    found = EntryReader(parse_any(content, name), problems).read()
    problems.extend(problem for each in found for problem in each.syntax_problems())
    if problems:
        raise InputError(*problems)
    return tuple(found)


@lru_cache(maxsize=1)
def built_in_provisioners() -> tuple[Provisioner, ...]:
    """Those in the package's `builtin/` folder, by file name."""
    folder = Path(__file__).parent / "builtin"
    found: list[Provisioner] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.provisioners.yaml")):
        document = parse_any(path.read_bytes(), f"scorefly/{path.name}")
        found.extend(EntryReader(document, problems, built_in=True).read())
    if problems:
        raise InputError(*problems)
    return tuple(found)


def is_remote(text: str) -> bool:
    """Decide whether it is meant as the uri of a file elsewhere, and not as a path."""
    return "://" in text


def _expand(
    workspace: Path, patterns: Sequence[str], git: Callable[[], GitFiles], problems: list[Problem], *, outside: bool
) -> Iterator[Callable[[], tuple[str, bytes]]]:
    """Yield a reader of every file, which returns its name (relative to the workspace where possible) and content."""
    seen: set[str] = set()
    for pattern in patterns:
        if is_remote(pattern):
            from scorefly.resources.remote import read_pinned

            yield partial(read_pinned, pattern, git())
            continue
        try:
            place = option_place("provisioners")
            if is_glob(pattern):
                matches = match_files(workspace, pattern, place)
            else:
                matches = [pattern] if exists(workspace, pattern) else []
        except InputError as error:
            problems.extend(error.problems)
            continue
        for match in matches:
            name = (
                match if Path(pattern).is_absolute() else Path(os.path.relpath(workspace / match, workspace)).as_posix()
            )
            if name not in seen and not is_folder(Path("/"), workspace / match):
                seen.add(name)
                yield partial(_read, *scope_of(workspace, match, outside=outside), name)
        if len(seen) > MAX_FILES:
            hint = "name those that this run needs"
            raise input_error(f"more than {MAX_FILES} provisioner files", hint, option_place("provisioners"))


def _read(root: Path, path: Path, name: str) -> tuple[str, bytes]:
    return name, read_file(root, path, Place(shown(name)))

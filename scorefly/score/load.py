"""Loads Score files: read, override, normalise, check, model; everything wrong with all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scorefly.confined import Total, read_file, scope_of, shown
from scorefly.problems import InputError, Place, Problem, nearest, option_place
from scorefly.score.document import Document, parse
from scorefly.score.model import read_workload
from scorefly.score.normalise import normalise
from scorefly.score.overrides import apply_fragment, apply_property
from scorefly.score.placeholders import UnknownReference, check_root, references
from scorefly.score.schema import check
from scorefly.score.workload import Workload


def load_workloads(
    workspace: Path,
    files: Sequence[PurePosixPath],
    *,
    overrides_file: Path | None = None,
    override_properties: Sequence[str] = (),
    declared: Mapping[str, str] | None = None,
    fragment_of: Callable[[str], Document | None] = lambda _: None,
    for_workloads: Mapping[str, tuple[Path, Place]] | None = None,
    outside: bool = False,
) -> tuple[tuple[Workload, ...], tuple[Problem, ...]]:
    """The workloads by name, and the problems: a file with an error gives no workload, and the rest goes on.

    `for_workloads` are fragments for the workloads of those names, each with the place that names it: they come first,
    then those that `fragment_of` returns for a workload. `declared` are names by file that replace the files' own.
    `files` and `overrides_file` may be `outside` the workspace where a user of the command line named them.
    """
    problems: list[Problem] = []
    at = option_place("overrides-file")
    override = _read(workspace, overrides_file, problems, at, outside=outside) if overrides_file else None
    workloads: dict[str, Workload] = {}
    total = Total("Score files")
    for file in files:
        document = _read(workspace, Path(file), problems, outside=outside, total=total)
        if total.left < 0:
            break
        if document is None:
            continue
        if name := (declared or {}).get(str(file)):
            document = apply_fragment(document, Document(document.file, {"metadata": {"name": name}}, document.places))
        name = _name(document)
        own = (for_workloads or {}).get(name)
        fragments = [_read(workspace, own[0], problems, own[1]) if own else None, fragment_of(name), override]
        workload = _load(document, [each for each in fragments if each], override_properties, problems)
        if workload is None:
            continue
        if first := workloads.get(workload.name):
            message = f"a workload is called {workload.name!r} already, at {first.place('metadata', 'name')}"
            problems.append(Problem(message, "rename one of them", workload.place("metadata", "name")))
            continue
        workloads[workload.name] = workload
        problems.extend(_placeholder_problems(workload))
    return tuple(workloads.values()), tuple(problems)


def _name(document: Document) -> str:
    """The workload's name as its file has it, which may still be no name at all."""
    metadata = document.data.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else ""


def _read(
    workspace: Path,
    file: Path,
    problems: list[Problem],
    place: Place | None = None,
    *,
    outside: bool = False,
    total: Total | None = None,
) -> Document | None:
    name = file.as_posix()
    at = place or Place(shown(name))
    try:
        content = read_file(*scope_of(workspace, file, outside=outside), at)
        return parse(total.add(content, at) if total else content, name, may_be_empty=place is not None)
    except InputError as error:
        problems.extend(error.problems)
    return None


def _load(
    document: Document, fragments: Sequence[Document], properties: Sequence[str], problems: list[Problem]
) -> Workload | None:
    try:
        for fragment in fragments:
            document = apply_fragment(document, fragment)
        for line in properties:
            document = apply_property(document, line)
    except InputError as error:
        problems.extend(error.problems)
        return None
    document, found = normalise(document)
    found = (*found, *check(document))
    problems.extend(found)
    return None if any(problem.severity == "error" for problem in found) else read_workload(document)


def _placeholder_problems(workload: Workload) -> Iterator[Problem]:
    """Placeholders that name no resource of the workload, or begin with no root there is."""
    for place, text in workload.texts():
        for reference in references(text):
            written = "${" + ".".join(reference) + "}"
            try:
                check_root(reference, written)
            except UnknownReference as error:
                yield Problem(error.message, error.hint, place)
                continue
            if reference[0] == "resources" and (len(reference) < 2 or reference[1] not in workload.resources):
                name = reference[1] if len(reference) > 1 else ""
                hint = nearest(name, workload.resources)
                yield Problem(f"{written}: no resource is called {name!r}", hint, place)

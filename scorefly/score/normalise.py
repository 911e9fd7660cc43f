"""Deprecated forms of Score, made into the ones of today: lists of files and volumes become mappings."""

from __future__ import annotations

from scorefly.problems import Place, Problem
from scorefly.score.document import Document, Path
from scorefly.values import Plain


def normalise(document: Document) -> tuple[Document, tuple[Problem, ...]]:
    """The document in today's form, with warnings, and errors for what has no such form.

    Rules: score-go, ApplyCommonUpgradeTransforms. Elements keep the places where they were written.
    """
    containers = document.data.get("containers")
    if not isinstance(containers, dict) or not any(_has_list(each) for each in containers.values()):
        return document, ()
    problems: list[Problem] = []
    moved: dict[Path, Place] = {}
    changed = {
        name: _container(document, name, container, problems, moved) if isinstance(container, dict) else container
        for name, container in containers.items()
    }
    return Document(document.file, {**document.data, "containers": changed}, document.places.having(moved)), tuple(
        problems
    )


def _has_list(container: Plain) -> bool:
    return isinstance(container, dict) and any(isinstance(container.get(key), list) for key in ("files", "volumes"))


def _container(
    document: Document,
    name: str,
    container: dict[str, Plain],
    problems: list[Problem],
    moved: dict[Path, Place],
) -> dict[str, Plain]:
    changed = dict(container)
    for key in ("files", "volumes"):
        entries = container.get(key)
        if isinstance(entries, list):
            changed[key] = _mapping(document, ("containers", name, key), entries, problems, moved)
    return changed


def _mapping(
    document: Document, path: Path, entries: list[Plain], problems: list[Problem], moved: dict[Path, Place]
) -> Plain:
    places = document.places
    problems.append(
        Problem(
            f"{path[-1]} as a list is deprecated",
            "write a mapping of target paths instead",
            places.at(*path),
            severity="warning",
        )
    )
    mapping: dict[str, Plain] = {}
    for index, entry in enumerate(entries):
        at = (*path, index)
        target = entry.get("target") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(target, str):
            problems.append(
                Problem(f"this entry of {path[-1]} has no target", "add the path where it is mounted", places.at(*at))
            )
            continue
        if target in mapping:
            problems.append(Problem(f"target {target!r} is here twice", "keep one of them", places.at(*at, "target")))
            continue
        mapping[target] = _entry(entry)
        moved |= {
            (*path, target, *where[len(at) :]): places.at(*where) for where in places.marks if where[: len(at)] == at
        }
    return mapping


def _entry(entry: dict[str, Plain]) -> dict[str, Plain]:
    changed = {key: value for key, value in entry.items() if key != "target"}
    if isinstance(content := changed.get("content"), list):
        changed["content"] = "\n".join(str(line) for line in content)
    if isinstance(changed.get("read_only"), bool):
        changed["readOnly"] = changed.pop("read_only")
    return changed

"""`convert`: Score files and scorefly.yaml from fly.toml files. Files that exist are never overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from scorefly import safe_files
from scorefly.confined import exists, is_folder, read_file, scope_of, walk
from scorefly.problems import InputError, Place, Problem, external_error, input_error, raise_errors
from scorefly.unconvert.document import yaml_text
from scorefly.unconvert.fly_toml import FlyToml, read_fly_toml
from scorefly.unconvert.names import environment_token
from scorefly.unconvert.project import Input, Output, convert_inputs

NAMES = ("fly.toml", "fly.yaml", "fly.json")
_PASSED = ("node_modules", "vendor", "testdata", "__pycache__")
PROJECT_FILE = "scorefly.yaml"
MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Converted:
    """The files written, relative to the working folder, with the apps by workload, and what to know about it."""

    written: tuple[str, ...]
    apps: Mapping[str, str]
    problems: tuple[Problem, ...]


def convert(workspace: Path, paths: tuple[str, ...], output: str = "") -> Converted:
    """Convert files, and all fly.toml files below folders. Raises InputError with all that is wrong."""
    files = _files(workspace, paths)
    base = Path(os.path.normpath(workspace / output)) if output else workspace
    reads = [_read(workspace, file) for file in files]
    problems = [problem for fly in reads for problem in fly.problems]
    raise_errors(problems)
    root = _common_folder(workspace, files)
    inputs = [
        Input(fly, PurePosixPath(os.path.relpath(file.parent, root).replace(os.sep, "/")))
        for fly, file in zip(reads, files, strict=True)
    ]
    made = convert_inputs(inputs, root)
    raise_errors(made.problems)
    contents = {path: text.encode() for path, text in made.files.items()}
    if made.project:
        contents[PROJECT_FILE] = yaml_text(made.project).encode()
    contents |= _copies(root, base, inputs, problems)
    _refuse_existing(base, contents, workspace)
    problems += _missing_dockerfiles(base, made, contents, workspace)
    try:
        for path, content in contents.items():
            safe_files.create(base, Path(path), content)
    except OSError as error:
        raise external_error(f"cannot write to {base}: {error.strerror}", "check the folder's permissions") from error
    shown = tuple(_shown(base / path, workspace) for path in contents)
    return Converted(shown, made.apps, tuple(problems))


def _files(workspace: Path, paths: tuple[str, ...]) -> list[Path]:
    """The files that paths name, absolute; a folder stands for all fly.toml files below it."""
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        full = Path(os.path.normpath(workspace / path))
        if is_folder(Path(full.anchor), full):
            below = list(_below(full))
            found |= dict.fromkeys(below)
            if not below:
                problems.append(Problem(f"no fly.toml below {path}", "name a fly.toml", Place(path)))
        elif exists(Path(full.anchor), full):
            found[full] = None
        else:
            problems.append(Problem(f"no such file: {path}", "check the path", Place(path)))
    raise_errors(problems)
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED)
        for name in sorted(files):
            if name in NAMES or environment_token(name):
                yield Path(parent, name)


def _read(workspace: Path, file: Path) -> FlyToml:
    """Read one file, with the machine_config that it names in place of its name."""
    name = _shown(file, workspace)
    text = _text(workspace, file, Place(name))
    fly = read_fly_toml(text, name)
    named = _machine_file(fly.document)
    if fly.refused or not named:
        return fly
    at = (
        ("experimental", "machine_config")
        if "machine_config" in fly.document.get("experimental", {})
        else ("machine_config",)
    )
    content = _text(workspace, file.parent / named, fly.place(at))
    try:
        machine = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise input_error(f"{named} is not valid JSON: {error}", "fix the file", fly.place(at)) from error
    fly = read_fly_toml(text, name, machine)
    inline = json.dumps(machine, ensure_ascii=False)
    document = dict(fly.document)
    if at[0] == "experimental":
        document["experimental"] = {**document["experimental"], "machine_config": inline}
    else:
        document["machine_config"] = inline
    return replace(fly, document=document)


def _machine_file(document: Mapping[str, Any]) -> str:
    experimental = document.get("experimental")
    inside = experimental.get("machine_config") if isinstance(experimental, Mapping) else None
    named = inside or document.get("machine_config")
    return named if isinstance(named, str) and not named.startswith("{") else ""


def _text(workspace: Path, file: Path, place: Place) -> str:
    content = read_file(*scope_of(workspace, file, outside=True), place, limit=MAX_FILE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise input_error("the file is not UTF-8", "save it as UTF-8", place) from error


def _common_folder(workspace: Path, files: list[Path]) -> Path:
    """The folder that paths of what is written are relative to: the workspace, or what all files have in common."""
    if all(file.is_relative_to(workspace) for file in files):
        return workspace
    return Path(os.path.commonpath([file.parent for file in files]))


def _copies(root: Path, base: Path, inputs: list[Input], problems: list[Problem]) -> dict[str, bytes]:
    """Return the files that a Score file needs beside it when it is written elsewhere, with its Dockerfile."""
    if root == base:
        return {}
    found: dict[str, bytes] = {}
    for each in inputs:
        names = [file["local_path"] for file in each.fly.document.get("files", ()) if file.get("local_path")]
        if not each.fly.document.get("build", {}).get("image") and exists(root, each.folder / "Dockerfile"):
            names.append("Dockerfile")
            message = "the Dockerfile was copied, and nothing else of the build context"
            problems.append(Problem(message, "copy what it needs", Place(each.fly.file), severity="warning"))
        for name in names:
            if exists(root, each.folder / name):
                found[(each.folder / name).as_posix()] = read_file(root, each.folder / name, Place(each.fly.file))
    return found


def _refuse_existing(base: Path, contents: Mapping[str, bytes], workspace: Path) -> None:
    """Nothing is overwritten: what is there already has to be the same."""
    problems: list[Problem] = []
    for path, content in contents.items():
        if not exists(base, path):
            continue
        place = Place(_shown(base / path, workspace))
        try:
            same = read_file(base, path, place) == content
        except InputError as error:
            problems += error.problems
            continue
        if not same:
            hint = "move it away, or give another folder with --output"
            problems.append(Problem("the file exists, and convert overwrites nothing", hint, place))
    raise_errors(problems)


def _missing_dockerfiles(base: Path, made: Output, contents: Mapping[str, bytes], workspace: Path) -> Iterator[Problem]:
    for path in made.builds:
        dockerfile = PurePosixPath(path).parent / "Dockerfile"
        if dockerfile.as_posix() not in contents and not exists(base, dockerfile):
            message = f"the image is built, and there is no {_shown(base / dockerfile, workspace)}"
            yield Problem(
                message, "add it, or pass --images", Place(_shown(base / path, workspace)), severity="warning"
            )


def _shown(path: Path, workspace: Path) -> str:
    return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else path.as_posix()

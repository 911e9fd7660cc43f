"""`convert`: Score files and scorefly.yaml from fly.toml files. Files that exist are never overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly import safe_files
from scorefly.confined import exists, is_folder, read_file, scope_of, walk
from scorefly.problems import InputError, Place, Problem, external_error, input_error, raise_errors
from scorefly.unconvert.document import yaml_text
from scorefly.unconvert.fly_toml import FlyToml, read_document, read_fly_toml
from scorefly.unconvert.flycd import APP_FILE, FlycdApp
from scorefly.unconvert.flycd import PROJECT_FILE as FLYCD_PROJECT_FILE
from scorefly.unconvert.flycd_tree import FlycdTree, is_flycd, read_tree
from scorefly.unconvert.names import environment_token
from scorefly.unconvert.project import Input, Output, convert_inputs

NAMES = ("fly.toml", "fly.yaml", "fly.json")
_PASSED = ("node_modules", "vendor", "testdata", "__pycache__")
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PROJECT_FILE = "scorefly.yaml"
MAX_FILE = 1 << 20


class Converted(Struct, frozen=True):
    """The files written, relative to the working folder, the apps by environment, and what to know about them.

    The environment is empty for apps of a fly.toml that is not called after one.
    """

    written: tuple[str, ...]
    apps: Mapping[str, Sequence[str]]
    problems: tuple[Problem, ...]


def convert(workspace: Path, paths: tuple[str, ...], output: str = "") -> Converted:
    """Convert fly.toml files and trees of FlyCD, all below folders. Raises InputError with all that is wrong."""
    base = Path(os.path.normpath(workspace / output)) if output else workspace
    starts = _starts(workspace, paths)
    raise_errors(_compose_files(workspace, starts))
    root = _root(workspace, starts, is_elsewhere=bool(output))
    tree = _flycd_tree(workspace, root, starts)
    converted = {root / app.folder for app in tree.apps}
    # FlyCD's own conversion leaves the fly.toml beside the app.yaml that it made of it.
    files = [file for start in starts for file in _fly_tomls(start) if file in starts or file.parent not in converted]
    problems = list(tree.problems)
    if not files and not tree.apps and not problems:
        beside = [each for start in starts for name in _COMPOSE for each in [start / name] if exists(start, name)]
        raise_errors(_compose_files(workspace, beside))
        raise InputError(*(Problem(f"no fly.toml in {path}", "name a fly.toml", Place(path)) for path in paths))
    reads = [_read(workspace, file) for file in dict.fromkeys(files)]
    inputs = [Input(fly, _relative(file.parent, root)) for fly, file in zip(reads, dict.fromkeys(files), strict=True)]
    inputs += [_flycd_input(root, app) for app in tree.apps]
    problems += [problem for each in inputs for problem in each.fly.problems]
    problems += _files_beside(workspace, files)
    problems += [problem for each in inputs for problem in _unreadable_files(root, each)]
    raise_errors(problems)
    made = convert_inputs(inputs, root)
    raise_errors(made.problems)
    problems += [each for each in made.problems if each not in problems]
    if tree.includes:
        made.project["include"] = tree.includes
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


def _compose_files(workspace: Path, files: Sequence[Path]) -> list[Problem]:
    """Refuse Docker Compose files with the command that reads them."""
    return [
        Problem(
            "this is a Docker Compose file, and convert reads fly.toml and FlyCD's files",
            "run `scorefly init --from compose` in its folder",
            Place(_shown(file, workspace)),
        )
        for file in files
        if file.name in _COMPOSE
    ]


def _files_beside(workspace: Path, files: Sequence[Path]) -> Iterator[Problem]:
    """Name the files of other environments that are beside a fly.toml, and that are not converted with it."""
    for file in files:
        if file.name not in NAMES:
            continue
        others = [name for _, _, names in islice(walk(file.parent), 1) for name in sorted(names)]
        left = [name for name in others if environment_token(name) and file.parent / name not in files]
        if left:
            message = f"{', '.join(left)} beside it {'is' if len(left) == 1 else 'are'} not converted"
            yield Problem(message, "convert the folder", Place(_shown(file, workspace)), severity="notice")


def _unreadable_files(root: Path, each: Input) -> Iterator[Problem]:
    """Yield files that a fly.toml mounts and that flyctl or scorefly cannot read."""
    files = each.fly.document.get("files")
    for index, file in enumerate(files if isinstance(files, list) else ()):
        path = file.get("local_path") if isinstance(file, Mapping) else None
        if not isinstance(path, str) or not path or each.fly.refused:
            continue
        place = each.fly.place(("files", index, "local_path"))
        if PurePosixPath(path).is_absolute():
            yield Problem(f"local_path {path!r} is absolute", "give a path relative to fly.toml", place)
            continue
        try:
            read_file(root, each.folder / path, place)
        except InputError as error:
            yield from error.problems


def _starts(workspace: Path, paths: tuple[str, ...]) -> list[Path]:
    """The paths, absolute. Raises InputError: one does not exist."""
    found = [Path(os.path.normpath(workspace / path)) for path in paths]
    raise_errors(
        Problem(f"no such file: {path}", "check the path", Place(path))
        for path, full in zip(paths, found, strict=True)
        if not exists(Path(full.anchor), full)
    )
    return found


def _root(workspace: Path, starts: list[Path], *, is_elsewhere: bool) -> Path:
    """The folder that paths of what is written are relative to: the workspace, or what all inputs have in common."""
    if not is_elsewhere and all(start.is_relative_to(workspace) for start in starts):
        return workspace
    folders = [start if is_folder(Path(start.anchor), start) else start.parent for start in starts]
    return Path(os.path.commonpath(folders))


def _fly_tomls(start: Path) -> Iterator[Path]:
    """The file itself, or all fly.toml files below a folder."""
    if not is_folder(Path(start.anchor), start):
        if start.name not in (APP_FILE, FLYCD_PROJECT_FILE):
            yield start
        return
    for parent, folders, files in walk(start):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED)
        for name in sorted(files):
            if name in NAMES or environment_token(name):
                yield Path(parent, name)


class _Folder(Struct, frozen=True):
    """The tree of files that FlyCD reads, below the root."""

    workspace: Path
    root: Path

    def names(self, path: PurePosixPath) -> tuple[Sequence[str], Sequence[str]]:
        """Return the names of folders and of files that are FlyCD's, in order; links are left out."""
        for _, folders, files in walk(self.root / path):
            kept = [name for name in sorted(folders) if name != ".scorefly"]
            return kept, [name for name in files if self._is_flycd(path / name)]
        return (), ()

    def text(self, path: PurePosixPath) -> str:
        """Return the text of a file. Raises InputError."""
        return _text(self.workspace, self.root / path, Place(self.shown(path)))

    def shown(self, path: PurePosixPath) -> str:
        """Return a path as problems show it."""
        return _shown(self.root / path, self.workspace)

    def _is_flycd(self, path: PurePosixPath) -> bool:
        return path.name in (APP_FILE, FLYCD_PROJECT_FILE) and is_flycd(self.text(path), path.name)


def _flycd_tree(workspace: Path, root: Path, starts: list[Path]) -> FlycdTree:
    folder = _Folder(workspace, root)
    tree = FlycdTree()
    for start in starts:
        is_file = start.name in (APP_FILE, FLYCD_PROJECT_FILE)
        if not is_file and not is_folder(Path(start.anchor), start):
            continue
        found = read_tree(folder, _relative(start.parent if is_file else start, root))
        known = {app.file for app in tree.apps}
        tree.apps += [app for app in found.apps if app.file not in known]
        tree.includes += found.includes
        tree.problems += found.problems
    return tree


def _flycd_input(root: Path, app: FlycdApp) -> Input:
    names = [name for _, _, files in islice(walk(root / app.folder), 1) for name in files]
    return Input(read_document(app.document, app.places, app.file), app.folder, app, tuple(sorted(names)))


def _relative(path: Path, root: Path) -> PurePosixPath:
    return PurePosixPath(os.path.relpath(path, root).replace(os.sep, "/"))


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
            if path == PROJECT_FILE:
                hint = f"add to it what --output DIR writes into DIR/{PROJECT_FILE}, or move it away"
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

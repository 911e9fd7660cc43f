"""`containers.*.files`: files Fly puts into the Machine. One with a secret in it travels as a secret."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode, b64encode
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct, field

from scorefly.confined import exists, read_file, resolve, root_of, shown
from scorefly.convert.target import Conversion
from scorefly.fly.app import Build
from scorefly.problems import InputError, Place, Problem
from scorefly.score.placeholders import UnknownReference, count_text, reference_offsets, substitute
from scorefly.score.workload import ContainerFile
from scorefly.values import Secret

DEFAULT_MODE = 0o644  # what Fly gives the files it writes
MAX_BYTES = 1 << 20
MAX_ALL_BYTES = 16 << 20


class Files(Struct):
    """The entries of fly.toml or of a container, the contents behind `local_path`, and those that are secret."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)


def convert_files(conversion: Conversion, image: str | Build, below: str = "") -> Files:
    """Every file of the container; one that cannot be is left out with a problem.

    `image` is that of the Machine, and `below` the folder of the artefact in which one of several containers has its
    files: then entries have a mode, which fly.toml itself has not.
    """
    files = Files()
    seen: dict[str, str] = {}
    total = 0
    mounted = {os.path.normpath(volume.target) for volume in conversion.container.volumes}
    for file in conversion.container.files:
        place = conversion.place("files", file.target)
        target = _target(conversion, file, place)
        if target is None:
            continue
        if above := next(
            (each for each in seen if each.startswith(f"{target}/") or target.startswith(f"{each}/")), None
        ):
            conversion.wrong(f"file {file.target!r} and file {seen[above]!r} cannot both be files", "move one", place)
            continue
        if target in seen or target in mounted:
            what = f"file {seen[target]!r}" if target in seen else "a volume"
            conversion.wrong(f"file {file.target!r} and {what} are at one path", "move one of them", place)
            continue
        seen[target] = file.target
        content = _content(conversion, file)
        if content is None:
            continue
        size = len(content if isinstance(content, bytes) else str(content.value))
        total += size
        try:
            count_text(size)
        except UnknownReference as error:
            conversion.wrong(error.message, error.hint, place)
            break
        if total > MAX_ALL_BYTES:
            message = f"the files of a container have more than {MAX_ALL_BYTES >> 20} MiB together"
            conversion.wrong(message, "build large files into the image", place)
            break
        entry = _add(files, conversion, image, below, target, content)
        if below and file.mode is not None:
            entry["mode"] = int(file.mode, 8)
    return files


def _target(conversion: Conversion, file: ContainerFile, place: Place) -> str | None:
    parts = file.target.split("/")
    if not file.target.startswith("/") or {"..", "."} & set(parts) or "\0" in file.target or file.target.endswith("/"):
        conversion.wrong(f"a file cannot be mounted at {file.target!r}", "give the absolute path of a file", place)
        return None
    return os.path.normpath(file.target).replace("//", "/")


def _content(conversion: Conversion, file: ContainerFile) -> bytes | Secret | None:
    if file.binary_content is not None:
        try:
            # Tools wrap base64 into lines.
            return b64decode("".join(file.binary_content.split()), validate=True)
        except ValueError:
            where = conversion.place("files", file.target, "binaryContent")
            conversion.wrong("binaryContent is no base64", "encode it with standard base64", where)
            return None
    if file.content is not None:
        if file.no_expand:
            return file.content.encode()
        text = conversion.substitute(file.content, conversion.place("files", file.target, "content"))
        return text.encode() if isinstance(text, str) else text
    return _source(conversion, file)


def _source(conversion: Conversion, file: ContainerFile) -> bytes | Secret | None:
    place = conversion.place("files", file.target, "source")
    source = str(file.source)
    if PurePosixPath(source).is_absolute():
        conversion.wrong(f"source {source!r} is no relative path", "give a path relative to the Score file", place)
        return None
    # A Score file from elsewhere, which only the command line takes, brings its own folder for a workspace.
    folder = conversion.workload.file.parent
    workspace = conversion.target.workspace
    root = root_of(workspace, folder)
    try:
        path = resolve(root, workspace / folder / source, place)
        if not exists(root, path):
            conversion.wrong(f"there is no file {shown(source)!r}", "it is looked for beside the Score file", place)
            return None
        content = read_file(root, workspace / folder / source, place, limit=MAX_BYTES)
    except InputError as error:
        conversion.problems.extend(error.problems)
        return None
    if file.no_expand or b"$" not in content:
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        hint = "say noExpand: true to mount it as it is"
        conversion.wrong(f"{file.source} is not UTF-8, so placeholders in it cannot be replaced", hint, place)
        return None
    return _expanded(conversion, text, path)


def _expanded(conversion: Conversion, text: str, path: Path) -> bytes | Secret | None:
    """The text with placeholders replaced; one that names nothing is shown with its place in that file."""
    try:
        result = substitute(text, conversion.lookup)
    except UnknownReference as whole:
        before = len(conversion.problems)
        name = Path(os.path.relpath(path, conversion.target.workspace.resolve())).as_posix()
        for offset, reference in reference_offsets(text):
            try:
                substitute("${" + ".".join(key.replace(".", "\\.") for key in reference) + "}", conversion.lookup)
            except UnknownReference as error:
                line = text.count("\n", 0, offset) + 1
                column = offset - (text.rfind("\n", 0, offset) + 1) + 1
                conversion.problems.append(Problem(error.message, error.hint, Place(name, line, column)))
        if len(conversion.problems) == before:
            conversion.problems.append(Problem(whole.message, whole.hint, Place(name)))
        return None
    return result.encode() if isinstance(result, str) else result


def _add(
    files: Files, conversion: Conversion, image: str | Build, below: str, target: str, content: bytes | Secret
) -> dict[str, Any]:
    entry: dict[str, Any] = {"guest_path": target}
    files.entries.append(entry)
    if isinstance(content, Secret):
        entry["secret_name"] = _secret_name(below + target)
        files.secrets[entry["secret_name"]] = Secret(b64encode(str(content.value).encode()).decode())
        return entry
    name = f"{below}/{_artefact_path(target)}".lstrip("/")
    files.contents[name] = content
    entry["local_path"] = local_path(conversion, image, f"files/{name}")
    return entry


def local_path(conversion: Conversion, image: str | Build, local: str) -> str:
    """Return where flyctl finds a file of the artefact."""
    if isinstance(image, Build):
        # flyctl reads it from its working folder, which is the build context then.
        workspace = conversion.target.workspace
        return os.path.relpath(workspace / conversion.target.artefact / local, workspace / image.context)
    return local


def _secret_name(target: str) -> str:
    readable = re.sub(r"[^A-Z0-9]+", "_", target.upper()).strip("_")[:40]
    return f"FILE_{readable}_{_hash(target)}".replace("__", "_")


def _artefact_path(target: str) -> str:
    """The target itself where it is plain; else something readable with a hash, safe on any file system."""
    below = target.lstrip("/")
    if re.fullmatch(r"[A-Za-z0-9._/-]{1,120}", below, re.ASCII):
        return below
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', below)[:60]}-{_hash(target)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()

"""Lists what git knows of a build context, so that files git has a digest of are not read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from scorefly.config.settings import Settings
from scorefly.confined import exists, read_file
from scorefly.git.process import Git
from scorefly.problems import InputError, Place

MODES = ("100644", "100755", "120000")
# Of `git ls-files -s -v`: tag, mode and blob id, stage, path. Ids of SHA-256 do not match.
_ENTRY = re.compile(r"([A-Za-z]) ([0-7]{6} [0-9a-f]{40}) ([0-3])\t([^\0]*)\0")
# Attributes by which a file in the checkout is another one than git's: Git LFS and the like.
_CHANGES_CONTENT = re.compile(rb"\b(filter|ident|working-tree-encoding|eol|crlf)\b")


class GitContext(Struct, frozen=True):
    """The files below a folder. `known` are those as git has them, with mode and blob id: `100644 <id>`.

    `others` are files and folders (with `/` at the end) to look at: changed, untracked or ignored by git.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def read_git_context(settings: Settings, folder: Path, root: Path) -> GitContext | None:
    """Ask git about a folder; None where it is in no checkout, or git's digests do not tell what is there.

    The checkout is the nearest one around the folder, below `root` or at it. Nothing is asked about untrusted code.
    """
    tops = [each for each in (folder, *folder.parents) if each.is_relative_to(root)]
    top = next((each for each in tops if exists(each, ".git")), None)
    if settings.untrusted or top is None:
        return None
    variables = {"GIT_DIR": str(top / ".git"), "GIT_WORK_TREE": str(top), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        git = Git(folder, settings.environ, variables=variables)
        index = git.run("ls-files", "-z", "-s", "-v")
        if index.code or not index.output or not _tells_content(top, folder, index.output):
            return None
        rest = git.run("ls-files", "-z", "-m", "-d", "-o", "--directory", "--no-empty-directory")
    except InputError:
        return None
    return None if rest.code else _parse(index.output, rest.output)


def _parse(index: bytes, rest: bytes) -> GitContext | None:
    others = set(_names(rest))
    entries = _ENTRY.findall(index.decode("utf-8", "surrogateescape"))
    if len(entries) != index.count(b"\0"):
        return None
    # A lower-case tag or S says that git does not look at the file, and a stage that a merge is under way.
    plain = {path: digest for kind, digest, stage, path in entries if kind == "H" and stage == "0"}
    known = {path: digest for path, digest in plain.items() if path not in others and digest.startswith(MODES)}
    others.update(path for *_, path in entries if path not in known)
    return GitContext(known, tuple(sorted(others)))


def _names(output: bytes) -> list[str]:
    return output.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _tells_content(top: Path, folder: Path, index: bytes) -> bool:
    """Decide whether no attribute changes files on their way into the checkout."""
    parents = [each for each in (folder, *folder.parents) if each.is_relative_to(top)]
    paths = [each / ".gitattributes" for each in parents] + [top / ".git/info/attributes"]
    paths += [
        folder / name for name in re.findall(rb"\t((?:[^\0]*/)?\.gitattributes)\0", index) for name in [name.decode()]
    ]
    for path in paths:
        if exists(top, path):
            try:
                content = read_file(path.parent, path.name, Place(path.name))
            except InputError:
                return False
            if _CHANGES_CONTENT.search(content):
                return False
    return True

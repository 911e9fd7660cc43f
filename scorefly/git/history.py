"""Orders commits by ancestry, in clones that know little of their history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from scorefly.git.process import Git

if TYPE_CHECKING:
    from scorefly.git.remote import GitRemote

# Commits are fetched without their files: some hundred bytes each.
_DEPTHS = (50, 1000, 20000)


def later_than(git: Git, commit: str, others: Collection[str]) -> dict[str, bool | None]:
    """Of each other commit whether it is a descendant of `commit`; None where this clone cannot tell."""
    return {other: _descends(git, commit, other) for other in others}


def later_on_server(remote: GitRemote, commit: str, others: Collection[str]) -> dict[str, bool | None]:
    """The same, asking the server for as much history as it takes."""
    found: dict[str, bool | None] = dict.fromkeys(others)
    for depth in _DEPTHS:
        unknown = tuple(other for other, later in found.items() if later is None)
        if not unknown or not remote.fetch_history((commit, *unknown), depth):
            break
        found |= later_than(remote.git, commit, unknown)
    return found


def head(git: Git) -> str:
    """The commit that is checked out; empty where there is none."""
    done = git.run("rev-parse", "--verify", "--quiet", "HEAD")
    return "" if done.code else done.text


class CheckedOut(Struct, frozen=True):
    """A commit that is checked out, and its parents, also those that a shallow clone does not have."""

    commit: str
    parents: tuple[str, ...] = ()


def checked_out(folder: Path, environ: Mapping[str, str]) -> CheckedOut | None:
    """Return the commit of the checkout at `folder`; None where there is no `.git`, and an empty one where git fails.

    Only this folder's own `.git` counts, which is a file in a worktree; no repository above or inside it.
    """
    place = folder / ".git"
    if not place.exists():
        return None
    variables = {"GIT_DIR": str(place), "GIT_NO_REPLACE_OBJECTS": "1"}
    done = Git(folder, environ, variables=variables).run("cat-file", "--batch", content=b"HEAD\n")
    first, _, content = done.output.decode("utf-8", "replace").partition("\n")
    commit, kind, *_ = (*first.split(), "", "")
    if done.code or kind != "commit":
        return CheckedOut("")
    header = content.partition("\n\n")[0].splitlines()
    return CheckedOut(commit, tuple(line.removeprefix("parent ") for line in header if line.startswith("parent ")))


def origin(git: Git, *, push: bool = True) -> str:
    """The URL of the remote called origin, to push to or to fetch from; a path made absolute; empty without one."""
    done = git.run("remote", "get-url", *(["--push"] if push else []), "origin")
    url = "" if done.code else done.text
    if not url or "://" in url or ":" in url.partition("/")[0]:
        return url
    top = git.run("rev-parse", "--show-toplevel")
    return str(Path(top.text, url).resolve())


def _descends(git: Git, commit: str, other: str) -> bool | None:
    after = git.run("merge-base", "--is-ancestor", commit, other).code
    if after == 0:
        return True
    if after == 1 and (git.run("merge-base", "--is-ancestor", other, commit).code == 0 or _is_whole(git)):
        return False
    return None


def _is_whole(git: Git) -> bool:
    return git.run("rev-parse", "--is-shallow-repository").text == "false"

"""The problems of repositories that cannot be fetched, by what git says."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.git.process import Done, told
from scorefly.problems import Problem
from scorefly.sources.repository import Pin, Repository

# What git says of a failure, what it means, and what to do. The first that is found decides.
_FAILURES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("Authentication failed", "could not read Username", "could not read Password", "error: 401", "error: 403"),
        "access denied",
        "name a secret with a token for it below access in scorefly.yaml",
    ),
    (
        ("Permission denied (publickey", "Load key", "invalid format"),
        "access denied",
        "name a secret with an SSH key for it below access in scorefly.yaml",
    ),
    (
        ("Host key verification failed",),
        "the server's SSH host key is unknown",
        "set known-hosts for it below access in scorefly.yaml, as `ssh-keyscan HOST` prints it",
    ),
    (
        ("not found", "error: 404", "does not appear to be a git repository", "does not exist"),
        "repository not found, or the credentials do not give access to it",
        "check source.repo, and its entry below access in scorefly.yaml",
    ),
    (("No space left on device",), "the disk is full", "free some space"),
)


def is_reachable(done: Done) -> bool:
    """Report whether a failure may go away: it is not one that the server meant."""
    return not any(word in done.error for words, _, _ in _FAILURES for word in words)


def fetch_failure(repository: Repository, done: Done) -> Problem:
    """Return the problem of a repository that cannot be fetched."""
    for words, message, hint in _FAILURES:
        if any(word in done.error for word in words):
            return Problem(f"cannot read {repository.key}: {message}", hint)
    return Problem(f"cannot read {repository.key}: {told(done)}", "check the address and the network, and try again")


def missing_commit(pin: Pin, done: Done) -> Problem:
    """Return the problem of a commit that the repository does not have."""
    repository = pin.source.repository
    if done.code and "not our ref" not in done.error:
        return replace(fetch_failure(repository, done), place=pin.source.place)
    return Problem(f"{repository.key} has no commit {pin.commit}", "check it, or push it", pin.source.place)

"""State on a ref of the repository: encrypted, replaced by compare-and-swap, locked by another ref."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from urllib.parse import quote, unquote

from scorefly.git.remote import GitRemote
from scorefly.problems import ExternalError, InputError, Place, Problem, external_error
from scorefly.state.document import UNKNOWN, EnvironmentState, Repository, bound
from scorefly.state.document_json import dump, load
from scorefly.state.encryption import Keys
from scorefly.state.git_lock import GitLock, Holder
from scorefly.state.merge import merge

_ATTEMPTS = 5
_REFS = "refs/scorefly/"
LOCKS = "refs/scorefly-locks"


def state_ref(environment: str) -> str:
    """Return where an environment's state is."""
    return f"{_REFS}{_component(environment)}"


def lock_ref(environment: str) -> str:
    """Return where its lock is: elsewhere, for a ref that ends in `.lock` is none, and one below another neither."""
    return f"{LOCKS}/{_component(environment)}"


def recovery_ref(environment: str, commit: str) -> str:
    """Return where a state is put that lost a race, so that nothing in it is lost."""
    return f"refs/scorefly-recovery/{_component(environment)}/{commit[:12]}"


def _component(name: str) -> str:
    """A name as one component of a ref, by git-check-ref-format(1): another one for every name."""
    return re.sub(r"^\.|\.(?=\.|$|lock$)", "%2E", quote(name, safe="").replace("~", "%7E"))


class GitStore:
    """One environment's state. Every run adds one commit, whose parent is the last of the run before.

    Runs have a lock; where that fails (it expired, somebody unlocked it), compare-and-swap tells, and the later one
    to save merges its changes into the document, keeps aside what does not fit, and stops.
    """

    def __init__(
        self, remote: GitRemote, environment: str, keys: Keys, lock: GitLock, repository: Repository = UNKNOWN
    ) -> None:
        self.environment = environment
        self._repository = repository
        self.ref = state_ref(environment)
        self._remote = remote
        self._keys = keys
        self._lock = lock
        self._tip = ""
        self._parent = ""
        self._there: EnvironmentState | None = None
        self._ours: EnvironmentState | None = None
        self._outdated_key = False
        self._raced = ""

    @property
    def place(self) -> str:
        """The ref and its repository."""
        return f"{self.ref} of {self._remote.address.url}"

    def environments(self) -> tuple[str, ...]:
        """The environments whose state is on refs of the same repository. Raises ExternalError."""
        refs = self._remote.refs(f"{_REFS}*")
        return tuple(sorted(unquote(ref.removeprefix(_REFS)) for ref in refs if ref != self.ref))

    def load(self) -> EnvironmentState | None:
        """The state, or None. Raises InputError: wrong key, damaged, another environment's or repository's."""
        self._look()
        self._ours = self._there
        self._parent = self._tip
        return self._bound(self._there) if self._there else None

    def save(self, state: EnvironmentState) -> None:
        """Encrypts and replaces what `load` gave. Raises ExternalError, whatever happens with both runs' work kept."""
        # As it comes back from the document, so that it compares with what others wrote.
        state = load(dump(state))
        desired, conflicts = merge(self._ours, state, self._there)
        for _ in range(_ATTEMPTS):
            if desired == self._there and not self._outdated_key:
                break
            commit = self._write(desired, self._parent)
            if self._remote.swap(self.ref, self._tip, commit):
                self._tip, self._there, self._outdated_key = commit, desired, False
                break
            self._raced = "another run changed the state meanwhile: what both did is kept"
            self._look_at_theirs(state)
            self._parent = self._tip
            desired, conflicts = merge(self._ours, state, self._there)
        else:
            self._keep_aside(state, "the state changes faster than it can be saved")
        self._ours = state
        if conflicts:
            self._keep_aside(state, f"another run changed {', '.join(conflicts)} too, and its work stands")
        if self._lock.lost:
            self._raced = self._raced or "another run took the lock: what this one did is kept"
        if self._raced:
            raise external_error(self._raced, "run it again when the other one has ended", self._at)

    def delete(self) -> None:
        """Takes the ref away. Raises ExternalError when another run changed the state meanwhile."""
        if self._tip and not self._remote.swap(self.ref, self._tip, ""):
            raise external_error("another run changed the state meanwhile", "run it again", self._at)
        self._tip, self._there, self._ours, self._parent = "", None, None, ""

    def rotate(self, state: EnvironmentState) -> None:
        """Saves with the first key, as a commit without a past: what the old key can read goes with it."""
        commit = self._write(state, "")
        if not self._remote.swap(self.ref, self._tip, commit):
            raise external_error("another run changed the state meanwhile", "run it again", self._at)
        self._tip, self._there, self._ours, self._parent = commit, state, state, ""

    def lock(self) -> AbstractContextManager[None]:
        """Holds the environment's lock ref. Raises HeldError."""
        return self._lock.hold()

    def confirm_lock(self) -> None:
        """Raises ExternalError when another run took the lock, which happens once it has expired."""
        if not self._lock.confirm():
            raise external_error(
                "another run took the lock: this one was stopped for too long, and changes nothing more",
                "run it again when the other one has ended",
                self._at,
            )

    def holder(self) -> str:
        """Return the holder of the lock, for people; empty when there is none."""
        return self._lock.holder()

    def unlock(self) -> None:
        """Takes the lock away from whoever has it."""
        self._lock.unlock()

    @property
    def _at(self) -> Place:
        return Place(self.ref, is_option=True)

    def _write(self, state: EnvironmentState, parent: str) -> str:
        return self._remote.commit(self._keys.encrypt(dump(state)), f"State of {self.environment}", parent)

    def _look(self) -> None:
        """Reads what is on the ref now."""
        found = self._remote.read(self.ref)
        self._tip = found.id if found else ""
        self._there = self._decrypt(found.content) if found else None

    def _decrypt(self, content: bytes) -> EnvironmentState:
        try:
            state = load(self._keys.decrypt(content))
        except InputError as error:
            raise InputError(*(_placed(problem, self._at) for problem in error.problems)) from error
        self._bound(state)
        self._outdated_key = not self._keys.first_encrypted(content)
        return state

    def _bound(self, state: EnvironmentState) -> EnvironmentState:
        return bound(state, self.environment, self._repository, self._at)

    def _look_at_theirs(self, ours: EnvironmentState) -> None:
        try:
            self._look()
        except InputError as error:
            self._keep_aside(ours, f"another run changed the state, and it cannot be read: {error.problems[0].message}")

    def _keep_aside(self, state: EnvironmentState, why: str) -> None:
        """Save our whole state to a ref that no other run writes, and stop."""
        commit = self._write(state, "")
        ref = recovery_ref(self.environment, commit)
        self._remote.swap(ref, "", commit)
        raise ExternalError(
            Problem(f"{why}; this run's state is kept at {ref}", "docs/state.md tells how to use it", self._at)
        )


def _placed(problem: Problem, place: Place) -> Problem:
    return Problem(problem.message, problem.hint, problem.place or place)


def git_store(
    remote: GitRemote, environment: str, keys: Keys, holder: Holder, repository: Repository = UNKNOWN
) -> GitStore:
    """The state of an environment on a repository's refs."""
    return GitStore(remote, environment, keys, GitLock(remote, lock_ref(environment), environment, holder), repository)

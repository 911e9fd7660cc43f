"""The git side of the listener: which commits refs have, and checkouts of the project for its runs."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from scorefly import safe_files
from scorefly.confidential import Confidential
from scorefly.git.process import Done, Git, told
from scorefly.git.remote import Credentials
from scorefly.listen.github_tokens import GitHubTokens
from scorefly.listen.settings import Project
from scorefly.listen.sources import Seen
from scorefly.problems import ExternalError, external_error

_REF = "refs/scorefly/project"
_REDIRECT = re.compile(r"^warning: redirecting to (https?://[^\s@]{1,500})$", re.MULTILINE)


# Returns the user name and password for an https URL, or None.
Logins = Callable[[str], tuple[str, str] | None]


class Reading(Confidential, frozen=True):
    """The way to read repositories of servers: with which environment and logins, and when to give up at once."""

    environ: Mapping[str, str]
    logins: Logins
    stop: Callable[[], bool]


def read_refs(url: str, refs: Sequence[str], folder: Path, reading: Reading) -> Seen:
    """Ask a repository once for the values of refs: a commit, or a digest of all that a pattern matches.

    A ref that does not exist has the value "". Raises ExternalError.
    """
    patterns = [
        pattern for ref in refs for pattern in ((ref, f"{ref}^{{}}") if ref.startswith("refs/tags/") else (ref,))
    ]
    git, address = _server_git(url, folder, reading)
    done = git.run("ls-remote", "--", address, *patterns)
    if done.code:
        raise _failure("read", done)
    pairs = [line.partition("\t") for line in done.text.splitlines()]
    commits = {name: commit for commit, _, name in pairs}
    redirect = _REDIRECT.search(done.error)
    return Seen({ref: _value(ref, commits) for ref in refs}, redirect[1].removesuffix("/") if redirect else "")


def _value(ref: str, commits: Mapping[str, str]) -> str:
    if not re.search(r"[*?\[]", ref):
        return commits.get(f"{ref}^{{}}", commits.get(ref, ""))
    matching = sorted(f"{name} {commit}" for name, commit in commits.items() if fnmatchcase(name, ref))
    return hashlib.sha256("\n".join(matching).encode()).hexdigest()[:40] if matching else ""


class ProjectRepository:
    """A local copy of the project's repository, and one checkout per unit.

    Checkouts are of their own, because a run keeps state, artefacts and sources below its project file.
    """

    def __init__(self, project: Project, data: Path, environ: Mapping[str, str]) -> None:
        self._project = project
        self._data = data
        self._environ = environ
        self._copy = data / "project.git"

    def fetch(self, reading: Reading) -> str:
        """Fetch the followed ref. Returns its commit. Raises ExternalError."""
        safe_files.make_folders(self._data, Path("units"))
        self._git(self._data).must("init", "--bare", "--quiet", str(self._copy))
        git, address = _server_git(self._project.url, self._copy, reading)
        done = git.run(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force"),
            *("--", address, f"+{self._project.ref}:{_REF}"),
        )
        if done.code:
            raise _failure("fetched", done)
        return self._git(self._copy).must("rev-parse", "--verify", f"{_REF}^{{commit}}")

    def check_out(self, name: str, commit: str) -> Path:
        """Put a commit into the checkout of this name. Returns the folder of the project file. Raises ExternalError."""
        folder = self._checkout(name)
        if self._try_check_out(folder, commit):
            # A killed git leaves its lock files: everything in `.git` is made anew.
            shutil.rmtree(folder / ".git", ignore_errors=True)
            if failed := self._try_check_out(folder, commit):
                raise external_error(f"cannot check out {commit[:12]}: {told(failed)}", "check the disk of --data")
            self._git(folder).run("clean", "-ffdq", "-e", ".scorefly")
        return self.folder(name)

    def folder(self, name: str) -> Path:
        """Return the folder of the project file in the checkout of this name."""
        return self._checkout(name) / self._project.path

    def _checkout(self, name: str) -> Path:
        return self._data / "units" / folder_name(name)

    def _try_check_out(self, folder: Path, commit: str) -> Done | None:
        """Check a commit out. Returns the command that failed, or None."""
        git = self._git(folder)
        safe_files.make_folders(self._data, folder.relative_to(self._data))
        for arguments in (
            ("init", "--quiet"),
            ("config", "remote.origin.url", self._project.url),
            ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(self._copy), f"+{_REF}:{_REF}"),
            ("checkout", "--quiet", "--force", "--detach", commit),
        ):
            done = git.run(*arguments)
            if done.code:
                return done
        return None

    def _git(self, folder: Path) -> Git:
        return Git(folder, self._environ, (("protocol.file.allow", "always"),))


def folder_name(name: str) -> str:
    """Return a folder's name for a unit, different for different units."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    return (
        plain
        if plain == name and not name.startswith((".", "-"))
        else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    )


def logins_of(environ: Mapping[str, str], tokens: GitHubTokens) -> Logins:
    """Return the logins of repositories: for GitHub's server the token of their owner."""
    server = (environ.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/")

    def login(url: str) -> tuple[str, str] | None:
        owner = url.removeprefix(f"{server}/").partition("/")[0] if url.startswith(f"{server}/") else ""
        token = tokens.token(owner) if owner else ""
        return ("x-access-token", token) if token else None

    return login


def _server_git(url: str, folder: Path, reading: Reading) -> tuple[Git, str]:
    from scorefly.git.remote import credential_config

    login = reading.logins(url) if url.startswith("https://") else None
    server = "/".join(url.split("/")[:3])
    credentials = Credentials(server, *login) if login else None
    config, variables = credential_config(credentials)
    allowed = {"GIT_ALLOW_PROTOCOL": "https:ssh:http:file", **variables}
    return Git(folder, reading.environ, config, allowed, stop=reading.stop), url


def _failure(what: str, done: Done) -> ExternalError:
    message = f"the repository cannot be {what}: {told(done)}"
    return external_error(message, "check the address, and the token or key for it")

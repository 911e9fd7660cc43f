"""Credentials for git servers: a token or an SSH key by host and path prefix."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from scorefly import safe_files
from scorefly.git.process import Git
from scorefly.git.remote import Credentials, credential_config
from scorefly.problems import Place, external_error
from scorefly.sources.repository import Repository

SECONDS = 300.0  # for one git process that talks to a server
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20")
# Files stay as they are in the repository: no conversion, no filter of the user's configuration.
_CONFIG = (
    ("core.attributesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    ("filter.lfs.process", ""),
    ("filter.lfs.required", "false"),
    ("filter.lfs.smudge", "cat"),
    ("transfer.credentialsInUrl", "die"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """Credentials for the repositories whose key begins with `prefix`. Values are secret, and empty if not given."""

    prefix: str
    token: str = ""
    username: str = "x-access-token"
    ssh_key: str = ""
    known_hosts: str = ""
    place: Place | None = field(default=None, compare=False)


class Access:
    """Runs git with the credentials of one repository and no others. A context manager: keys are in a private folder.

    The entry with the longest prefix that fits is used. Without one, git has what the user configured for it.
    """

    def __init__(self, entries: Sequence[Entry], environ: Mapping[str, str]) -> None:
        self._entries = sorted(entries, key=lambda each: -len(each.prefix))
        self._environ = environ
        self._stack = ExitStack()
        self._keys: dict[str, Path] = {}

    def __enter__(self) -> Access:
        keyed = [each for each in self._entries if each.ssh_key or each.known_hosts]
        if keyed:
            try:
                folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="scorefly-ssh-")))
                for number, entry in enumerate(keyed):
                    self._keys[entry.prefix] = folder / str(number)
                    for name, content in (("key", entry.ssh_key), ("hosts", entry.known_hosts)):
                        text = content.strip().replace("\r\n", "\n")
                        safe_files.write(folder, Path(str(number), name), f"{text}\n".encode(), private=True)
            except OSError as error:
                self._stack.close()
                hint = "check the disk, and $TMPDIR"
                raise external_error(f"cannot write a temporary file: {error.strerror}", hint) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def entry(self, repository: Repository) -> Entry | None:
        """Return the entry for a repository: prefixes end at a `/`."""
        key = f"{repository.key}/"
        return next((each for each in self._entries if key.startswith(f"{each.prefix.rstrip('/')}/")), None)

    def git(self, repository: Repository, folder: Path) -> Git:
        """Return git in a bare repository, allowed to talk to the repository's server."""
        entry = self.entry(repository)
        protocols = "http:https" if repository.scheme == "http" else "https:ssh"
        variables = {"GIT_DIR": str(folder), "GIT_ALLOW_PROTOCOL": protocols, "GIT_SSH_COMMAND": shlex.join(_SSH)}
        config: tuple[tuple[str, str], ...] = _CONFIG
        if entry and entry.token and repository.scheme != "ssh":
            server = "/".join(repository.url.split("/")[:3])
            pairs, more = credential_config(Credentials(server, entry.username, entry.token))
            config, variables = (*config, *pairs), {**variables, **more}
        if entry and entry.prefix in self._keys and repository.scheme == "ssh":
            variables["GIT_SSH_COMMAND"] = shlex.join(_ssh(entry, self._keys[entry.prefix]))
        return Git(folder, self._environ, config, variables, SECONDS)


def _ssh(entry: Entry, folder: Path) -> list[str]:
    command = list(_SSH)
    if entry.ssh_key:
        command += ["-i", str(folder / "key"), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    if entry.known_hosts:
        command += ["-o", f"UserKnownHostsFile={folder / 'hosts'}", "-o", "GlobalKnownHostsFile=/dev/null"]
    return command

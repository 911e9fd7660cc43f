"""A real sshd on loopback that serves the git repositories below a folder, with keys of its own."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
REASON = "a real sshd needs the package openssh-server"
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
"""
# The command of every login: git-upload-pack of a repository below the root, and nothing else.
COMMAND = """\
#!{python}
import os, shlex, sys
program, path = shlex.split(os.environ.get("SSH_ORIGINAL_COMMAND", "none none"))
parts = path.strip("/").removesuffix(".git").split("/")
if program != "git-upload-pack" or ".." in parts:
    sys.exit("refused")
os.execvp("git", ["git", "-c", "safe.directory=*", "upload-pack", "{root}/" + "/".join(parts) + ".git"])
"""


@dataclass(frozen=True)
class SshServer:
    """`key` is the private key that may log in, `other_key` one that may not, and `known_hosts` the host's own."""

    address: str
    host: str
    key: str
    other_key: str
    known_hosts: str


@contextmanager
def ssh_server(root: Path, folder: Path) -> Iterator[SshServer]:
    """Serve the repositories below `root`; `folder` is for keys and configuration."""
    assert SSHD
    folder.mkdir()
    for name in ("host", "key", "other"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=60)
    script = folder / "command"
    script.write_text(COMMAND.format(python=sys.executable, root=root))
    script.chmod(0o755)
    public = (folder / "key.pub").read_text()
    (folder / "authorized").write_text(f'command="{script}",restrict {public}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    with suppress(PermissionError):
        Path("/run/sshd").mkdir(exist_ok=True)  # where root's sshd keeps its unprivileged child
    arguments = [SSHD, "-D", "-e", "-f", str(folder / "config")]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = process.stderr.readline()
        while said and "listening" not in said:
            said = process.stderr.readline()
        assert said, "sshd ended"
        kind, host_key, _ = (folder / "host.pub").read_text().split()
        try:
            yield SshServer(
                f"ssh://{getpass.getuser()}@127.0.0.1:{port}",
                f"127.0.0.1:{port}",
                (folder / "key").read_text(),
                (folder / "other").read_text(),
                f"[127.0.0.1]:{port} {kind} {host_key}",
            )
        finally:
            process.terminate()
            process.communicate()

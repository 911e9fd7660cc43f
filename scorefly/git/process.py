"""One git process: a small environment, no hook, no question, an end in time."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

from scorefly import interruption, process
from scorefly.child_output import Buffer
from scorefly.confidential import Confidential
from scorefly.problems import ExternalError, external_error, input_error, option_place

TIMEOUT = 60.0  # seconds
MAX_OUTPUT = 64 << 20  # bytes
MAX_ERROR = 1 << 20  # bytes

_PASSED = (
    *("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy"),
)

# A user's own configuration holds what reaches their server (proxy, certificates, ssh); this is what it must not do.
_CONFIG = (
    ("core.hooksPath", os.devnull),
    ("core.askPass", ""),
    ("core.fsmonitor", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "20"),
    ("init.templateDir", ""),
    ("maintenance.auto", "false"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    # A checkout in a container belongs to another user; git is only asked to read it.
    ("safe.directory", "*"),
)


class Done(Struct, frozen=True):
    """A git process that ended. `error` is what it said on standard error."""

    code: int
    output: bytes
    error: str

    @property
    def text(self) -> str:
        """Its output, without the line's end."""
        return self.output.decode("utf-8", "replace").strip()


class Git(Confidential, frozen=True):
    """git in one folder. `environ` is this process's; `variables` and `config` are added to the few that pass.

    A process that takes longer than `seconds` is ended, and one that runs while `stop` says so.

    Configuration travels in the environment, which only the same user can read, and never on a command line.
    """

    folder: Path
    environ: Mapping[str, str]
    config: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    seconds: float = TIMEOUT
    stop: Callable[[], bool] = lambda: interruption.overdue(interruption.IN_FLIGHT)

    def run(self, *arguments: str, content: bytes = b"") -> Done:
        """Runs it to its end, which is a failure after `seconds`. Raises InputError when there is no git."""
        program = shutil.which("git", path=self.environ.get("PATH"))
        if program is None:
            raise input_error("there is no git on PATH", "install git, or say state: file", option_place("state"))
        interruption.check()
        output, error = Buffer(MAX_OUTPUT), Buffer(MAX_ERROR, strict=False)
        # In a session of its own it can ask no one, and an interrupt does not end it in the middle of a push.
        ended = process.run(
            [program, *arguments],
            folder=self.folder,
            environ=self._environment(),
            seconds=self.seconds,
            output=output,
            errors=error,
            question=content,
            stop=self.stop,
            ask=signal.SIGKILL,
        )
        if ended.reason == "stopped":
            interruption.check()
        if ended.reason:
            why = f"did not end within {self.seconds:.0f} s" if ended.reason == "late" else "wrote too much"
            return Done(1, b"", f"fatal: git {arguments[0]} {why}")
        return Done(ended.code, bytes(output.content), error.content.decode("utf-8", "replace"))

    def must(self, *arguments: str, content: bytes = b"") -> str:
        """The output of what can only fail for want of disk or memory. Raises ExternalError."""
        done = self.run(*arguments, content=content)
        if done.code:
            raise local_failure(arguments[0], done)
        return done.text

    def _environment(self) -> dict[str, str]:
        pairs = (*_CONFIG, *self.config)
        return {
            **{name: self.environ[name] for name in _PASSED if self.environ.get(name)},
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_DEFAULT_HASH": "sha1",
            "GIT_AUTHOR_NAME": "scorefly",
            "GIT_AUTHOR_EMAIL": "scorefly@users.noreply.github.com",
            "GIT_COMMITTER_NAME": "scorefly",
            "GIT_COMMITTER_EMAIL": "scorefly@users.noreply.github.com",
            "GIT_CONFIG_COUNT": str(len(pairs)),
            **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(pairs)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(pairs)},
            **self.variables,
        }


def local_failure(what: str, done: Done) -> ExternalError:
    """git failed at something that asks no server."""
    return external_error(f"git {what} failed: {told(done)}", "check the disk, and $TMPDIR")


def told(done: Done) -> str:
    """Return what the server and git said of a failure, as one line."""
    lines = [line.strip() for line in done.error.splitlines()]
    kept = [line for line in lines if line.startswith(("fatal:", "error:", "!", "remote: "))]
    kept = [line for line in kept if not line.startswith("error: failed to push some refs")]
    return "; ".join(kept[-4:] or lines[-1:]) or f"it ended with {done.code}"

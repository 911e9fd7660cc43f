"""`cmd://`: a program that is given a question on standard input and answers on standard output."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from scorefly import interruption
from scorefly.child_output import Buffer
from scorefly.problems import InputError, Problem, input_error
from scorefly.process import Ended, run
from scorefly.resources.calls import Call
from scorefly.resources.protocol import MAX_ANSWER
from scorefly.values import Text, reveal_text

MODE = "SCORE_PROVISIONER_MODE"
MAX_TOLD = 1 << 16  # bytes of standard error that are shown

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES)


def child_environment(environ: Mapping[str, str], texts: Mapping[str, Text], mode: str) -> dict[str, str]:
    """All that a program sees of our environment: no token, no input, nothing of GitHub's."""
    passed = {name: environ[name] for name in _PASSED if environ.get(name)}
    return {**passed, **{name: reveal_text(text) for name, text in texts.items()}, MODE: mode}


class Command(Struct, frozen=True):
    """A program of `PATH`, or a path that is absolute, below `~`, or relative to the workspace."""

    program: str
    args: tuple[str, ...] = ()

    def send(self, call: Call) -> None:
        """Runs the program in the workspace, in a process group of its own, which is ended whole."""
        argv = [self._path(call), *(argument.replace(f"${MODE}", call.mode) for argument in self.args)]
        environ = child_environment(call.outside.environ, call.texts, call.mode)
        answer, errors = Buffer(MAX_ANSWER), Buffer(MAX_TOLD, strict=False)
        with call.output() as write:
            try:
                ended = run(
                    argv,
                    folder=call.outside.workspace,
                    environ=environ,
                    seconds=call.timeout,
                    output=answer,
                    errors=errors,
                    question=call.question,
                    untrusted=True,
                )
            except (OSError, ValueError) as error:
                raise call.failed(f"it cannot be started: {getattr(error, 'strerror', None) or error}") from error
            # The answer first: what it said may hold the secrets that it gives.
            call.heard(bytes(answer.content))
            for line in _lines(errors):
                write(line)
            interruption.check()
            if ended.reason or ended.code:
                raise call.failed(_ending(ended, call.timeout))
            call.check()

    def _path(self, call: Call) -> str:
        environ, program = call.outside.environ, self.program
        if "/" not in program:
            found = shutil.which(program, path=environ.get("PATH", os.defpath))
        else:
            if program.startswith("~/"):
                program = environ.get("HOME", "~") + program[1:]
            path = Path(call.outside.workspace, program)
            found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
        if found is None:
            where = "on PATH" if "/" not in program else "at that path, or it may not be executed"
            hint = "install it, or mend the uri; a path is relative to the workspace"
            raise InputError(Problem(f"there is no program {self.program!r} {where}", hint, call.place))
        return found


def _ending(ended: Ended, timeout: float) -> str:
    if ended.reason == "full":
        return f"it wrote more than {MAX_ANSWER >> 20} MiB"
    if ended.reason:
        return f"it did not end within {timeout:.0f} s"
    return f"it ended with status {ended.code}" if ended.code > 0 else f"it ended by signal {-ended.code}"


def _lines(errors: Buffer) -> list[str]:
    """Return what it wrote on standard error. A line that was cut might show half a secret, so it is left out."""
    text = bytes(errors.content)
    whole = text[: text.rfind(b"\n") + 1] if errors.cut else text
    return [*whole.decode("utf-8", "replace").splitlines(), *(["… and more"] if errors.cut else [])]


def program_of(uri: str) -> str:
    """The program a `cmd://` uri names: `cmd://python3#anything`, `cmd://./a/b`, `cmd://~/b`, `cmd:///usr/bin/b`.

    Source: score-compose's cmd provisioners, whose files work here. Raises InputError without a place.
    """
    program = uri.removeprefix("cmd://").partition("#")[0]
    first, slash, _ = program.partition("/")
    if not program or program.endswith("/"):
        raise input_error(f"{uri} names no program", "for example cmd://python3, or cmd://./scripts/provision.py")
    if slash and first not in ("", ".", "..", "~"):
        raise input_error(f"{uri} is neither a program of PATH nor a path", f"write cmd://./{program}")
    return program

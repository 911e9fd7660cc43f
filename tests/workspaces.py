"""A workspace in which scorefly runs as its users run it, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fork_server

REPOSITORY = Path(__file__).parents[1]
DATA = REPOSITORY / "tests/data"
# Before a command that is to be interrupted: a shell in the background leaves its children deaf to SIGINT.
HEARING = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)


@dataclass(frozen=True)
class Result:
    """One finished process."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines of standard error that are errors: those with a place, or of an option; and others without a label."""
        pattern = r"(\S+:\d+:\d+|--?[a-z-]+|\$?[A-Z_]+|error): "
        return [line.removeprefix("error: ") for line in self.err.splitlines() if re.match(pattern, line)]


@dataclass(frozen=True)
class Workspace:
    """A folder with Score files, and the two faces to run in it."""

    path: Path
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def workload(self, name: str, body: str = "", *, image: str = "nginx:1.27", file: str = "") -> Path:
        """A Score file; `body` continues the container, and leaves it where it is less indented."""
        head = f"apiVersion: score.dev/v1b1\nmetadata: {{name: {name}}}\ncontainers:\n  main:\n    image: {image}\n"
        path = self.path / (file or f"{name}.score.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        body = textwrap.dedent(body)
        if body and not body.startswith((" ", "service:", "resources:")):
            body = textwrap.indent(body, "    ")
        path.write_text(head + body, encoding="utf-8")
        return path

    def run(self, *arguments: str, **variables: str) -> Result:
        """`scorefly …` in the workspace."""
        return self._process("cli", arguments, {**self.variables, **variables})

    def action(
        self, inputs: dict[str, str], on_start: Callable[[int], None] | None = None, /, **variables: str
    ) -> ActionResult:
        """The Action, as the runner starts it. `on_start` gets the id of its process."""
        output, summary = self.path.parent / "output", self.path.parent / "summary"
        output.write_text("")
        summary.write_text("")
        environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.path),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
            **variables,
        }
        result = self._process("action", (), environment, on_start)
        return ActionResult(result.code, result.out, result.err, read_outputs(output.read_text()), summary.read_text())

    def tree(self) -> dict[str, bytes]:
        """Every file there is, with its content."""
        return {
            path.relative_to(self.path).as_posix(): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }

    def toml(self, app: str, environment: str = "local") -> dict[str, Any]:
        import tomllib

        return tomllib.loads((self.path / ".scorefly/out" / environment / app / "fly.toml").read_text())

    @property
    def world(self) -> dict[str, Any]:
        """The rehearsal's world, as the last run left it."""
        found: dict[str, Any] = json.loads((self.path / ".scorefly/rehearsal/world.json").read_text())
        return found

    def _process(
        self,
        program: str,
        arguments: Sequence[str],
        variables: dict[str, str],
        on_start: Callable[[int], None] | None = None,
    ) -> Result:
        """A run in a process of its own: forked where nothing traces it, since that starts ten times as fast."""
        kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_RUN")
        environment = {**{name: os.environ[name] for name in kept if name in os.environ}, **variables}
        if not any(name.startswith("COVERAGE") for name in environment):
            ended = fork_server.run(program, arguments, cwd=self.path, environment=environment, on_start=on_start)
            return Result(ended.code, ended.out, ended.err)
        entry = ["-m", "scorefly"] if program == "cli" else [str(REPOSITORY / "entrypoint.py")]
        process = subprocess.Popen(
            [sys.executable, *entry, *arguments],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if on_start:
            on_start(process.pid)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)


@dataclass(frozen=True)
class ActionResult(Result):
    """A finished run of the Action."""

    outputs: dict[str, str]
    summary: str


def read_outputs(text: str) -> dict[str, str]:
    """The outputs in a GITHUB_OUTPUT file with delimiters."""
    found = re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n?^\2$", text, re.MULTILINE | re.DOTALL)
    return {name: value for name, _, value in found}

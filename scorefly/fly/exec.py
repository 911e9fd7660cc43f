"""Commands in a running Machine, over the Machines API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorefly.fly.api import FlyApi
from scorefly.http import mapping, text
from scorefly.problems import external_error, shortened

TIMEOUT = 60  # seconds that Fly lets a command run


def exec_in_machine(
    api: FlyApi, app: str, machine: str, command: Sequence[str], stdin: str, hidden: Sequence[str] = ()
) -> str:
    """Run a command, which has to be safe to repeat, and return its standard output.

    Raises ExternalError when it ends with another status than 0. `hidden` texts are not in messages.
    """

    def read(data: Any) -> tuple[int, str, str]:
        answer = mapping(data)
        return int(answer.get("exit_code") or 0), text(answer, "stdout", ""), text(answer, "stderr", "")

    body = {"command": list(command), "stdin": stdin, "timeout": TIMEOUT}
    path = f"/apps/{app}/machines/{machine}/exec"
    code, output, errors = api.read("POST", path, read, json=body, repeat=True, hidden=list(hidden))
    if code:
        reason = " ".join((errors or output).split())
        for secret in hidden:
            reason = reason.replace(secret, "***")
        raise external_error(
            f"a command in Machine {machine} of {app} failed with status {code}: {shortened(reason, 300)}",
            f"look at `fly logs -a {app}`, and run it again",
        )
    return output

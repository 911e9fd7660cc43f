"""Stands in for scorefly's commands that a listener starts: it prints what `repos` and `sync` print.

A unit deploys by writing the commit that is checked out beside the project file. `standin.json` in the project says what
the tree is, and how a run ends. Started as a listener: `python listen_standin.py listen OPTIONS…`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def head() -> str:
    command = ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def emit(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def sync(arguments: list[str], tree: dict[str, Any]) -> int:
    environment = arguments[arguments.index("--environment") + 1]
    behaviour = tree.get("runs", {}).get(environment, {})
    emit(event="unit-begin", unit=environment)
    time.sleep(behaviour.get("seconds", 0))
    for line in behaviour.get("lines", ()):
        sys.stderr.write(os.path.expandvars(line) + "\n")
    if "problem" in behaviour:
        emit(event="problem", message=behaviour["problem"], place="scorefly.yaml:1:1", severity="error")
    if behaviour.get("exit"):
        emit(event="end", complete=False)
        return int(behaviour["exit"])
    record = Path(".scorefly/deployed")
    commit, before = head(), record.read_text() if record.exists() else ""
    if commit != before:
        record.parent.mkdir(exist_ok=True)
        temporary = record.with_suffix(f".{os.getpid()}")
        temporary.write_text(commit)
        temporary.rename(record)
        with Path(os.environ["SCOREFLY_STANDIN_LOG"]).open("a") as log:
            log.write(f"{environment} {commit}\n")
    status = "unchanged" if commit == before else "deployed" if before else "created"
    for app in behaviour.get("apps", [f"web-{environment}"]):
        name = app if isinstance(app, str) else app["app"]
        more = {} if isinstance(app, str) else app
        emit(
            **{
                "event": "app", "unit": environment, "app": name, "workload": "web", "status": status,
                "commit": commit, "url": f"https://{name}.fly.dev", **more,
            }
        )  # fmt: skip
    emit(event="end", complete=True)
    return 0


def plan(arguments: list[str], tree: dict[str, Any]) -> int:
    environment = arguments[arguments.index("--environment") + 1]
    for event in tree.get("plans", {}).get(environment, ()):
        emit(**{"unit": environment, **event})
    emit(event="plan", unit=environment)
    emit(event="end", complete=True)
    return 0


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == "listen":
        from scorefly.isolation import take_environment
        from scorefly.listen.server import listen
        from scorefly.listen.settings import load_settings

        options = dict(word.removeprefix("--").partition("=")[::2] for word in arguments)
        listen(load_settings(options, take_environment()), (sys.executable, __file__))
        return 0
    with Path(os.environ["SCOREFLY_STANDIN_LOG"]).with_suffix(".calls").open("a") as log:
        log.write(json.dumps([command, *arguments]) + "\n")
    tree = json.loads(Path("standin.json").read_text())
    if command == "plan":
        return plan(arguments, tree)
    if command == "repos":
        time.sleep(tree.get("seconds", 0))
        if "problem" in tree:
            sys.stderr.write(tree["problem"] + "\n")
            return 2
        sys.stdout.write(json.dumps(tree["repositories"]))
        return 0
    return sync(arguments, tree)


if __name__ == "__main__":
    sys.exit(main())

"""Reads what GitHub tells a step about itself, and its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct


class Context(Struct, frozen=True):
    """A step's surroundings, from the documented `GITHUB_*` variables."""

    workspace: Path
    summary: Path | None
    output: Path | None
    state: Path | None
    debug: bool


class Trigger(Struct, frozen=True):
    """The trigger of a workflow's run. Outside of GitHub all but the server is empty; `link` leads to the run.

    `run` identifies the attempt of the job on its runner: the jobs of a matrix have one name. `commit` is `GITHUB_SHA`,
    which need not be what is checked out, or in a preview, where `is_pull_head` is set, the pull request's head.
    """

    server: str = "https://github.com"
    repository: str = ""
    repository_id: str = ""
    commit: str = ""
    actor: str = ""
    link: str = ""
    run: str = ""
    is_pull_head: bool = False


_RUN = ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME")


def read_trigger(environ: Mapping[str, str]) -> Trigger:
    """The trigger in an environment, from the documented `GITHUB_*` variables."""
    server = environ.get("GITHUB_SERVER_URL", "").rstrip("/") or Trigger().server
    repository, run = environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_RUN_ID", "")
    return Trigger(
        server=server,
        repository=repository,
        repository_id=environ.get("GITHUB_REPOSITORY_ID", ""),
        commit=environ.get("GITHUB_SHA", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        link=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
        run="/".join(environ.get(name, "") for name in _RUN) if run else "",
    )


def read_context(environ: Mapping[str, str]) -> Context:
    """The context in an environment; outside of GitHub the workspace is the working folder."""
    files = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_STATE")
    summary, output, state = (environ.get(name) for name in files)
    return Context(
        workspace=Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()),
        summary=Path(summary) if summary else None,
        output=Path(output) if output else None,
        state=Path(state) if state else None,
        debug=environ.get("RUNNER_DEBUG") == "1",
    )


def read_inputs(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The inputs that were given; GitHub passes one that was not as an empty text.

    The runner keeps a name's dashes and makes it upper case: `INPUT_SCORE-FILES`.
    """
    found = {name: environ.get(f"INPUT_{name.upper()}", "") for name in names}
    return {name: value for name, value in found.items() if value.strip()}

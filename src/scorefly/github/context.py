"""What GitHub tells a step about itself, and its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Context:
    """A step's surroundings, from the documented `GITHUB_*` variables."""

    workspace: Path
    summary: Path | None
    output: Path | None
    debug: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """What started a workflow's run. Outside of GitHub all but the server is empty; `link` leads to the run."""

    server: str = "https://github.com"
    repository: str = ""
    commit: str = ""
    actor: str = ""
    link: str = ""


def read_trigger(environ: Mapping[str, str]) -> Trigger:
    """The trigger in an environment, from the documented `GITHUB_*` variables."""
    server = environ.get("GITHUB_SERVER_URL", "").rstrip("/") or Trigger().server
    repository, run = environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_RUN_ID", "")
    return Trigger(
        server=server,
        repository=repository,
        commit=environ.get("GITHUB_SHA", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        link=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
    )


def read_context(environ: Mapping[str, str]) -> Context:
    """The context in an environment; outside of GitHub the workspace is the working folder."""
    summary, output = environ.get("GITHUB_STEP_SUMMARY"), environ.get("GITHUB_OUTPUT")
    return Context(
        workspace=Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()),
        summary=Path(summary) if summary else None,
        output=Path(output) if output else None,
        debug=environ.get("RUNNER_DEBUG") == "1",
    )


def read_inputs(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The inputs that were given; GitHub passes one that was not as an empty text.

    The runner keeps a name's dashes and makes it upper case: `INPUT_SCORE-FILES`.
    """
    found = {name: environ.get(f"INPUT_{name.upper()}", "") for name in names}
    return {name: value for name, value in found.items() if value.strip()}

"""`init`: files to start from. Files that exist are kept."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from scorefly import safe_files
from scorefly.commands.init_sources import SampleFile, from_compose, from_dockerfile, from_fly_toml
from scorefly.config.checks import PLACEHOLDER_PREFIX
from scorefly.confined import exists
from scorefly.problems import external_error, input_error, option_place

WORKFLOW = ".github/workflows/scorefly.yml"
SCORE_SCHEMA = "https://raw.githubusercontent.com/score-spec/spec/main/score-v1b1.json"
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


class Choices(Struct, frozen=True):
    """The files to write. `source` is None where no Score file is requested; an empty text leaves the default."""

    score_file: str
    source: str | None
    app_prefix: str = ""
    region: str = ""


class Written(Struct, frozen=True):
    """Paths that were written, paths that existed, and what else a user should know."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...] = ()


def sources_in(workspace: Path) -> tuple[str, ...]:
    """Return what a Score file can be made from, the best first; `sample` always can."""
    present = {
        "fly.toml": exists(workspace, "fly.toml"),
        "compose": _compose_file(workspace) is not None,
        "Dockerfile": exists(workspace, "Dockerfile"),
        "sample": True,
    }
    return tuple(name for name, is_there in present.items() if is_there)


def default_prefix(workspace: Path) -> str:
    """Return the app prefix to suggest: the folder's name."""
    name = re.sub(r"[^a-z0-9]+", "-", workspace.name.casefold()).strip("-")[:20].strip("-")
    return f"{name or 'my'}-"


def write_files(workspace: Path, choices: Choices) -> Written:
    """Write the files. Raises InputError for a source that is not there or cannot be read."""
    samples, notes = _score_files(workspace, choices)
    files = {file.path: f"# yaml-language-server: $schema={SCORE_SCHEMA}\n{file.text}" for file in samples}
    region = choices.region or next((file.region for file in samples if file.region), "")
    files["scorefly.yaml"] = _project_file(choices.app_prefix, region)
    files[WORKFLOW] = _sample("workflow.yml")
    written: list[str] = []
    kept: list[str] = []
    for target, content in files.items():
        try:
            is_new = safe_files.create(*safe_files.locate(workspace, target), content.encode())
        except OSError as error:
            hint = "check the folder's permissions"
            raise external_error(f"{target} cannot be written: {error.strerror}", hint) from error
        (written if is_new else kept).append(target)
    if choices.app_prefix in ("", PLACEHOLDER_PREFIX) and "scorefly.yaml" in written:
        notes = (*notes, "Set app-prefix in scorefly.yaml before you deploy to Fly")
    return Written(tuple(written), tuple(kept), notes)


def _score_files(workspace: Path, choices: Choices) -> tuple[tuple[SampleFile, ...], tuple[str, ...]]:
    if choices.source is None:
        return (), ()
    if choices.source not in sources_in(workspace):
        hint = f"there are: {', '.join(sources_in(workspace))}"
        raise input_error(f"there is no {choices.source} here", hint, option_place("from"))
    if choices.source == "fly.toml":
        return from_fly_toml(workspace, choices.score_file)
    if choices.source == "compose":
        return from_compose(workspace, _compose_file(workspace) or "", choices.score_file)
    if choices.source == "Dockerfile":
        return from_dockerfile(workspace, choices.score_file)
    return (SampleFile(choices.score_file, _sample("score.yaml")),), ()


def _compose_file(workspace: Path) -> str | None:
    return next((name for name in _COMPOSE if exists(workspace, name)), None)


def _project_file(app_prefix: str, region: str) -> str:
    text = _sample("scorefly.yaml")
    text = text.replace(f"app-prefix: {PLACEHOLDER_PREFIX}", f"app-prefix: {app_prefix or PLACEHOLDER_PREFIX}")
    return text.replace("region: ams", f"region: {region or 'ams'}")


def _sample(name: str) -> str:
    return (Path(__file__).parent / "samples" / name).read_text(encoding="utf-8")

"""`pin`: writes the commit that runs in one environment into scorefly.yaml, for another environment."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scorefly import safe_files
from scorefly.commands.tree_run import tree_run
from scorefly.config.project_file import ENVIRONMENTS
from scorefly.config.settings import Settings
from scorefly.config.workloads import WORKLOADS
from scorefly.confined import read_file
from scorefly.problems import Place, external_error, input_error, nearest, option_place
from scorefly.report.progress import Progress
from scorefly.state.session import read_state

_REFS = ("branch", "tag", "commit")


def write_pin(settings: Settings, progress: Progress, workload: str, target: str) -> str:
    """Write the commit of a workload that runs in the environment of `settings` for the environment `target`.

    Returns a line on what was written. Comments and the order of keys are kept. Raises InputError.
    """
    with tree_run(replace(settings, environment_given=False), progress) as run:
        units = run.units
    project, _, name = workload.rpartition("/")
    here = [unit for unit in units if name in unit.sources and project in ("", unit.project.name)]
    origin = next((unit for unit in here if unit.environment == settings.environment), None)
    to = next((unit for unit in here if unit.environment == target), None)
    if origin is None or to is None or origin.project.name != to.project.name:
        known = sorted({each for unit in units for each in unit.sources})
        where = settings.environment if origin is None else target
        raise input_error(f"no workload {name!r} with a source in {where}", nearest(name, known), option_place("to"))
    running = read_state(origin.settings).sources.get(name)
    if running is None:
        hint = f"run scorefly sync {origin.name} first"
        raise input_error(f"nothing of {name} was deployed to {origin.name} from git yet", hint)
    file = to.project.file.places.file
    _write(settings, file, target, name, running.commit)
    return f"{file}: {name} in {target} is pinned to {running.commit} of {running.repository}"


def _write(settings: Settings, file: str, environment: str, workload: str, commit: str) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    content = read_file(settings.workspace, file, Place(file)).decode()
    first = next((line for line in content.splitlines() if line.startswith(" ") and line.strip()), "  ")
    step = len(first) - len(first.lstrip(" "))
    yaml.indent(mapping=step, sequence=step + 2, offset=step)
    data = yaml.load(content)
    below: Any = data
    for key in (ENVIRONMENTS, environment, WORKLOADS, workload, "source"):
        if not isinstance(below.get(key), dict):
            below[key] = CommentedMap()
        below = below[key]
    for ref in _REFS:
        below.pop(ref, None)
    below["commit"] = commit
    text = io.StringIO()
    yaml.dump(data, text)
    try:
        safe_files.write(settings.workspace, Path(file), text.getvalue().encode())
    except OSError as error:
        raise external_error(f"{file} cannot be written: {error.strerror}", "check its permissions") from error

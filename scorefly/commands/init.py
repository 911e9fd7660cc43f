"""`init`: files to start from. What is there already stays as it is."""

from __future__ import annotations

from pathlib import Path

from scorefly import safe_files
from scorefly.problems import external_error

SAMPLES = {
    "score.yaml": "score.yaml",
    "scorefly.yaml": "scorefly.yaml",
    "workflow.yml": ".github/workflows/scorefly.yml",
}


def init(workspace: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes the samples into the workspace. Returns the paths written, and those that were there."""
    written: list[str] = []
    kept: list[str] = []
    for sample, target in SAMPLES.items():
        try:
            content = (Path(__file__).parent / "samples" / sample).read_bytes()
            is_new = safe_files.create(workspace, Path(target), content)
        except OSError as error:
            raise external_error(
                f"{target} cannot be written: {error.strerror}", "check the folder's permissions"
            ) from error
        (written if is_new else kept).append(target)
    return tuple(written), tuple(kept)

"""`init`: files to start from. What is there already stays as it is."""

from __future__ import annotations

from pathlib import Path

from scorefly.problems import failed

SAMPLES = {
    "score.yaml": "score.yaml",
    "scorefly.yaml": "scorefly.yaml",
    "workflow.yml": ".github/workflows/scorefly.yml",
}


def init(workspace: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes the samples into the workspace. Returns the paths written, and those that were there."""
    written, kept = [], []
    for sample, target in SAMPLES.items():
        path = workspace / target
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write((Path(__file__).parent / "samples" / sample).read_text(encoding="utf-8"))
        except FileExistsError:
            kept.append(target)
        except OSError as error:
            raise failed(f"{target} cannot be written: {error.strerror}", "check the folder's permissions") from error
        else:
            written.append(target)
    return tuple(written), tuple(kept)

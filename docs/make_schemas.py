"""Writes the JSON Schemas into docs, from the tables that validate files; a test keeps the two the same."""

from __future__ import annotations

import json
from pathlib import Path

from scorefly.commands.schema import NAMES, schema_of

FOLDER = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return the content of each schema file."""
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"
        for name in NAMES
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")

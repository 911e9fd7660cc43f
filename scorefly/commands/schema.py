"""`schema`: the JSON Schemas of the files that people write and programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAMES = ("project", "provisioners", "plan")


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of a name in `NAMES`."""
    if name == "project":
        from scorefly.config.project_schema import project_schema

        return project_schema()
    if name == "provisioners":
        from scorefly.config.kind_schemas import duration_schema
        from scorefly.config.project_schema import DIALECT, LOCATION
        from scorefly.resources.provisioners_schema import provisioners_schema

        return provisioners_schema(DIALECT, LOCATION, duration_schema())
    import scorefly.report

    path = Path(scorefly.report.__file__).with_name("plan.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema

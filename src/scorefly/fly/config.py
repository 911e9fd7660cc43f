"""fly.toml as text: the same data gives the same bytes, and every string comes back as it went in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The order in which people read a fly.toml; what is not named comes behind, by name.
_ORDER = (
    "app",
    "primary_region",
    "kill_signal",
    "kill_timeout",
    "build",
    "deploy",
    "experimental",
    "env",
    "mounts",
    "files",
    "http_service",
    "services",
    "checks",
    "vm",
)


def dump(config: Mapping[str, Any], header: str = "") -> str:
    """The TOML text, behind a comment of one line."""
    import tomli_w

    ordered = {key: config[key] for key in _ORDER if key in config}
    ordered |= {key: config[key] for key in sorted(config) if key not in ordered}
    if isinstance(ordered.get("env"), Mapping):
        ordered["env"] = dict(sorted(ordered["env"].items()))
    comment = f"# {header}\n" if header else ""
    return comment + tomli_w.dumps(ordered)

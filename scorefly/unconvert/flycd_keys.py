"""Keys of FlyCD's app.yaml that are not fly.toml's, and the types of their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.fly.check.finding import Finding
from scorefly.fly.check.leaf import Flag, Text, Whole
from scorefly.fly.check.shape import Keys, Named, Table, Tables, Texts

_TEXT = Text()
_WORD = Text(loose=True)

OWN_KEYS: Keys = {
    "org": _TEXT,
    "extra_regions": Texts(_TEXT),
    "source": Table(
        {
            "type": _TEXT,
            "repo": _TEXT,
            "path": _TEXT,
            "inline": _TEXT,
            "ref": Table({"branch": _WORD, "tag": _WORD, "commit": _WORD}),
        }
    ),
    "merge_cfg": Table({"all": Flag(), "include": Texts(_TEXT)}),
    "launch_params": Texts(_WORD),
    "deploy_params": Texts(_WORD),
    "volumes": Tables(Table({"name": _TEXT, "size_gb": Whole(1), "count": Whole(0)})),
    "machines": Table(
        {
            "count": Whole(0),
            "count_per_region": Named(Whole(0)),
            "ram_mb": Whole(0),
            "cpu_cores": Whole(0),
            "cpu_type": _TEXT,
        }
    ),
    "secrets": Tables(Table({"name": _TEXT, "type": _TEXT, "env": _TEXT, "raw": _TEXT})),
    "network": Table(
        {
            "auto_prune_ips": Flag(),
            "ips": Tables(
                Table(
                    {"v": _TEXT, "network": _TEXT, "org": _TEXT, "region": _TEXT, "private": Flag(), "shared": Flag()}
                )
            ),
        }
    ),
}


def without_invalid(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Return the data without values of another type than FlyCD reads, and a finding for each."""
    valid: dict[str, Any] = {}
    findings: list[Finding] = []
    for key, value in data.items():
        found: list[Finding] = []
        if key in OWN_KEYS and value is not None:
            OWN_KEYS[key].read(value, (key,), found)
        errors = [each for each in found if "known key" not in each.message]
        findings += errors
        if not errors and not (key in OWN_KEYS and value is None):
            valid[key] = value
    return valid, findings

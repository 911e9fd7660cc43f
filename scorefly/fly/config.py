"""fly.toml as text: the same data gives the same bytes, and every string comes back as it went in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# The order in which people read a fly.toml; what is not named comes behind, by name.
_ORDER = (
    "app",
    "primary_region",
    "kill_signal",
    "kill_timeout",
    "swap_size_mb",
    "machine_config",
    "container",
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

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dump(config: Mapping[str, Any], header: str = "") -> str:
    """The TOML text, behind a comment of one line."""
    ordered = {key: config[key] for key in _ORDER if key in config}
    ordered |= {key: config[key] for key in sorted(config) if key not in ordered}
    if isinstance(ordered.get("env"), Mapping):
        ordered["env"] = dict(sorted(ordered["env"].items()))
    comment = f"# {header}\n" if header else ""
    return comment + "\n".join(_blocks(ordered, ""))


def dump_machine(config: Mapping[str, Any]) -> str:
    """The text of machine.json.

    flyctl decodes it over the configuration that a Machine has: lists merge by position there, and maps by key, so a
    variable or a container that is gone would stay. Its JSON reader takes a key twice, so null empties the list first.
    """
    text = json.dumps(config, ensure_ascii=False, indent=2)
    return text.replace("{", '{\n  "containers": null,', 1) + "\n" if "containers" in config else text + "\n"


def _blocks(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """A table's own values, then its tables and lists of tables under headers, as fly.toml files are written.

    tomli-w writes values and keys; left to itself it would put short tables into one line.
    """
    import tomli_w

    values = {key: value for key, value in table.items() if not _is_table(value) and not _is_list_of_tables(value)}
    if values:
        # A script is read line by line; but in that form TOML has no carriage returns of its own.
        yield tomli_w.dumps(values, multiline_strings="\\r" not in repr(values))
    for key, value in table.items():
        if not (is_table := _is_table(value)) and not _is_list_of_tables(value):
            continue
        name = path + (key if _BARE_KEY.fullmatch(key) else tomli_w.dumps({key: 0}).removesuffix(" = 0\n"))
        if is_table:
            yield from _headed(f"[{name}]\n", value, name)
        else:
            for each in value:
                yield from _headed(f"[[{name}]]\n", each, name)


def _headed(header: str, table: Mapping[str, Any], name: str) -> Iterator[str]:
    blocks = list(_blocks(table, f"{name}."))
    own_values = bool(blocks) and not blocks[0].startswith("[")
    if own_values:
        yield header + blocks.pop(0)
    elif header.startswith("[[") or not blocks:
        yield header
    yield from blocks


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)

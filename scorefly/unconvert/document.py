"""The text of YAML files that are written for people: comments at the top, long texts in blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

# What YAML 1.2 takes for a number; PyYAML quotes only what YAML 1.1 does.
_NUMBER = re.compile(r"(?=.*[0-9])[-+.0-9][0-9a-fA-FxoeE.+-]*")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write every value in full."""
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    is_block = "\n" in data and not any(line.endswith((" ", "\t")) for line in data.split("\n"))
    style = "|" if is_block else "'" if _NUMBER.fullmatch(data) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(data: Mapping[str, Any], *comments: str) -> str:
    """Write a document in the order of its keys, after lines of comments."""
    head = "".join(f"# {comment}\n" if comment else "#\n" for comment in comments)
    body: str = yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return head + body

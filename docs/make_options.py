"""Writes options.md from the table of options; a test keeps the two the same."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from scorefly.config.option import Group, Option
from scorefly.config.options import OPTIONS

PAGE = Path(__file__).with_name("options.md")

HEAD = """\
# Options and inputs

Each is an input of the Action, an option of the CLI (`--app-prefix`), an environment variable, and, unless it is
marked, a key of [scorefly.yaml](project-file.md). The first one that is set wins, in that order. Made by
`make docs`. A command refuses the options that it does not use: `scorefly COMMAND --help` lists those that it does.
"""

TABLE = """
## {group}

| name | default | meaning | also from |
|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    groups = [(group, [option for option in OPTIONS if option.group == group]) for group in get_args(Group)]
    tables = (TABLE.format(group=group) + "".join(map(_row, options)) for group, options in groups)
    return HEAD + "".join(tables)


def _row(option: Option) -> str:
    default = f"`{option.default}`" if option.default and " " not in option.default else option.default
    if option.cli_default:
        default += f" (CLI: `{option.cli_default}`)"
    also = ", ".join([*(f"`{flag}`" for flag in option.flags), *(f"`${name}`" for name in option.all_variables)])
    name = f"`{option.name}`{' (not in files)' if option.private else ''}"
    return f"| {name} | {default} | {option.help.replace('|', '&#124;')} | {also} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

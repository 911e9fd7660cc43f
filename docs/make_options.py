"""Writes options.md from the table of options; a test keeps the two the same."""

from __future__ import annotations

from pathlib import Path

from scorefly.config.options import OPTIONS

PAGE = Path(__file__).with_name("options.md")

HEAD = """\
# Options and inputs

Each is an input of the Action, an option of the CLI (`--app-prefix`), an environment variable, and, unless it is
marked, a key of [scorefly.yaml](project-file.md). The first that says something wins, in that order. Made by
`make docs`.

| name | default | meaning | also from |
|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    rows = []
    for option in OPTIONS:
        default = f"`{option.default}`" if option.default and " " not in option.default else option.default
        if option.cli_default:
            default += f" (CLI: `{option.cli_default}`)"
        also = ", ".join(f"`${name}`" for name in option.all_variables)
        name = f"`{option.name}`{' (not in files)' if option.private else ''}"
        rows.append(f"| {name} | {default} | {option.help.replace('|', '&#124;')} | {also} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

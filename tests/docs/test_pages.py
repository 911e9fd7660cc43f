"""README and the pages of docs/: links resolve, and commands exist with the options that are shown."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from scorefly.cli.main import cli
from workspaces import REPOSITORY, Workspace

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```", re.MULTILINE)
INDENTED = re.compile(r"(?:^ {4,}.*\n)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=(?:'[^']*'|\"[^\"]*\"|\S*) )*scorefly (?P<arguments>.*)$")
PARAMETRIZED = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())


def prose(page: Path) -> str:
    """The text without its blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", each).lower()).strip().replace(" ", "-") for each in headings}


def commands(page: Path) -> Iterator[str]:
    """Yield the arguments of every `scorefly …` line in a block of code."""
    text = page.read_text()
    blocks = [block for language, block in FENCE.findall(text) if language in ("", "sh")]
    for block in (*blocks, *INDENTED.findall(FENCE.sub("", text))):
        for line in block.replace("\\\n", " ").splitlines():
            if match := COMMAND.match(line.strip()):
                yield match["arguments"]


def parse(arguments: list[str]) -> None:
    """Parse a command line with click, and run nothing. Raises UsageError for what is unknown."""
    group: click.Group = cli
    rest = arguments
    context = click.Context(group, info_name="scorefly")
    while True:
        rest = click.Command.parse_args(group, context, rest)
        name, command, rest = group.resolve_command(context, rest)
        assert command is not None, name
        if not isinstance(command, click.Group):
            break
        group, context = command, click.Context(command, parent=context, info_name=name)
    with contextlib.suppress(click.exceptions.Exit):  # --help
        command.make_context(name, rest, parent=context)


@PARAMETRIZED
def test_links_lead_to_files_and_headings(page: Path) -> None:
    missing = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            missing.append(link)
    assert not missing


@PARAMETRIZED
def test_commands_are_accepted_by_the_command_line(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line, comments=True)
        end = next((position for position, word in enumerate(words) if word in ("|", ">", ">>")), len(words))
        parse(words[:end])


def test_a_misspelt_option_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(["deploy", "--enviroment", "production"])


@PARAMETRIZED
def test_score_files_are_valid(page: Path, workspace: Workspace) -> None:
    """A whole Score file on a page validates."""
    blocks = [block for language, block in FENCE.findall(page.read_text()) if language == "yaml"]
    for block in blocks:
        if re.match(r"(#.*\n)*apiVersion: score.dev", block):
            workspace.write("score.yaml", block)
            result = workspace.run("validate", SCOREFLY_SECRETS='{"SMTP_PASSWORD": "s3cret-s3cret"}')
            assert result.code == 0, (block, result.err)


def test_every_output_of_the_action_has_a_row() -> None:
    outputs = yaml.safe_load((REPOSITORY / "action.yml").read_text())["outputs"]
    rows = "".join(re.findall(r"^\| (`.*?) \|", (REPOSITORY / "docs/outputs.md").read_text(), re.MULTILINE))
    assert sorted(outputs) == sorted(re.findall(r"`(\w+)`", rows))


def test_quoted_messages_exist() -> None:
    """The first column of the table of messages is in the program, word for word."""
    program = "".join(path.read_text() for path in sorted((REPOSITORY / "scorefly").rglob("*.py")))
    page = (REPOSITORY / "docs/troubleshooting.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(rows) > 15
    shown = {"works on production": "works on {", "app-prefix is still 'change-me-'": "app-prefix is still {"}
    assert [row for row in rows if shown.get(row, row) not in program] == []


def test_the_site_has_every_page() -> None:
    """A page that is not in the navigation cannot be found by a reader; one that is gone fails the build."""
    site = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())
    listed = re.findall(r"[\w-]+\.md", json.dumps(site["nav"]))
    assert sorted(listed) == [path.relative_to(REPOSITORY / "docs").as_posix() for path in PAGES[1:]]

"""The pages about conversions: their commands run, and their examples are what convert writes."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from scorefly.unconvert.flycd_keys import OWN_KEYS
from workspaces import REPOSITORY, Workspace

PAGES = {"from-fly-toml.md": ("toml", "fly.toml"), "from-flycd.md": ("yaml", "web/app.yaml")}


def blocks(page: str, language: str) -> list[str]:
    text = (REPOSITORY / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_page_run_on_its_example(workspace: Workspace, page: str) -> None:
    language, file = PAGES[page]
    workspace.write(file, blocks(page, language)[0])
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert len(commands) >= 4
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "scorefly"
        result = workspace.run(*arguments)
        assert result.code == 0, (command, result.err)


def test_the_example_of_a_fly_toml_is_what_convert_writes(workspace: Workspace) -> None:
    workspace.write("fly.toml", blocks("from-fly-toml.md", "toml")[0])
    workspace.run("convert", "fly.toml")
    assert (workspace.path / "score.yaml").read_text() == blocks("from-fly-toml.md", "yaml")[0]


def test_the_example_of_flycd_is_what_convert_writes(workspace: Workspace) -> None:
    workspace.write("web/app.yaml", blocks("from-flycd.md", "yaml")[0])
    workspace.run("convert", ".")
    assert yaml.safe_load((workspace.path / "scorefly.yaml").read_text()) == yaml.safe_load(
        blocks("from-flycd.md", "yaml")[1]
    )


def test_every_key_of_flycd_has_a_row() -> None:
    text = (REPOSITORY / "docs/from-flycd.md").read_text()
    for key in (
        *OWN_KEYS,
        "app",
        "primary_region",
        "mounts",
        "kill_timeout",
        "app_defaults",
        "app_overrides",
        "substitutions",
    ):
        assert f"`{key}" in text or f".{key}" in text, key

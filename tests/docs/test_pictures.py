"""What people see on GitHub and in a terminal: in a real browser and a real terminal, as in docs/pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import NARROW, WIDE, Browser
from scenes import as_github_shows, make_scenes, show_deploy
from workspaces import REPOSITORY

PICTURES = REPOSITORY / "docs/pictures"
NAMES = ("summary", "failed-summary", "plan", "preview", "preview-failed", "preview-rehearsed")
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def scenes(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    del browser  # where there is none, no scene is made
    return make_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_page_on_github_fits_its_window_and_can_be_read(
    width: int, browser: Browser, scenes: dict[str, str], tmp_path: Path
) -> None:
    page = browser.page(width)
    for name in NAMES:
        page.show(as_github_shows(scenes[name], comment="summary" not in name))
        text = page.evaluate("document.body.innerText")
        assert page.overflow() == 0, name
        # Markdown that was not read as such, or was escaped twice.
        assert not re.search(r"\\[-_.:]|</?\w+>|&#\d+;|\*\*|\]\(http", text), text
        assert "canary-4711" not in scenes[name]
        # The page around it has the headings before, and its colours are GitHub's.
        assert page.accessibility("heading-order", "page-has-heading-one", "scrollable-region-focusable") == [], name
        assert page.screenshot(tmp_path / f"{name}.png").stat().st_size > 5_000, name


def test_what_failed_and_what_was_simulated_is_said_first(scenes: dict[str, str]) -> None:
    heads = {name: next(line for line in scenes[name].splitlines() if line.startswith("#")) for name in NAMES}
    assert heads["summary"] == "## Deployed <code>production</code>"
    assert heads["failed-summary"].startswith("## Failed to ")
    assert heads["preview"].endswith("is ready")
    assert heads["preview-failed"].endswith("failed")
    assert "rehearsed, not deployed" in heads["preview-rehearsed"]


def test_a_deploy_in_tmux_ends_with_a_table_and_the_next_command(tmp_path: Path) -> None:
    middle, end = show_deploy(tmp_path)
    assert re.search(r"acme-\w+ +creating +\d", middle)
    assert "creating" not in end
    assert "https://acme-shop.fly.dev" in end
    assert "Next: scorefly status --environment production" in end


def test_the_pictures_of_the_docs_are_small_and_used() -> None:
    pages = "".join(path.read_text() for path in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
    for picture in PICTURES.iterdir():
        assert picture.stat().st_size < MOST_BYTES, picture
        assert f"pictures/{picture.name})" in pages, picture

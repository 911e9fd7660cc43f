"""Makes docs/pictures: a real run against the simulated Fly, in a real browser and a real terminal.

Needs chromium, tmux and fonts-noto-color-emoji from Debian, and `npm ci --prefix tests/node`; `make pictures` runs it.
tests/docs/test_pictures.py makes the same pictures, and checks what is on them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from browser import Browser  # noqa: E402 - tests are no package
from scenes import as_a_terminal_shows, as_github_shows, make_scenes, show_deploy  # noqa: E402

WIDTH = 904
COMMAND = "$ scorefly deploy --environment production\n"


def main() -> None:
    """Write a picture of each scene."""
    pictures = DOCS / "pictures"
    pictures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        page = browser.page(WIDTH)
        for name, markdown in make_scenes(Path(folder) / "github").items():
            page.show(as_github_shows(markdown, comment="summary" not in name))
            print(page.screenshot(pictures / f"{name}.png", element=".box"))
        middle, end = show_deploy(Path(folder) / "terminal")
        for name, text in (("terminal-deploying", middle), ("terminal-deployed", end)):
            page.show(as_a_terminal_shows(COMMAND + text))
            print(page.screenshot(pictures / f"{name}.png", element=".box"))


if __name__ == "__main__":
    main()

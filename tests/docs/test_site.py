"""The documentation site in a browser: headings, links, alternative texts and contrast, as axe-core sees them."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import NARROW, WIDE, Browser
from workspaces import REPOSITORY

# Pages with every kind of content: tables, code, pictures, generated ones.
SOME = ("", "quick-start/", "preview/", "comparison/", "builds/")
# What differs from page to page; the theme's own parts are the same on all.
OF_PAGES = ["heading-order", "empty-heading", "page-has-heading-one", "image-alt", "link-name", "link-in-text-block"]
OF_PAGES += ["document-title", "html-has-lang", "duplicate-id-aria", "scrollable-region-focusable", "td-headers-attr"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None:
        pytest.skip("needs the site's packages: make docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(site: Path) -> Iterator[Browser]:
    del site  # where it cannot be built, no browser is started
    with Browser() as running:
        yield running


def test_headings_links_and_pictures_of_every_page(site: Path, url: str, browser: Browser) -> None:
    page = browser.page(WIDE)
    addresses = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    assert len(addresses) > 30
    findings = {}
    for address in addresses:
        page.open(f"{url}{address}/")
        findings[address] = page.accessibility(only=OF_PAGES)
    assert {address: each for address, each in findings.items() if each} == {}


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False)])
def test_pages_can_be_read_in_the_dark_and_on_a_telephone(width: int, dark: bool, url: str, browser: Browser) -> None:
    page = browser.page(width, dark=dark)
    for address in SOME:
        page.open(f"{url}{address}")
        assert page.accessibility() == [], address
        assert page.overflow() == 0, address

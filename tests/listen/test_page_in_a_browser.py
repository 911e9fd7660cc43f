"""The status page in a real browser: narrow and wide, light and dark, with the keyboard alone, in every state.

`SCOREFLY_SCREENSHOTS` names a folder for pictures of all pages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import NARROW, WIDE, Browser, Page
from listeners import ACT, Environments, Listener, listening, push_payload, signed, standin_tree

SHOTS = os.environ.get("SCOREFLY_SCREENSHOTS", "")
STATUSES = ("created", "deployed", "unchanged", "failed", "skipped", "suspended", "destroying", "newer")
APPS: list[dict[str, Any]] = [
    *({"app": f"acme-{status}", "workload": status, "status": status} for status in STATUSES),
    {"app": "acme-drifted", "workload": "drifted", "status": "unchanged", "drift": ["memory is 512 MB, not 256 MB"]},
    {"app": "acme-held", "workload": "held", "suspended": "until the migration of " + "orders-" * 20 + "is over"},
    {"app": "acme-broken", "workload": "broken", "status": "failed", "problem": "the Machine 148e is not healthy"},
    {"app": "a" * 60, "workload": "w" * 60, "url": f"https://{'a' * 60}.fly.dev"},
]
DIFF = ["--- fly.toml", "+++ fly.toml", "@@ -1,3 +1,3 @@", " app = 'acme-web'", "-image = 'nginx:1.27'"]
PLAN = [
    {"event": "change", "app": "acme-web", "workload": "web", "action": "change", "reasons": ["fly.toml", "image"],
     "facts": ["secrets set: DATABASE_URL"], "risks": ["restart: its Machines are replaced"],
     "diff": [*DIFF, "+image = 'nginx:1.28'", "+" + "long-line-" * 19]},
    {"event": "change", "app": "acme-new", "workload": "new", "action": "create", "facts": ["runs: nginx:1, 256 MB"]},
    {"event": "change", "app": "acme-gone", "workload": "gone", "action": "remove"},
]  # fmt: skip
RUNS = {
    "staging": {"apps": APPS},
    "production": {"exit": 1, "problem": "web: the Machine did not become healthy", "lines": ["line " * 60] * 20},
    "broken": {"exit": 2, "problem": "scorefly.yaml:3:1: unknown key 'imge'"},
    "slow": {"seconds": 600},
    "later": {},
}
PAGES = ("/", "/units/staging", "/units/production", "/units/broken", "/units/later", "/runs/1", "/units/slow")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    root = tmp_path_factory.mktemp("page")
    units = [{"name": name, "environment": name} for name in RUNS]
    units[-1] |= {"after": ["production"], "suspended": {"cron": "too expensive"}}  # type: ignore[dict-item]
    unreadable = {"repository": "https://127.0.0.1:1/acme/gone", "url": "https://127.0.0.1:1/acme/gone", "ref": "main",
                  "kind": "branch", "readable": False, "problem": "it cannot be read: connection refused",
                  "units": [units[0]]}  # fmt: skip
    rows = [{"repository": "", "units": units}, unreadable]
    tree = standin_tree(runs=RUNS, plans={"production": PLAN, "later": PLAN}, repositories=rows)
    environments = Environments.create(root / "git", tree)
    with listening(environments.url, root / "data", "--parallel=4") as running:
        running.wait(
            lambda: (
                {unit["state"] for unit in running.units().values()} == {"ok", "failed", "invalid", "running", "new"}
                or {unit["state"] for unit in running.units().values()} == {"ok", "failed", "invalid", "running", "due"}
            )
        )
        running.wait(lambda: running.units()["production"]["plan"] and running.units()["later"]["plan"])
        running.post("github", *signed("github", push_payload("github", "https://github.com/acme/other")))
        running.post("github", *signed("github", {}, event="ping"))
        yield running


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_and_has_no_serious_finding(
    width: int, dark: bool, browser: Browser, listener: Listener
) -> None:
    page = browser.page(width, dark=dark)
    style = f"<style>{listener.get('/style.css').body.decode()}</style>"
    for path in ("/login", *PAGES):
        # Not by its address: a page that refreshes itself may do so in the middle.
        html = listener.get(path, ACT).body.decode()
        page.show(html.replace('<link rel="stylesheet" href="/style.css">', style))
        if SHOTS:
            name = f"{path.strip('/').replace('/', '-') or 'overview'}-{width}-{'dark' if dark else 'light'}.png"
            page.screenshot(Path(SHOTS) / name)
        assert page.overflow() == 0, path
        assert page.accessibility() == [], path
    page.close()


def press(page: Page, key: str, text: str = "") -> None:
    """Press a key in the page."""
    codes = {"Tab": 9, "Enter": 13, " ": 32}
    for kind in ("keyDown", "keyUp"):
        event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        page._call("Input.dispatchKeyEvent", {**event, **({"text": text} if text and kind == "keyDown" else {})})


def test_the_keyboard_alone_signs_in_reads_a_diff_and_syncs(browser: Browser, listener: Listener) -> None:
    page = browser.page(NARROW)
    page.open(f"http://127.0.0.1:{listener.port}/")
    assert page.evaluate("document.activeElement.id") == "token"
    for letter in ACT:
        press(page, letter, letter)
    browser.forget_events()
    press(page, "Enter", "\r")
    browser.wait_for("Page.loadEventFired", page._session)
    assert page.evaluate("document.querySelectorAll('article').length") == len(RUNS)
    seen: list[str] = []
    while len(seen) < 200:
        press(page, "Tab")
        label = page.evaluate(
            "(a => a === document.body ? '' : (a.getAttribute('aria-label') || a.textContent).trim())"
            "(document.activeElement)"
        )
        if not label or label in seen[:1]:
            break
        visible = page.evaluate("(b => b.width > 0 && b.height > 0)(document.activeElement.getBoundingClientRect())")
        assert visible, label
        seen.append(label)
    assert seen[0] == "Skip to content"
    assert {"Sync all units", "Sign out", "Sync now: production", "production"} <= set(seen)
    assert any(label.startswith("~ change") for label in seen)
    runs = listener.units()["broken"]["last_run"]["id"]
    page.evaluate("document.querySelector('button[aria-label=\"Sync now: broken\"]').focus()")
    browser.forget_events()
    press(page, "Enter", "\r")
    browser.wait_for("Page.loadEventFired", page._session)
    listener.wait(lambda: listener.units()["broken"]["last_run"]["id"] != runs)
    page.close()

"""A real browser for tests: Chromium, driven over a pipe by its DevTools protocol.

`find_browser()` skips the test, with the reason, where there is no Chromium; `accessibility` needs axe-core, which
`make test` installs with npm in tests/node.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

NODE_MODULES = Path(__file__).parent / "node/node_modules"
AXE = NODE_MODULES / "axe-core/axe.min.js"
WIDE, NARROW = 1280, 390
_LIMIT = 90.0
# What axe-core calls the two worst kinds of findings.
SERIOUS = ("serious", "critical")


def find_browser() -> str:
    """Return the path of Chromium or Chrome; skip the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("needs Chromium: apt-get install chromium")


def axe_source() -> str:
    """Return the source of axe-core; skip the test where npm did not install it."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci --prefix tests/node")
    return AXE.read_text(encoding="utf-8")


class Browser:
    """A Chromium without a window. Use it as a context manager, once per module: it takes seconds to start."""

    def __init__(self) -> None:
        path = find_browser()
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        read_commands, self._write = os.pipe()
        self._read, write_answers = os.pipe()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        options += ["--no-first-run", "--disable-extensions", "--disable-background-networking", "--mute-audio"]
        options += [f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe"]
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        shell = f'exec "$@" 3<&{read_commands} 4>&{write_answers}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", path, *options],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def page(self, width: int = WIDE, height: int = 900, *, dark: bool = False) -> Page:
        """Open a page in a window of a size, in CSS pixels."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return Page(self, session, target, width, height, dark=dark)

    def call(self, method: str, params: dict[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """Call a method of the protocol, and return its result."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        deadline = time.monotonic() + _LIMIT
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def wait_for(self, event: str, session: str) -> None:
        """Wait for an event of a page."""
        deadline = time.monotonic() + _LIMIT
        while True:
            for each in self._events:
                if each.get("method") == event and each.get("sessionId") == session:
                    self._events.remove(each)
                    return
            self._events.append(self._next(deadline))

    def forget_events(self) -> None:
        """Forget what happened up to now."""
        self._events.clear()

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready = select.select([self._read], [], [], max(deadline - time.monotonic(), 0))[0]
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """A page in the browser."""

    def __init__(self, browser: Browser, session: str, target: str, width: int, height: int, *, dark: bool) -> None:
        self._browser, self._session, self._target = browser, session, target
        self._width = width
        self._call("Page.enable")
        self._call("Page.setBypassCSP", {"enabled": True})  # the tests' own scripts run, whatever a page forbids
        self._resize(height)
        scheme = "dark" if dark else "light"
        self._call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, url: str, headers: dict[str, str] | None = None) -> None:
        """Load an address, and wait for it. `headers` are sent with each request, such as a Cookie."""
        self._call("Network.enable")
        self._call("Network.setExtraHTTPHeaders", {"headers": headers or {}})
        self._browser.forget_events()
        result = self._call("Page.navigate", {"url": url})
        assert not result.get("errorText"), f"{url}: {result['errorText']}"
        self._browser.wait_for("Page.loadEventFired", self._session)

    def show(self, html: str) -> None:
        """Show HTML, in place of an address."""
        frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._call("Page.setDocumentContent", {"frameId": frame, "html": html})
        self.evaluate("document.fonts.ready.then(() => true)")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression, awaited where it is a promise."""
        given = {"expression": script, "awaitPromise": True, "returnByValue": True}
        result = self._call("Runtime.evaluate", given)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def screenshot(self, path: Path | str, *, whole: bool = True, element: str = "") -> Path:
        """Write a picture of what is shown, of the whole page, or of the first element that a selector finds."""
        clip: dict[str, Any] = {}
        if element:
            box = self.evaluate(
                f"(({{x, y, width, height}}) => ({{x: x + scrollX, y: y + scrollY, width, height}}))"
                f"(document.querySelector({json.dumps(element)}).getBoundingClientRect())"
            )
            clip = {"clip": {**box, "scale": 1}, "captureBeyondViewport": True}
        elif whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            area = {"x": 0, "y": 0, "width": self._width, "height": size["height"], "scale": 1}
            clip = {"clip": area, "captureBeyondViewport": True}
        data = self._call("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": False, **clip})["data"]
        Path(path).write_bytes(base64.b64decode(data))
        return Path(path)

    def overflow(self) -> int:
        """Return how many pixels wider than the window the page is; 0 where nothing has to be scrolled sideways."""
        wide: int = self.evaluate("document.documentElement.scrollWidth")
        return max(wide - self._width, 0)

    def accessibility(self, *off: str, only: Sequence[str] = ()) -> list[str]:
        """Return axe-core's serious and critical findings, one line each, with the elements.

        Rules that are `off` are left out; `only` names all that are asked, which is faster.
        """
        if not self.evaluate("'axe' in window"):
            self.evaluate(f"{axe_source()}; true")
        options: dict[str, Any] = {"rules": {rule: {"enabled": False} for rule in off}, "resultTypes": ["violations"]}
        if only:
            options["runOnly"] = {"type": "rule", "values": list(only)}
        found = self.evaluate(f"axe.run(document, {json.dumps(options)})")
        return [
            f"{each['id']}: {each['help']}: {'; '.join(str(node['target']) for node in each['nodes'][:5])}"
            for each in found["violations"]
            if each["impact"] in SERIOUS or each["id"] in only
        ]

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})

    def _resize(self, height: int) -> None:
        size = {"width": self._width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size)

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, params, self._session)

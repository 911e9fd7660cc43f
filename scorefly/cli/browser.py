"""Opens a web page in the user's browser."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress

from scorefly.child_output import Buffer
from scorefly.process import run

_PROGRAMS = ("xdg-open", "open", "wslview")
_PASSED = (
    *("PATH", "HOME", "LANG", "BROWSER"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
)


def open_browser(url: str, environ: Mapping[str, str]) -> None:
    """Open a page with the system's own program; where there is none, nothing happens."""
    path = environ.get("PATH")
    program = next((found for name in _PROGRAMS if (found := shutil.which(name, path=path))), None)
    if program is None or not url.startswith("https://"):
        return
    passed = {name: environ[name] for name in _PASSED if environ.get(name)}
    with suppress(OSError):
        run([program, url], folder=None, environ=passed, seconds=10.0, output=Buffer(1 << 16, strict=False))

"""A live list at the bottom of a terminal, drawn by rich. Import this only where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

_STYLES = {"running": "", "detail": "dim", "waiting": "dim", "footer": "bold"}
_REFRESH_PER_SECOND = 5


class _Console(Console):
    """A console that never hides the cursor, so that no way to end or suspend a run can leave it hidden."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - rich's signature
        """Leave the cursor as it is."""
        return False


class LiveList:
    """Lines that are drawn anew in place; what is printed meanwhile goes above them."""

    def __init__(
        self,
        stream: TextIO,
        environ: Mapping[str, str],
        lines: Callable[[], Sequence[tuple[str, str]]],
        *,
        coloured: bool,
    ) -> None:
        self._lines = lines
        self._console = _Console(
            file=stream,
            force_terminal=True,
            color_system="standard" if coloured else None,
            no_color=not coloured,
            highlight=False,
            markup=False,
            emoji=False,
            _environ=environ,
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            transient=True,
            refresh_per_second=_REFRESH_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)

    def print(self, text: str) -> None:
        """Print a line above the list. It may have our own colours in it."""
        self._console.print(Text.from_ansi(text), soft_wrap=True)

    def stop(self) -> None:
        """Take the list away."""
        self._live.stop()

    def _draw(self) -> Text:
        styled = [(line, _STYLES[style]) for line, style in self._lines()]
        parts = [part for line, style in styled for part in ((line, style), ("\n", ""))]
        return Text.assemble(*parts[:-1], no_wrap=True, overflow="crop", end="")

"""Renders the pages from templates, with everything escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# A sign beside the word, so that no state is told by colour alone.
MARKS = {
    "ok": "✓",
    "deployed": "✓",
    "created": "✓",
    "unchanged": "✓",
    "accepted": "✓",
    "failed": "✗",
    "invalid": "✗",
    "running": "↻",
    "due": "…",
    "new": "…",
    "skipped": "-",
    "suspended": "‖",
    "interrupted": "‖",
    "destroyed": "-",
}
TONES = {
    **dict.fromkeys(("ok", "deployed", "created", "unchanged", "accepted"), "good"),
    **dict.fromkeys(("failed", "invalid"), "bad"),
    **dict.fromkeys(("running", "due", "new"), "busy"),
}
# Changes of a plan.
ACTION_MARKS = {"create": "+", "change": "~", "remove": "-"}
ACTION_TONES = {"create": "good", "change": "busy", "remove": "bad"}
LABELS = {"invalid": "invalid input", "due": "waiting"}
UNIT_LABELS = {**LABELS, "new": "not deployed yet", "ok": "up to date"}


@lru_cache(1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scorefly.listen.page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=ago,
        state=state,
        unit_state=unit_state,
        commit=commit,
        link=link,
        seconds=seconds,
        diff_line=diff_line,
        action_mark=lambda action: ACTION_MARKS.get(action, "·"),
        action_tone=lambda action: ACTION_TONES.get(action, "calm"),
    )
    return environment


@lru_cache(1)
def stylesheet() -> bytes:
    """Return the stylesheet."""
    return files("scorefly.listen.page").joinpath("style.css").read_bytes()


def render(template: str, **values: Any) -> str:
    """Return a page."""
    return _environment().get_template(template).render(**values)


def ago(at: float, now: float) -> Markup:
    """Return a time as an age, with the exact time beside it for those who point at it."""
    if not at:
        return Markup("never")
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, _age(now - at))


def _age(seconds_ago: float) -> str:
    words = "in {}" if seconds_ago < -1 else "{} ago"
    number = abs(seconds_ago)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if number >= size:
            return words.format(f"{number / size:.0f} {unit}")
    return words.format(f"{number:.0f} s") if number >= 1 else "now"


def unit_state(name: str) -> Markup:
    """Return the state of a unit as a coloured word with a sign."""
    return state(name, UNIT_LABELS)


def state(name: str, labels: Mapping[str, str] = LABELS) -> Markup:
    """Return a state as a coloured word with a sign."""
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        TONES.get(name, "calm"), MARKS.get(name, "·"), labels.get(name, name)
    )


def commit(value: str) -> Markup:
    """Return a commit, shortened."""
    return Markup('<code title="{}">{}</code>').format(value, value[:8]) if value else Markup("<span>none</span>")


def diff_line(line: str) -> Markup:
    """Return a line of a diff, marked as added or removed."""
    is_header = line.startswith(("+++", "---"))
    tag = {"+": "ins", "-": "del"}.get(line[:1], "span") if not is_header else "span"
    return Markup("<{0}>{1}\n</{0}>").format(tag, line)


def link(url: str) -> Markup:
    """Return a link to an app; what is not an http URL is only shown."""
    if not re.match(r"https?://[^\s]+$", url):
        return Markup("{}").format(url)
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(url, re.sub(r"^https?://|/$", "", url))


def seconds(run: dict[str, Any]) -> str:
    """Return how long a run took."""
    return f"{run['ended'] - run['began']:.1f} s" if run["ended"] else ""

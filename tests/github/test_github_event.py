"""Events and the workspace as GitHub leaves them, whatever is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_events import issue_comment, pull_request
from github_server import GitHub
from scorefly.github.event import parse_event, read_event
from scorefly.previews.comment import AppRow, PreviewPage, render
from scorefly.problems import ExternalError, InputError

NAMES = ("pull_request", "pull_request_target", "issue_comment", "workflow_dispatch")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SHA = "c" * 40


@given(st.sampled_from(NAMES), ANYTHING)
def test_a_payload_that_is_none_is_refused_with_words(name: str, payload: Any) -> None:
    with pytest.raises(InputError):
        parse_event(name, payload)


def paths(tree: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(tree, dict):
        return [before]
    return [before, *(path for key, value in tree.items() for path in paths(value, (*before, key)))]


@given(st.data(), ANYTHING)
def test_a_payload_with_anything_in_one_place_is_read_or_refused(data: st.DataObject, anything: Any) -> None:
    github = GitHub()
    github.open_pull(7)
    name, payload = data.draw(
        st.sampled_from(
            [
                ("pull_request", pull_request(github, 7, "opened")),
                ("issue_comment", issue_comment(github, 7, "/preview")),
            ]
        )
    )
    *parents, last = data.draw(st.sampled_from([path for path in paths(payload) if path]))
    payload = json.loads(json.dumps(payload))
    inner = payload
    for key in parents:
        inner = inner[key]
    inner[last] = anything
    try:
        event = parse_event(name, payload)
    except InputError:
        return
    assert isinstance(event.number, int)


def test_an_event_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
    for content in (None, b"{", b"\xff"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ExternalError, match="cannot be read"):
            read_event(environ)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_of_others_breaks_out_of_the_comment(name: str, problem: str) -> None:
    page = PreviewPage("pr-7", "failed", SHA, (AppRow(name, "failed"),), notes=(problem,), problems=(problem,))
    body = render(page)
    plain = render(PreviewPage("pr-7", "failed", SHA, (AppRow("x", "failed"),), notes=("x",), problems=("x",)))
    assert body.count("\n") == plain.count("\n")
    assert body.count("<") <= plain.count("<") + body.count("\\<")
    assert "@" not in body

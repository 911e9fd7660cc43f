"""Secrets are readable nowhere, and hiding them takes nothing else away."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from html import unescape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scorefly.problems import Problem, ScoreflyError
from scorefly.ui.summary import failure_summary
from scorefly.ui.workflow_log import ActionProgress
from scorefly.values import worth_hiding
from workspaces import Workspace

ODD = (
    r"DOM\svc-user-pwQZ",
    r"^pa\d+ss$wordQZ",
    "bo'th\"quoQZtes",
    "ta\tb-seQZcret",
    "ze\u200broQZwidth",
    "e\u0301teQZcret",
)
WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    repr,
    lambda text: repr(f'{text} and "more"'),
    lambda text: repr(f"{text} and 'more'"),
    lambda text: repr({"key": [text]}),
    lambda text: repr(repr(text)),
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
)


def shown_summary(secret: str, message: str) -> str:
    progress = ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
    problem = Problem(message, message).redacted(progress.redact)
    markdown = progress.redact(failure_summary("deploy", ScoreflyError(problem), [problem]))
    return unescape(MarkdownIt("commonmark").render(markdown))


def shown_log(secret: str, message: str) -> str:
    progress, out = ActionProgress(), io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
    with contextlib.redirect_stdout(out):
        progress.step(message)
        progress.problem(Problem(message, message))
        with progress.output(message) as write:
            write(message)
    return out.getvalue()


@pytest.mark.parametrize("secret", ODD)
@pytest.mark.parametrize("write", WRITERS)
def test_odd_secret_is_in_no_summary_and_no_log(secret: str, write: Callable[[str], str]) -> None:
    message = f"begin {write(secret)} end"
    for shown in (shown_summary(secret, message), shown_log(secret, message)):
        assert "QZ" not in shown
        assert "***" in shown


@given(st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=4, max_size=12), st.sampled_from(WRITERS))
def test_any_secret_written_in_any_form_is_replaced(middle: str, write: Callable[[str], str]) -> None:
    secret = f"{middle}QX77ZV"
    message = f"begin {write(secret)} end"
    assert "QX77ZV" not in shown_summary(secret, message) + shown_log(secret, message)


@pytest.mark.parametrize("shown", ["fm2_first77part", "fm2_second77part", "s3cr3t/p77", quote("s3cr3t/p77", safe="")])
def test_part_of_a_secret_is_hidden(shown: str) -> None:
    progress = ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide(["FlyV1 fm2_first77part,fm2_second77part", "postgres://app:s3cr3t%2Fp77@db.example/shop"])
    assert progress.redact(f"at {shown} here") == "at *** here"
    assert progress.redact("db.example/shop") == "db.example/shop"


@pytest.mark.parametrize("text", ["{", "}", "1", "5432", "true", "shop", "production", "web-app", ""])
def test_easily_guessed_text_is_not_worth_a_mask(text: str) -> None:
    assert not worth_hiding(text)


def test_masks_of_a_multi_line_secret_leave_brackets_alone(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        "    variables: {KEY: '${resources.key.value}'}\nresources:\n  key: {type: secret, params: {name: KEY}}\n",
    )
    secrets = {
        "KEY": json.dumps({"private_key": "s3cr3tk3y77"}, indent=2),
        "FLAG": "true",
        "ONE": "1",
        "ENV": "production",
    }
    result = workspace.action({"rehearse": "true", "environment": "production", "secrets": json.dumps(secrets)})
    masks = [line.partition("::add-mask::")[2] for line in result.out.splitlines() if "::add-mask::" in line]
    assert result.code == 0, result.out
    assert any("s3cr3tk3y77" in mask for mask in masks)
    assert not [name for name, value in result.outputs.items() if any(mask in value for mask in masks)]
    assert "job outputs that contain the value of a secret: environment" in result.out


@pytest.mark.parametrize(
    ("option", "variable"),
    [("fly-api-token", "FLY_API_TOKEN"), ("github-token", "GITHUB_TOKEN"), ("state-key", "SCOREFLY_STATE_KEY")],
)
def test_token_with_a_control_character_is_refused_without_being_shown(
    workspace: Workspace, option: str, variable: str
) -> None:
    workspace.workload("web")
    result = workspace.run("validate", **{variable: "fm2_to77\x01ken77"})
    assert result.code == 2
    assert f"{option} has a space" in result.err
    assert "to77" not in result.out + result.err


def test_name_in_build_secrets_is_not_quoted(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("plan", "--rehearse", "--build-secrets", "s3cr3t-QZ/value==rest")
    assert result.code == 2
    assert "build-secrets names an invalid name" in result.err
    assert "QZ" not in result.out + result.err


def test_bare_macaroon_of_flyv1_token_is_sent_as_flyv1() -> None:
    from scorefly.fly.api.client import open_session

    with open_session("FlyV1 fm9_other", 1) as session:
        assert session.headers["Authorization"] == "FlyV1 fm9_other"


def test_table_cells_hold_no_terminal_escapes() -> None:
    from scorefly.ui.terminal import table

    assert table([("app",), ("a\x1b]0;title\x07\u202eb",)])[1] == r"a\x1b]0;title\x07\u202eb"

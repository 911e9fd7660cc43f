"""No secret is shown, however it is written where it would be."""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.problems import Place, Problem
from scorefly.report.report import AppReport, Report, ResourceReport
from scorefly.ui.redaction import Redactor
from scorefly.ui.summary import summary
from scorefly.ui.terminal_progress import TerminalProgress
from scorefly.ui.workflow_log import ActionProgress

secrets = st.text(alphabet=st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=6, max_size=30).filter(
    lambda text: "***" not in text
)


def rendered(markdown: str) -> str:
    """What a reader sees of the Markdown that we write."""
    plain = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", re.sub(r"</?code>", "", markdown))
    plain = re.sub(r"(?<!&)#(\d+);", lambda found: chr(int(found[1])), plain)
    return html.unescape(plain).replace("\u200b", "")


@given(secrets)
def test_a_summary_is_redacted_after_it_was_escaped(secret: str) -> None:
    progress = ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
    said = f"Fly says {secret} is wrong"
    report = Report(
        "deploy",
        "production",
        (AppReport("web", "web", "failed", "web", image=said, problem=Problem(said, said)),),
        (ResourceReport(said, "static://x"),),
        (Problem(said, place=Place(said), severity="notice"),),
    )
    shown = rendered(progress.redact(summary(report)))
    assert shown.count("Fly says *** is wrong") == 6
    assert secret not in shown


@pytest.mark.parametrize(
    "secret", ["nb\u00a0space-secret", "tab\tsecret", "esc\x1bsecret", "both'\"quotes", "two\nlines-of"]
)
@pytest.mark.parametrize("write", [str, repr, lambda text: quote(text, safe="")])
def test_characters_that_are_written_out_hide_no_secret(secret: str, write: Callable[[str], str]) -> None:
    out = io.StringIO()
    progress = TerminalProgress(out, {})
    progress.hide([secret])
    progress.step(f"is {write(secret)} here")
    progress.problem(Problem(f"is {write(secret)} here"))
    progress.verbose = True
    with progress.output(f"is {write(secret)} here") as say:
        say(f"is {write(secret)} here")
    shown = [re.sub("['\"]", "", line.strip()) for line in out.getvalue().splitlines()]
    assert shown == ["is *** here", "error: is *** here", "is *** here:", "is *** here"]


def test_secrets_that_overlap_go_together() -> None:
    redactor = Redactor()
    redactor.add(["abcdef", "defghi", "cdef"])
    assert redactor.redact("x abcdefghi y cdefg") == "x *** y ***g"


def test_half_a_pair_of_utf_16_is_hidden_like_any_other() -> None:
    redactor = Redactor()
    redactor.add(["half \ud800"])
    assert redactor.redact("a half \ud800 b") == "a *** b"


def test_secrets_may_come_between_the_lines_that_hold_them() -> None:
    redactor = Redactor()
    for number in range(100):
        redactor.add([f"secret-number-{number:04}"])
        assert redactor.redact(f"a line with secret-number-{number:04} in it") == "a line with *** in it"

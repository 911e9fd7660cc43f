"""What is shown: nothing breaks out of its place, and no secret is in it."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.fly.app import Port
from scorefly.github import commands
from scorefly.github.markdown import code, link, mermaid_label, text, write_summary
from scorefly.problems import Place, Problem
from scorefly.report.report import AppReport, Report, ResourceReport
from scorefly.ui.lines import one_line
from scorefly.ui.redaction import Redactor
from scorefly.ui.summary import summary
from scorefly.ui.terminal import report_text
from scorefly.ui.terminal_progress import TerminalProgress

anything = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "::error::x",
        "##[error]x",
        "a\n::set-output name=a::b",
        "`x`|<b>",
        "@team",
        "[a](b)",
        "\x1b[31m",
        "```",
        "</details>",
    ]
)

REPORT = Report(
    command="deploy",
    environment="production",
    apps=(
        AppReport("web-cache", "redis.default#web.cache", "created", image="redis:7", size="shared-cpu-1x", region="ams", secrets_set=("REDIS_PASSWORD",), seconds=1.5),
        AppReport("web", "web", "deployed", "web", "https://web.fly.dev", "nginx:1", "shared-cpu-1x", "ams", "out/web", (Port("http", 80, 8080, "http"), Port("grpc", 9000, 9000, "private")), ("A",), ("B",), 12.3),
        AppReport("worker", "worker", "failed", "worker", image="x:1", problem=Problem("worker keeps crashing", "look at its log")),
        AppReport("late", "late", "skipped", "late", problem=Problem("late was not deployed, because it needs worker", "fix that, and deploy again")),
    ),
    resources=(ResourceReport("redis.default#web.cache", "template://scorefly/redis", ("web",), (), ("web-cache",)),),
    problems=(Problem("files as a list is deprecated", "write a mapping", Place("web.yaml", 3, 5), "warning"), Problem("private: grpc", severity="notice")),
    rehearsed=True,
)  # fmt: skip


def test_the_terminal_report() -> None:
    assert report_text(REPORT) == (
        "app        status    size           region  secrets  seconds  url\n"
        "web-cache  created   shared-cpu-1x  ams     +1       1.5\n"
        "web        deployed  shared-cpu-1x  ams     +1 -1    12.3     https://web.fly.dev\n"
        "worker     failed\n"
        "late       skipped\n"
        "\n"
        "production (rehearsed: nothing was deployed to Fly): 1 created, 1 deployed, 1 failed, 1 skipped"
    )


def test_the_summary() -> None:
    lines = summary(REPORT).splitlines()
    assert lines[0] == "## Failed to deploy <code>production</code>"
    assert (
        "| [web](https://web.fly.dev) | 🟢 deployed | <code>nginx:1</code> | shared\\-cpu\\-1x | ams | set <code>A</code><br>removed <code>B</code> | 12.3 |"
        in lines
    )
    assert "- **error** worker keeps crashing — look at its log" in lines
    assert "- **warning** <code>web.yaml:3:5</code> files as a list is deprecated — write a mapping" in lines
    assert "- web: port <code>grpc</code> at <code>web.internal:9000</code>" in lines
    assert '  n1["web"]' in lines


@given(anything, anything, anything)
def test_a_summary_keeps_its_shape_whatever_stands_in_it(name: str, message: str, image: str) -> None:
    app = AppReport(name, name, "failed", image=image, problem=Problem(message, message))
    resource = ResourceReport(name, name, (message,), (), (image,))
    shape = summary(Report("deploy", name, (app,), (resource,), (Problem(message),)))
    reference = summary(
        Report(
            "deploy",
            "x",
            (AppReport("x", "x", "failed", image="x", problem=Problem("x", "x")),),
            (ResourceReport("x", "x", ("y",), (), ("z",)),),
            (Problem("x"),),
        )
    )
    assert frame(shape) == frame(reference)


def frame(markdown: str) -> list[tuple[str, int]]:
    """The lines that make the structure, with the number of their cells."""
    lines = [re.sub(r"\\.", "", line) for line in markdown.splitlines()]
    return [(line.split(" ")[0], line.count("|")) for line in lines if line.startswith(("|", "#", "<", "```"))]


@given(anything)
def test_markdown_is_kept_from_meaning_anything(value: str) -> None:
    assert not re.search(r"(?<!\\)[*_`|<>\[\]]|@|\n", text(value))
    inner = code(value).removeprefix("<code>").removesuffix("</code>")
    assert not re.search(r"[<>|@`*_\[\]\n\\]|://|www\.", inner)
    assert not re.search(r'["\n<>]', mermaid_label(value))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x.dev/)[a](", "https://x.dev/ y", "x"])
def test_a_link_goes_to_the_web_or_nowhere(url: str) -> None:
    assert link("label", url) == "label"


def test_a_summary_over_the_limit_is_cut_with_a_note(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "summary"
    path.write_text("before\n")
    write_summary(path, "ä" * 1_000_000)
    content = path.read_bytes()
    assert len(content) <= 1024 * 1024 + 7
    assert content.decode().endswith("limit for summaries._\n")


@given(st.lists(anything, max_size=5))
def test_the_runner_takes_no_line_of_others_for_a_command(lines: list[str]) -> None:
    import contextlib

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for line in lines:
            commands.plain(one_line(line))
    unfenced = re.sub(r"^::stop-commands::(\w{48})\n.*?^::\1::\n", "", out.getvalue(), flags=re.DOTALL | re.MULTILINE)
    assert not [line for line in unfenced.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@given(anything, anything)
def test_one_problem_is_one_line(message: str, hint: str) -> None:
    out = io.StringIO()
    TerminalProgress(out, {}).problem(Problem(message, hint, Place("f", 1, 1)))
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b" not in out.getvalue()


secrets = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30)


@given(st.lists(secrets, min_size=1, max_size=3), anything)
def test_no_form_of_a_secret_is_left(hidden: list[str], around: str) -> None:
    redactor = Redactor()
    redactor.add(hidden)
    for each in hidden:
        for form in (each, json.dumps(each)[1:-1], b64encode(each.encode()).decode()):
            shown = redactor.redact(f"{around} {form} {around}")
            assert form not in shown.replace("***", "\0") or form in around


def test_texts_too_short_to_hide_stay() -> None:
    redactor = Redactor()
    redactor.add(["a", "1"])
    assert redactor.redact("a1 banana") == "a1 banana"


def test_a_terminal_that_is_none_gets_plain_lines() -> None:
    out = io.StringIO()
    progress = TerminalProgress(out, {})
    progress.hide(["hidden-value"])
    progress.step("one hidden-value")
    progress.problem(Problem("two", "three", Place("f", 1, 2), "warning"))
    with progress.output("quiet") as write:
        write("it went well")
    with suppress(OSError), progress.output("four") as write:
        write("five hidden-value")
        raise OSError
    assert out.getvalue() == "one ***\nwarning: f:1:2: two (three)\nfour:\n  five ***\n"


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(environ: dict[str, str], coloured: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    TerminalProgress(out, environ).problem(Problem("x"))
    assert ("\033[31m" in out.getvalue()) == coloured

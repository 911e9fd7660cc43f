"""No text of a secret is readable wherever scorefly writes something, judged as a reader sees it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from html import escape, unescape
from urllib.parse import quote, unquote

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from github_server import TOKEN, GitHub
from scorefly.cli.session import Session
from scorefly.github.api import GitHubApi
from scorefly.previews.notifier import Notifier
from scorefly.problems import Place, Problem, ScoreflyError, shortened
from scorefly.report.plan import Drift, FileDiff, Plan, PlannedApp, plan_json
from scorefly.report.report import AppReport, Finding, Report, ResourceReport, redacted, redacted_report
from scorefly.ui.summary import failure_summary, summary
from scorefly.ui.terminal import report_text
from scorefly.ui.terminal_progress import TerminalProgress
from scorefly.ui.workflow_log import ActionProgress
from workspaces import Workspace

MARK = "QX7zv8-QX9"
WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    repr,
    ascii,
    lambda text: repr(f"{text} and 'more' \""),
    lambda text: repr({"key": [text]}),
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: repr(json.dumps(text)),
    shlex.quote,
    escape,
    lambda text: quote(text, safe=""),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: shortened(f"{text} and a long end", len(text) - 2),
)
some = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
secrets = st.builds(lambda before, after: f"{before}{MARK}{after}", some, some)


def report_of(said: str) -> Report:
    app = PlannedApp(
        app="web",
        owner="web",
        action="change",
        reasons=(said,),
        image=said,
        diffs=(FileDiff("fly.toml", f"--- a\n+++ b\n+  A = {said}\n"),),
        drift=(Drift("env", (said,), (said,)),),
    )
    problem = Problem(f"is {said!r}", said, Place(said))
    return Report(
        "plan",
        "production",
        (AppReport("web", "web", "failed", "web", image=said, problem=problem),),
        (ResourceReport(said, said, (said,)),),
        (problem, Problem(said, severity="notice")),
        (Finding("secret", said, "kept", said, said),),
        plan=Plan("production", "acme", (app,), (), (("web",),), (), (said,)),
    )


def in_the_log(secret: str, said: str) -> Iterator[str]:
    out, progress = io.StringIO(), ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
    with contextlib.redirect_stdout(out):
        progress.step(said)
        progress.problem(Problem(f"is {said!r}", said, Place(said)))
        with progress.output(said) as write:
            for line in said.splitlines():
                write(line)
        for line in report_text(redacted_report(report_of(said), progress.redact)).splitlines():
            progress.step(line)
    yield unquote(out.getvalue())
    yield out.getvalue()


def fail_with(said: str) -> None:
    raise RuntimeError(said)


def on_the_terminal(secret: str, said: str) -> Iterator[str]:
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        face = Session({})
        face.debug = face.progress.verbose = True
        face.progress.hide([secret])
        face.progress.step(said)
        with face.progress.output(said) as write:
            write(said)
        try:
            fail_with(said)
        except RuntimeError as error:
            face.fail(Problem(f"scorefly has a fault: {error}", repr(error)))
        yield report_text(redacted_report(report_of(said), face.progress.redact), coloured=True)
    yield err.getvalue()
    assert isinstance(face.progress, TerminalProgress)


def in_markdown(secret: str, said: str, github: GitHub) -> Iterator[str]:
    progress = ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
        shown = redacted_report(report_of(said), progress.redact)
        api = GitHubApi(TOKEN, github.repository, github.url)
        Notifier(api, progress, 7, "pr-7", "a" * 40, "", True, False, notes=(said,)).deployed(report_of(said), "failed")
    yield progress.redact(summary(shown))
    problems = [problem.redacted(progress.redact) for problem in report_of(said).problems]
    yield progress.redact(failure_summary("deploy", ScoreflyError(*problems), problems))
    yield github.bodies(7)[-1]


def in_json(secret: str, said: str) -> Iterator[str]:
    progress = ActionProgress()
    with contextlib.redirect_stdout(io.StringIO()):
        progress.hide([secret])
    plan = report_of(said).plan
    assert plan is not None
    yield "\n".join(leaves(json.loads(json.dumps(plan_json(redacted(plan, progress.redact))))))


def leaves(tree: object) -> Iterator[str]:
    if isinstance(tree, dict | list):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(each)
    yield str(tree)


def decoded(text: str) -> Iterator[str]:
    """The text, and what stands in it as base64."""
    yield text
    for word in re.findall(r"[A-Za-z0-9+/_-]{12,}", text):
        with contextlib.suppress(ValueError):
            yield base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_" if "_" in word else None).decode()


def read(markdown: str) -> str:
    return unescape(re.sub("<[^>]*>", "", MarkdownIt("commonmark").enable("table").render(markdown)))


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


@settings(deadline=None, phases=[Phase.explicit, Phase.generate])
@given(secrets, st.sampled_from(WRITERS))
@example(f"'\"\\{MARK}\u202e\x1b", repr)
@example(f"two\nlines {MARK}\n", str)
@example(f" {MARK} ", json.dumps)
def test_no_secret_is_readable_in_any_place(github: GitHub, secret: str, write: Callable[[str], str]) -> None:
    said = f"begin {write(secret)} end"
    plain = [*in_the_log(secret, said), *on_the_terminal(secret, said), *in_json(secret, said)]
    markdown = [*in_markdown(secret, said, github)]
    for place, shown in enumerate((*plain, *markdown, *map(read, markdown))):
        assert not [line for text in decoded(shown) for line in text.splitlines() if MARK[:-2] in line], place


@pytest.mark.parametrize("half", ["\\ud800", "a\\udfffb"])
def test_half_a_character_is_refused_as_a_secret(half: str, workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.action({"command": "validate", "secrets": f'{{"A": "{MARK}{half}"}}'})
    assert result.code == 2
    assert MARK not in result.out + result.err + result.summary


HARD = f"^p'a\"s\\s\t{MARK} \u200b\u0301\u202e`|<b>"


@pytest.mark.parametrize("command", ["plan", "deploy", "generate"])
def test_hard_secret_is_in_nothing_that_a_run_writes(command: str, workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/x.provisioners.yaml",
        "- uri: cmd://sh\n  type: x\n  args: ['-c', 'cat >&2; printenv SAID >&2; echo {}']\n"
        "  env: {SAID: '{{ secrets.HARD }}'}\n  expected_outputs: []\n",
    )
    workspace.workload(
        "web",
        "    variables: {A: '${resources.s.value}'}\nresources:\n"
        "  s: {type: secret, params: {name: HARD}}\n  x: {type: x, params: {a: '${resources.s.value}'}}\n",
    )
    inputs = {"rehearse": "true", "command": command, "secrets": json.dumps({"HARD": HARD})}
    result = workspace.action(inputs, RUNNER_DEBUG="1")
    log = "\n".join(line for line in result.out.splitlines() if not line.startswith("::add-mask::"))
    assert MARK not in log + result.err + json.dumps(result.outputs)
    assert MARK not in result.summary + read(result.summary)
    terminal = workspace.run(
        "--debug", command, "--rehearse", "--environment", "production", SCOREFLY_SECRETS=inputs["secrets"]
    )
    assert MARK not in terminal.out + terminal.err
    made = {name: content for name, content in workspace.tree().items() if "/out/" in name}
    assert not [name for name, content in made.items() if MARK.encode() in content]

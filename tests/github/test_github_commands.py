"""The log of a step, read as the runner reads it."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.github import commands
from scorefly.problems import Place, Problem
from scorefly.ui.workflow_log import ActionProgress

REGISTERED = {"add-mask", "debug", "endgroup", "error", "group", "notice", "set-output", "stop-commands", "warning"}

WHOLE = ["::error::x", "::add-mask::x", "::stop-commands::x", "##[error]x", "##[set-output name=a;]b"]
PARTS = ["::", "##[", "]", "error", "x", " ", "\t", "\n", "\r", "%0A", "\u2028", "\u3000"]
WITHOUT_WIDTH = ["\u200b", "\ufe0f", "\u034f", "\x00"]

pieces = st.sampled_from([*WHOLE, *PARTS, *WITHOUT_WIDTH])
hostile = st.lists(pieces, max_size=5).map("".join) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), max_size=20
)


def name_of(line: str, registered: set[str]) -> str | None:
    """The command in a line, by the two rules of the runner; characters without width do not count for it."""
    line = re.sub("[\u200b\ufe0f\u034f\x00]", "", line)
    found = re.match(r"::([^ ]*?)(?: .*?)?::", line.lstrip()) or re.search(r"##\[([^ \]]*)[^\]]*\]", line)
    return found[1] if found and found[1].lower() in registered else None


def obeyed(log: str) -> Iterator[str]:
    """The commands that the runner carries out."""
    registered, token = set(REGISTERED), ""
    for line in re.split(r"\r\n|\n|\r", log):
        name = name_of(line, registered)
        if token:
            if name == token:
                registered.discard(token)
                token = ""
        elif name == "stop-commands":
            token = line.rpartition("::")[2]
            registered.add(token)
        elif name:
            yield name


def printed(act: Callable[[], object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        act()
    return out.getvalue()


@pytest.mark.parametrize("line", ["::error::x", "  ::error::x", "a ##[error]x", "\u3000::add-mask::x"])
def test_the_reader_of_these_tests_obeys_what_the_runner_does(line: str) -> None:
    assert list(obeyed(line))


@given(hostile)
def test_a_step_says_nothing_to_the_runner(message: str) -> None:
    assert list(obeyed(printed(lambda: ActionProgress().step(message)))) == []


@given(hostile, hostile)
def test_a_problem_is_one_annotation_and_nothing_else(message: str, file: str) -> None:
    problem = Problem(message, message, Place(file, 2, 3), "warning")
    assert list(obeyed(printed(lambda: ActionProgress().problem(problem)))) == ["warning"]


def output(progress: ActionProgress, title: str, lines: Iterable[str]) -> None:
    with progress.output(title) as write:
        for line in lines:
            write(line)


@given(hostile, st.lists(hostile, min_size=1, max_size=4))
def test_output_of_others_is_a_group_and_nothing_else(title: str, lines: list[str]) -> None:
    assert list(obeyed(printed(lambda: output(ActionProgress(), title, lines)))) == ["group", "endgroup"]


def test_outputs_of_several_never_mix_and_the_first_is_shown_as_it_comes() -> None:
    def act() -> None:
        progress = ActionProgress()
        with ExitStack() as second:
            with progress.output("first") as one:
                two = second.enter_context(progress.output("second"))
                two_is_late = [one, two, one]
                for number, write in enumerate(two_is_late):
                    write(f"line {number}")
                progress.step("a step")
                progress.hide(["hidden-value"])
                one("hidden-value")
            two("last")

    lines = [line for line in printed(act).splitlines() if not re.fullmatch(r"::(stop-commands::)?\w{48}(::)?", line)]
    assert lines == [
        "::group::first", "line 0", "line 2", "::add-mask::hidden-value", "***", "::endgroup::",
        "a step",
        "::group::second", "line 1", "last", "::endgroup::",
    ]  # fmt: skip


def test_the_first_output_is_shown_before_it_ends() -> None:
    def act() -> None:
        with ActionProgress().output("first") as write:
            write("at once")
            sys.stdout.write("now\n")

    assert [line for line in printed(act).splitlines() if "::" not in line] == ["at once", "now"]


def test_the_log_tells_the_place_that_an_annotation_only_carries() -> None:
    log = printed(lambda: ActionProgress().problem(Problem("wrong", "mend it", Place("web.yaml", 6, 5))))
    assert log.splitlines() == [
        "web.yaml:6:5: wrong (mend it)",
        "::error file=web.yaml,line=6,col=5,title=scorefly%3A error::wrong (mend it)",
    ]


def test_a_fence_closes_though_what_it_holds_breaks_off() -> None:
    def lines() -> Iterator[str]:
        yield "::error::one"
        raise RuntimeError

    def act() -> None:
        with pytest.raises(RuntimeError):
            output(ActionProgress(), "title", lines())
        commands.mask("after")

    assert list(obeyed(printed(act))) == ["group", "endgroup", "add-mask"]


def test_a_mask_is_never_empty_and_always_printable() -> None:
    def act() -> None:
        for secret in (" ", "a\n \nb", "half \ud800"):
            commands.mask(secret)

    log = printed(act)
    assert log.encode().decode().splitlines() == [
        "::add-mask::a%0A %0Ab",
        "::add-mask::a",
        "::add-mask::b",
        "::add-mask::half ?",
    ]

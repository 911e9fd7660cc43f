"""What is over GitHub's limits is cut where nothing stays open."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from github_server import GitHub
from scorefly.github.api import GitHubApi
from scorefly.github.comment import COMMENT_LIMIT, keep_comment
from scorefly.github.markdown import SUMMARY_LIMIT, details, fence, write_summary

NOTE = "The rest was over GitHub"


def long(size: int) -> str:
    diff = "\n".join(f"+line {number} of \U0001f7e2 ``` what is new" for number in range(size // 20))
    return f"## Plan\n\n{details('web', fence(diff, 'diff'))}\n\nend\n"


def is_closed(markdown: str) -> bool:
    tokens = MarkdownIt("commonmark").parse(markdown)
    last = tokens[-2]
    return (
        last.type == "inline"
        and NOTE in last.content
        and markdown.count("<details>") == markdown.count("</details>")
        and sum(token.type == "fence" for token in tokens) == 1
    )


@pytest.mark.parametrize("over", [1, 30, 4000])
def test_summary_over_the_limit_ends_outside_of_code_and_folds(over: int, tmp_path: Path) -> None:
    write_summary(tmp_path / "summary", long(SUMMARY_LIMIT + over * 20))
    written = (tmp_path / "summary").read_bytes()
    assert SUMMARY_LIMIT - 200 < len(written) <= SUMMARY_LIMIT
    assert is_closed(written.decode())


def test_comment_over_the_limit_ends_outside_of_code_and_folds() -> None:
    with GitHub() as github:
        github.open_pull(1)
        keep_comment(
            GitHubApi("ghs_token-of-the-job", "acme/shop", github.url), 1, "<!-- us -->", long(2 * COMMENT_LIMIT)
        )
        (body,) = github.bodies(1)
    assert COMMENT_LIMIT - 200 < len(body) <= COMMENT_LIMIT
    assert is_closed(body)


def test_text_within_the_limit_stays_as_it_is(tmp_path: Path) -> None:
    write_summary(tmp_path / "summary", long(1000))
    assert (tmp_path / "summary").read_text(encoding="utf-8") == long(1000)

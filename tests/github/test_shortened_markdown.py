"""Markdown that is longer than GitHub takes is cut so that what is left is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorefly.github.markdown import SUMMARY_LIMIT, details, fence, shorten, write_summary

NOTE = "_cut_"


@pytest.mark.parametrize("marks", ["", "````\n"])
@pytest.mark.parametrize("limit", [400, 1000, 1001, 4000])
def test_cut_inside_a_folded_fence_closes_both(marks: str, limit: int) -> None:
    diff = fence(marks + "+ line | of ``` a diff\n" * 200, "diff")
    cut = shorten(f"# Plan\n\n{details('web', diff)}\n", limit, NOTE)
    assert len(cut) <= limit
    opening = diff.partition("diff\n")[0]
    assert [line for line in cut.splitlines() if line.startswith(opening)] == [f"{opening}diff", opening]
    assert cut.count("<details>") == cut.count("</details>") == 1
    assert cut.endswith(f"</details>\n\n{NOTE}\n")


def test_cut_between_lines_keeps_whole_rows() -> None:
    rows = "".join(f"| {number:04} | row |\n" for number in range(500))
    cut = shorten(rows, 1000, NOTE)
    assert all(line.endswith("| row |") for line in cut.splitlines() if line.startswith("|"))
    assert cut.endswith(f"|\n\n{NOTE}\n")


def test_what_fits_is_unchanged() -> None:
    assert shorten("```\nopen", 8, NOTE) == "```\nopen"


def test_summary_is_cut_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    write_summary(path, "🟢 deployed\n" * SUMMARY_LIMIT)
    assert SUMMARY_LIMIT - 300 < path.stat().st_size <= SUMMARY_LIMIT

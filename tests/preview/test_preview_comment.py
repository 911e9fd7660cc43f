"""What the comment of a preview shows first, and what it folds away."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.previews.comment import AppRow, PreviewPage, render
from scorefly.report.failure import FailureDetails

PAGE = PreviewPage(
    environment="pr-7",
    outcome="ready",
    commit="0123456789abcdef",
    apps=(
        AppRow("acme-web-db-pr-7", "created", seconds=9.0),
        AppRow("acme-worker-pr-7", "unchanged", workload="worker"),
        AppRow("acme-web-pr-7", "created", "https://acme-web-pr-7.fly.dev", 12.3, "web"),
    ),
    seconds=31.0,
    log_url="https://github.com/acme/shop/actions/runs/42",
    at="2026-11-25 10:46 UTC",
)


def test_the_link_comes_first_then_commit_time_and_log() -> None:
    lines = [line for line in render(PAGE).splitlines() if line]
    assert lines[0] == "### 🟢 Preview <code>pr-7</code> is ready"
    assert lines[1].endswith("](https://acme-web-pr-7.fly.dev)**")
    assert lines[2] == (
        "Commit <code>0123456</code> · 2026-11-25 10:46 UTC · 31 s · [log](https://github.com/acme/shop/actions/runs/42)"
    )


def test_each_workload_has_a_row_with_its_mark_and_resources_are_folded() -> None:
    page = render(PAGE)
    above, _, below = page.partition("<summary>Resources: 1</summary>")
    assert "| <code>acme-worker-pr-7</code> | ⚪ unchanged | private |" in above
    assert "| <code>acme-web-pr-7</code> | 🟢 created | [" in above
    assert "acme-web-db-pr-7" not in above
    assert "acme-web-db-pr-7" in below


FAILED = PreviewPage(
    "pr-7",
    "failed",
    "0123456789",
    (
        AppRow(
            "acme-web-pr-7",
            "failed",
            workload="web",
            problem="acme-web-pr-7 keeps crashing: Machine 3d8d exits with 1 (look at `fly logs -a acme-web-pr-7`)",
            failure=FailureDetails(
                exits=("Machine 3d8d exited with 1, after 3 restarts",),
                log=("listening on 8080", "panic: no DATABASE_URL"),
                output=("> Waiting for 3d8d to reach started state",),
                running="nothing",
                dashboard="https://fly.io/apps/acme-web-pr-7/monitoring",
            ),
        ),
        AppRow("acme-worker-pr-7", "skipped", workload="worker"),
    ),
    problems=("acme-worker-pr-7 was not deployed, because it needs acme-web-pr-7 (fix that, and deploy again)",),
)


def test_a_failure_has_exit_code_log_command_and_dashboard() -> None:
    page = render(FAILED)
    section = page.split("#### acme\\-web\\-pr\\-7 failed\n\n")[1]
    exited, problem, *others = section.splitlines()[:4]
    assert exited == "- Machine 3d8d exited with 1, after 3 restarts"
    assert "<code>fly logs -a acme-web-pr-7</code>" in problem
    assert others == [
        "- still running: <code>nothing</code>",
        "- read on: [dashboard](https://fly.io/apps/acme-web-pr-7/monitoring)",
    ]
    assert "```text\nlistening on 8080\npanic: no DATABASE_URL\n```" in section
    assert "<details><summary>Last output of the deploy</summary>" in section
    assert page.count("keeps crashing") == 1
    assert "https://acme-web-pr-7.fly.dev" not in page


def test_a_failed_rehearsal_is_headed_as_one_and_names_no_dashboard() -> None:
    page = render(replace(FAILED, apps=(AppRow("acme-web-pr-7", "failed", workload="web"),), simulated=True))
    assert page.startswith("### 🔴 Preview <code>pr-7</code> failed (simulated: nothing was deployed to Fly)")
    assert "fly.io" not in page
    assert "fly ssh" not in page


def test_a_rehearsal_is_not_headed_as_deployed_and_links_to_nothing() -> None:
    page = render(
        PreviewPage(
            "pr-7", "rehearsed", "0123456789", (AppRow("acme-web-pr-7", "created", workload="web"),), simulated=True
        )
    )
    assert page.startswith("### 🟡 Preview <code>pr-7</code> was rehearsed, not deployed")
    assert "private" not in page
    assert "fly.dev" not in page

"""What a plan warns of, what it puts first, and what it leaves out of a diff."""

from __future__ import annotations

import re

import pytest

from scorefly.report.plan import Drift, FileDiff, Plan, PlannedApp, PlannedVolume
from scorefly.report.report import AppReport, Report, RunDetails
from scorefly.ui.plan_view import risks, shorten_diff
from scorefly.ui.summary import summary
from scorefly.ui.terminal import next_command, report_text

DIFF = (FileDiff("fly.toml", "--- a/fly.toml\n+++ b/fly.toml\n@@ -1 +1 @@\n-a\n+b\n"),)


def report(*apps: PlannedApp, rehearsed: bool = False, run: RunDetails | None = None) -> Report:
    statuses = {"create": "created", "change": "deployed", "keep": "unchanged"}
    plan = Plan("production", "acme", apps, (), (), ())
    rows = tuple(AppReport(app.app, app.owner, statuses[app.action]) for app in apps if app.action in statuses)  # type: ignore[arg-type]
    details = run or RunDetails()
    return Report("plan", "production", rows, plan=plan, dry_run=True, rehearsed=rehearsed, run=details)


CHANGE = PlannedApp("acme-web", "web", "change", "web", ("fly.toml",), diffs=DIFF)


@pytest.mark.parametrize(
    ("app", "kinds"),
    [
        (CHANGE, {"restart"}),
        (PlannedApp("acme-db", "postgres.default#web.db", "change", reasons=("fly.toml",), diffs=DIFF), {"restart"}),
        (PlannedApp("acme-web", "web", "change", "web", ("1 Machine not running",)), set()),
        (PlannedApp("acme-web", "web", "create", "web", size="shared-cpu-1x"), {"new cost"}),
        (PlannedApp("acme-web", "web", "keep", "web"), set()),
        (PlannedApp("acme-web", "web", "keep", "web", drift=(Drift("env", ("A",), ("B",)),)), set()),
        (PlannedApp("acme-web", "web", "change", "web", drift=(Drift("env", (), ("B",)),)), {"restart", "drift"}),
        (PlannedApp("acme-web", "web", "keep", "web", secrets_removed=("OLD",)), {"secret"}),
        (
            PlannedApp("acme-web", "web", "keep", "web", volumes=(PlannedVolume("detach", "data", 1, "ams"),)),
            {"volume"},
        ),
        (
            PlannedApp("acme-web", "web", "keep", "web", volumes=(PlannedVolume("extend", "data", 2, "ams"),)),
            {"new cost"},
        ),
        (PlannedApp("acme-web", "web", "keep", "web", data_risks=("volume data stays at 3 GB",)), {"data"}),
    ],
)
def test_risks_of_a_change_are_marked(app: PlannedApp, kinds: set[str]) -> None:
    assert {kind for kind, _ in risks(app)} == kinds


def test_changes_come_first_in_their_order_and_unchanged_apps_are_collapsed() -> None:
    kept = [PlannedApp(f"acme-k{number}", "k", "keep", "k") for number in range(3)]
    gone = PlannedApp("acme-old", "old", "remove", "old")
    new = PlannedApp("acme-new", "new", "create", "new")
    shown = report(kept[0], gone, CHANGE, kept[1], new, kept[2])
    lines = report_text(shown).splitlines()
    assert [line[:2] + line.split()[1] for line in lines if line[:2] in ("+ ", "~ ", "- ")] == [
        "+ acme-new",
        "~ acme-web",
        "- acme-old",
    ]
    assert "= unchanged: acme-k0, acme-k1, acme-k2" in lines
    assert lines[-1] == "Plan: 1 to create, 1 to change, 1 to remove, 3 unchanged (production)"
    page = summary(shown)
    assert "\nPlan: 1 to create, 1 to change, 1 to remove, 3 unchanged\n" in page
    assert (
        page.index("acme-new") < page.index("acme-web") < page.index("acme-old") < page.index("3 unchanged</summary>")
    )


def test_the_page_names_the_commit_the_run_and_the_time() -> None:
    run = RunDetails("0123456789abcdef", "https://github.com/acme/shop/actions/runs/7", "2026-11-25 10:46 UTC")
    page = summary(report(CHANGE, run=run))
    assert "Commit <code>0123456</code> · [run log](https://github.com/acme/shop/actions/runs/7) · 2026" in page


def test_no_html_has_a_backslash() -> None:
    app = PlannedApp("acme-web_x", "web", "change", "web", ("fly.toml",), diffs=(FileDiff("a_[b]*.toml", "+x\n"),))
    titles = re.findall(r"<summary>(.*?)</summary>|<code>(.*?)</code>", summary(report(app)))
    assert titles
    assert not [title for pair in titles for title in pair if "\\" in title]


def test_a_simulated_plan_says_so() -> None:
    shown = report(CHANGE, rehearsed=True)
    assert summary(shown).startswith("## Plan for <code>production</code> (simulated)\n")
    assert report_text(shown).endswith("(production, simulated)")


def test_a_long_run_of_a_diff_and_a_long_line_are_shortened() -> None:
    diff = "@@ -1 +1,100 @@\n-old\n" + "".join(f"+line {number}\n" for number in range(100)) + f"+{'x' * 500}\n end\n"
    lines = shorten_diff(diff).splitlines()
    assert "+… 85 more lines" in lines
    assert lines[:4] == ["@@ -1 +1,100 @@", "-old", "+line 0", "+line 1"]
    assert lines[-1] == " end"
    assert max(map(len, lines)) == 160
    assert shorten_diff("@@ -1 +1 @@\n-a\n+b") == "@@ -1 +1 @@\n-a\n+b"


def test_a_terminal_of_80_cells_gets_no_longer_line() -> None:
    app = PlannedApp(
        "acme-web", "web", "create", "web", image="ghcr.io/acme/a-rather-long-name:1.2.3", size="shared-cpu-1x, 256 MB",
        region="ams", url="https://acme-web.fly.dev", secrets_set=tuple(f"SECRET_{number}" for number in range(20)),
    )  # fmt: skip
    assert max(map(len, report_text(report(app), width=80).splitlines())) <= 80


def test_a_table_leaves_out_columns_that_do_not_fit() -> None:
    apps = tuple(
        AppReport(
            f"acme-a-rather-long-name-{number}", "web", "deployed", "web", f"https://acme-a-long-name-{number}.fly.dev",
            size="shared-cpu-1x, 256 MB", region="ams", secrets_set=("A",), seconds=1.0,
        )
        for number in range(3)
    )  # fmt: skip
    lines = report_text(Report("deploy", "production", apps), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(app.url in line for app, line in zip(apps, lines[1:], strict=False))
    assert "shared-cpu-1x" in report_text(Report("deploy", "production", apps))


@pytest.mark.parametrize(
    ("command", "rehearsed", "following"),
    [
        ("validate", False, "scorefly deploy --rehearse"),
        ("plan", True, "scorefly deploy --rehearse"),
        ("deploy", True, "scorefly doctor"),
        ("deploy", False, "scorefly status"),
        ("destroy", False, ""),
    ],
)
def test_a_run_ends_with_the_next_command(command: str, rehearsed: bool, following: str) -> None:
    production = f"{following} --environment production" if following else ""
    assert next_command(Report(command, "local", rehearsed=rehearsed)) == following
    assert next_command(Report(command, "production", rehearsed=rehearsed)) == production


def test_a_url_that_does_not_fit_is_below_its_app() -> None:
    name = "acme-" + "x" * 50
    app = AppReport(name, "web", "deployed", "web", f"https://{name}.fly.dev", seconds=1.0)
    lines = report_text(Report("deploy", "production", (app,)), width=80).splitlines()
    assert lines[:3] == [
        f"{'app'.ljust(len(name))}  status    seconds",
        f"{name}  deployed  1.0",
        f"  https://{name}.fly.dev",
    ]

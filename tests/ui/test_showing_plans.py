"""A plan as people read it: whole pages to compare with, and what hostile names cannot do to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorefly.report.plan import Drift, FileDiff, Plan, PlannedApp, PlannedResource, PlannedVolume
from scorefly.report.report import AppReport, Finding, Report
from scorefly.ui.summary import summary
from scorefly.ui.terminal import report_text

GOLDEN = Path(__file__).parent / "golden"

DIFF = '--- a/fly.toml\n+++ b/fly.toml\n@@ -1,2 +1,2 @@\n app = "acme-web"\n-A = "`one`"\n+A = "```two"\n'
PLAN = Plan(
    environment="production",
    org="acme",
    apps=(
        PlannedApp(
            "acme-cache", "redis.default#web.cache", "create", wave=0, image="redis:7.4", size="shared-cpu-1x",
            region="ams", artefact="out/acme-cache", secrets_set=("PASSWORD",), addresses=("v6",),
            volumes=(PlannedVolume("create", "data", 1, "ams"), PlannedVolume("create", "more", 2, "")),
            diffs=(FileDiff("fly.toml", "--- /dev/null\n+++ b/fly.toml\n@@ -0,0 +1 @@\n+app\n"),),
        ),
        PlannedApp(
            "acme-web", "web", "change", "web", ("fly.toml", "files/etc/a", "secrets"), 1, ("acme-cache",), "web:2",
            secrets_set=("A", "B"), secrets_removed=("OLD",), diffs=(FileDiff("fly.toml", DIFF),),
            drift=(Drift("env", ("MODE",), ("MODE",)), Drift("image", ("web:1",), ("<b>@acme|",))),
        ),
        PlannedApp("acme-worker", "worker", "keep", "worker"),
        PlannedApp("acme-old", "old", "remove", "old"),
    ),
    resources=(
        PlannedResource("redis.default#web.cache", "template://scorefly/redis", "create", ("web",)),
        PlannedResource("dns.default#web.host", "template://scorefly/dns", "keep", ("web",)),
        PlannedResource("dns.default#old.host", "template://scorefly/dns", "deprovision", ("old",)),
    ),
    waves=(("acme-cache",), ("acme-web",)),
    matrix=(),
)  # fmt: skip
REPORT = Report(
    "plan",
    "production",
    apps=(
        AppReport("acme-cache", "redis.default#web.cache", "created"),
        AppReport("acme-web", "web", "deployed", "web"),
        AppReport("acme-worker", "worker", "unchanged", "worker"),
    ),
    dry_run=True,
    plan=PLAN,
    plan_path="out/plan.json",
)
TIDIED = Report(
    "cleanup",
    "production",
    apps=(AppReport("acme-old", "old", "destroyed", "old"),),
    findings=(
        Finding("secret", "OLD", "removed", "managed", "acme-web"),
        Finding("address", "2001:db8::1", "failed", "the app is not public", "acme-web"),
        Finding("volume", "vol_1", "kept", "no Machine has it (<b>|data, 1 GB)", "acme-web"),
    ),
)


@pytest.mark.parametrize(("name", "report"), [("plan", REPORT), ("cleanup", TIDIED)])
def test_it_reads_as_its_page_and_its_lines_do(name: str, report: Report) -> None:
    assert summary(report) == (GOLDEN / f"{name}.md").read_text()
    assert report_text(report) + "\n" == (GOLDEN / f"{name}.txt").read_text()


def test_a_terminal_shows_the_lines_of_a_diff_in_colour() -> None:
    shown = report_text(REPORT, coloured=True)
    assert '    \033[32m+A = "```two"\033[0m\n' in shown
    assert '    \033[31m-A = "`one`"\033[0m\n' in shown

"""The job summary, as a reader gets it: whole files to compare with, and what is left out of long ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from scorefly.fly.app import Port
from scorefly.problems import InputError, Place, Problem
from scorefly.report.report import AppReport, Report, ResourceReport
from scorefly.ui.outputs import outputs
from scorefly.ui.summary import failure_summary, summary
from scorefly.ui.terminal import report_text

GOLDEN = Path(__file__).parent / "golden"

REDIS = "redis.default#web.cache"
CACHE = AppReport(
    "acme-web-cache", REDIS, "created", image="redis:7.4", size="shared-cpu-1x", region="ams",
    ports=(Port("redis", 6379, 6379, "private"),), secrets_set=("REDIS_PASSWORD",), seconds=4.2,
)  # fmt: skip
WEB = AppReport(
    "acme-web", "web", "deployed", "web", "https://acme-web.fly.dev", "ghcr.io/acme/web@sha256:0f1e", "shared-cpu-2x",
    "ams", "out/acme-web", (Port("http", 80, 8080, "http"), Port("admin", 9000, 9000, "private")),
    ("A", "B", "C", "D_URL"), ("OLD_TOKEN",), 12.34,
)  # fmt: skip
WORKER = AppReport(
    "acme-worker", "worker", "failed", "worker", image="acme/worker:1", size="shared-cpu-1x", region="ams", seconds=60.0,
    problem=Problem("acme-worker keeps crashing: exit code 1", "look at `fly logs -a acme-worker`"),
)  # fmt: skip
LATE = AppReport(
    "acme-late", "late", "skipped", "late",
    problem=Problem("acme-late was not deployed, because it needs acme-worker", "fix that, and deploy again"),
)  # fmt: skip
MIXED = Report(
    command="deploy",
    environment="production",
    apps=(CACHE, WEB, WORKER, LATE),
    resources=(
        ResourceReport(REDIS, "template://scorefly/redis", ("web",), (), ("acme-web-cache",)),
        ResourceReport("dns.default#web.host", "template://scorefly/dns", ("web",)),
        ResourceReport("route.default#web.main", "template://scorefly/route", ("web",), ("dns.default#web.host",)),
    ),
    problems=(
        Problem(
            "`files` as a list is deprecated | <b>@acme", "write a mapping", Place("web/score.yaml", 9, 7), "warning"
        ),
        Problem("private: admin at acme-web.internal:9000", "a route", Place("web/score.yaml", 4, 3), "notice"),
        Problem("route 'main' is for acme.example", "`fly certs add`", Place("web/score.yaml", 30, 5), "notice"),
    ),
    artefacts="out",
    rehearsed=True,
)
QUIET = replace(
    MIXED,
    apps=tuple(
        replace(app, status="unchanged", secrets_set=(), secrets_removed=(), seconds=0.3) for app in (CACHE, WEB)
    ),
    problems=(),
    rehearsed=False,
)
GENERATED = Report(
    "generate", "local", (replace(WEB, status="generated", secrets_set=(), secrets_removed=(), seconds=0.0),), artefacts="out"
)  # fmt: skip


@pytest.mark.parametrize(("name", "report"), [("mixed", MIXED), ("unchanged", QUIET), ("generated", GENERATED)])
def test_a_run_reads_as_its_page_and_its_table_do(name: str, report: Report) -> None:
    assert summary(report) == (GOLDEN / f"{name}.md").read_text()
    assert report_text(report) + "\n" == (GOLDEN / f"{name}.txt").read_text()


def test_a_run_that_ended_early_reads_as_its_page_does() -> None:
    problems = [
        Problem("containers.main: unknown key 'imgae'", "did you mean 'image'?", Place("web/score.yaml", 6, 5)),
        Problem("max-parallel is '0'", "give a number from 1", Place("--max-parallel", is_option=True)),
    ]
    assert failure_summary("deploy", InputError(*problems), problems) == (GOLDEN / "wrong-input.md").read_text()


@pytest.mark.parametrize(
    ("apps", "headline"),
    [
        ((WEB,), "Would have deployed"),
        ((replace(WEB, status="unchanged"),), "Would have deployed"),  # a secret is to go
        ((replace(WEB, status="unchanged", secrets_removed=()),), "Nothing would change in"),
    ],
)
def test_a_dry_run_tells_what_would_be(apps: tuple[AppReport, ...], headline: str) -> None:
    report = Report("deploy", "production", apps, dry_run=True)
    assert summary(report).splitlines()[0] == f"## {headline} <code>production</code>"
    assert outputs(report)["changed"] == ("false" if "Nothing" in headline else "true")


def test_a_long_run_keeps_below_githubs_limit_and_says_what_it_left_out() -> None:
    apps = tuple(
        replace(WEB, app=f"a{'x' * 50}{number}", url=f"https://a{'x' * 50}{number}.fly.dev") for number in range(5000)
    )
    problems = tuple(Problem("m" * 200, "h" * 200, Place(f"{number}/score.yaml"), "warning") for number in range(5000))
    page = summary(Report("deploy", "production", apps, (), problems))
    assert len(page.encode()) < 1024 * 1024
    assert "\n… and 4000 more apps\n" in page
    assert page.count("\n- … and 4800 more\n") == 3


def test_a_graph_that_mermaid_would_refuse_is_told_in_words() -> None:
    resources = tuple(ResourceReport(f"redis.default#w{number}.cache", "x", (f"w{number}",)) for number in range(501))
    page = summary(Report("deploy", "production", resources=resources))
    assert "501 resources: too many to draw." in page
    assert "mermaid" not in page
    assert "```mermaid" in summary(Report("deploy", "production", resources=resources[:500]))

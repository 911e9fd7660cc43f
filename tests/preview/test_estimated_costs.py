"""Estimated monthly costs in plans and in previews' comments, from the dated table of list prices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_events import pull_request, variables
from github_server import GitHub
from scorefly.fly.prices import AS_OF, SOURCE, machine_price
from scorefly.report.costs import AppCost, summarise_costs
from workspaces import Workspace

PORT = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"


def plan(workspace: Workspace, *arguments: str) -> tuple[dict[str, Any], str]:
    result = workspace.run("plan", "--rehearse", *arguments)
    assert result.code == 0, result.err
    data: dict[str, Any] = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    return data, result.out


def deploy(workspace: Workspace, *arguments: str) -> None:
    result = workspace.run("deploy", "--rehearse", *arguments)
    assert result.code == 0, result.err


# The examples of Fly's pricing page.
@pytest.mark.parametrize(
    ("guest", "region", "price"),
    [
        (("shared", 1, 256), "iad", 2.19),
        (("shared", 1, 512), "iad", 3.69),
        (("shared", 1, 1024), "iad", 6.70),
        (("shared", 1, 1024), "fra", 7.73),
        (("shared", 1, 1024), "sin", 8.50),
        (("shared", 2, 2048), "ewr", 13.39),
        (("performance", 1, 2048), "iad", 33.00),
        (("performance", 2, 4096), "iad", 66.00),
    ],
)
def test_prices_are_those_of_the_pricing_page(guest: tuple[str, int, int], region: str, price: float) -> None:
    found = machine_price(dict(zip(("cpu_kind", "cpus", "memory_mb"), guest, strict=True)), region)
    assert found is not None
    assert round(found, 2) == price


def test_what_the_table_does_not_have_gets_no_price() -> None:
    small = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}
    assert machine_price(small, "bom") is None
    assert machine_price(small, "") is None
    assert machine_price({**small, "cpu_kind": "quantum"}, "iad") is None
    assert machine_price({**small, "gpu_kind": "a10"}, "iad") is None
    assert machine_price({}, "iad") is None


@given(st.lists(st.builds(AppCost, *[st.none() | st.floats(0, 1e4).map(lambda each: round(each, 2))] * 2)))
def test_an_app_without_a_price_is_named_and_in_no_sum(costs: list[AppCost]) -> None:
    summary = summarise_costs((str(number), cost) for number, cost in enumerate(costs))
    known = [cost for cost in costs if None not in (cost.before, cost.after)]
    assert len(summary.unknown) == len(costs) - len(known)
    assert summary.after == round(sum(cost.after or 0 for cost in known), 2)
    assert summary.change == round(summary.after - summary.before, 2)


def test_a_plan_says_what_its_apps_cost_and_how_that_changes(workspace: Workspace) -> None:
    workspace.workload("web", PORT)
    data, out = plan(workspace)
    two = 4.56  # of 2.19 in iad, in Amsterdam
    assert data["apps"][0]["cost"] == {"before": 0.0, "after": two}
    assert data["cost"] == {
        "currency": "USD",
        "before": 0.0,
        "after": two,
        "change": two,
        "unknown": [],
        "prices_as_of": AS_OF,
        "source": SOURCE,
    }
    assert "estimated cost: up to $4.56 a month (+$4.56), if all Machines run all the time; without traffic" in out
    assert f"(list prices of {AS_OF}, {SOURCE})" in out
    deploy(workspace)
    data, out = plan(workspace)
    assert (data["cost"]["before"], data["cost"]["after"], data["cost"]["change"]) == (two, two, 0.0)
    assert "$4.56 a month (no change)" in out
    workspace.workload("web", f"    resources: {{limits: {{memory: 512Mi}}}}\n{PORT}")
    data, _ = plan(workspace)
    assert (data["cost"]["before"], data["cost"]["change"]) == (two, round(data["cost"]["after"] - two, 2))
    assert data["cost"]["after"] == 7.67


def test_volumes_and_dedicated_addresses_cost_too(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        """\
            volumes: {/data: {source: "${resources.disk}"}}
        service: {ports: {tcp: {port: 9000}}}
        resources: {disk: {type: volume, params: {size_gb: 10}}}
        """,
    )
    annotated = (workspace.path / "web.score.yaml").read_text()
    public = 'metadata: {name: web, annotations: {scorefly/service-tcp-public: "true"}}'
    (workspace.path / "web.score.yaml").write_text(annotated.replace("metadata: {name: web}", public))
    assert plan(workspace, "--region", "iad")[0]["cost"]["after"] == round(2.19 + 1.50 + 2.00, 2)
    deploy(workspace, "--region", "iad")
    assert plan(workspace, "--region", "iad")[0]["cost"]["change"] == 0


def test_a_region_without_a_price_is_said_to_be_unknown(workspace: Workspace) -> None:
    workspace.workload("web", PORT)
    data, out = plan(workspace, "--region", "bom")
    assert data["apps"][0]["cost"] == {"before": 0.0, "after": None}
    assert data["cost"]["unknown"] == ["web"]
    assert "not known: web" in out


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


def test_a_preview_comment_has_the_cost_and_its_change(workspace: Workspace, github: GitHub) -> None:
    def comment() -> str:
        payload = pull_request(github, 7, "synchronize")
        given = {"command": "preview", "rehearse": "true", "state": "file", "region": "iad"}
        result = workspace.action(given, **variables(github, "pull_request", payload, workspace.path.parent))
        assert result.code == 0, result.out
        return github.bodies(7)[0].replace("\\", "")

    workspace.workload("web", PORT)
    assert "Estimated cost: up to $2.19 a month (+$2.19), if all Machines run all the time" in comment()
    assert "$2.19 a month (no change)" in comment()
    workspace.workload("api", PORT)
    body = comment()
    assert "$4.38 a month (+$2.19)" in body
    assert f"list prices of {AS_OF}" in body

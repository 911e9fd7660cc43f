"""Organizations of projects and workloads: each has its token, which reaches no log, argument list or artefact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_trees import LiveTree, live_tree
from tree_repositories import statuses

TREE = """\
org: acme
workloads:
  web: {source: {repo: URL/web.git}}
  billing: {source: {repo: URL/billing.git}, org: acme-finance, after: web}
environments: {production: {}}
"""
TOKENS = {"FLY_API_TOKEN": "org_acme", "FLY_API_TOKEN_ACME_FINANCE": "org_acme-finance"}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveTree]:
    with live_tree(tmp_path) as live:
        for name in ("web", "billing"):
            live.tree.repositories.workload(name)
        live.tree.project(TREE)
        yield live


def organizations(live: LiveTree) -> dict[str, str]:
    return {name: app["organization"]["slug"] for name, app in live.fly.world.data["apps"].items()}


def test_each_organization_has_its_token(live: LiveTree, tmp_path: Path) -> None:
    record = tmp_path / "record"
    live.flyctl(f'echo "$* FLY_API_TOKEN=$FLY_API_TOKEN" >> {record}')
    result = live.sync(**TOKENS)
    assert result.code == 0, result.err
    assert statuses(result) == {"web": "created", "billing": "created"}
    assert organizations(live) == {"web": "acme", "billing": "acme-finance"}
    calls = [line.partition(" FLY_API_TOKEN=") for line in record.read_text().splitlines()]
    assert {token for arguments, _, token in calls if "--app billing" in arguments} == {"org_acme-finance"}
    assert {token for arguments, _, token in calls if "--app web" in arguments} == {"org_acme"}
    assert not [arguments for arguments, _, _ in calls if "org_acme" in arguments]
    assert "org_acme" not in result.out + result.err
    assert not [name for name, content in live.tree.workspace.tree().items() if b"org_acme" in content]
    assert statuses(live.sync(**TOKENS)) == {"web": "unchanged", "billing": "unchanged"}


def test_token_of_another_organization_is_refused_and_the_other_unit_goes_on(live: LiveTree) -> None:
    result = live.sync(**{**TOKENS, "FLY_API_TOKEN_ACME_FINANCE": "org_acme"})
    assert result.code == 1
    assert statuses(result) == {"web": "created", "billing": "failed"}
    assert "production.acme-finance: 1 failed" in result.out
    assert organizations(live) == {"web": "acme"}
    assert "org_acme" not in result.out + result.err


def test_app_is_not_moved_to_another_organization(live: LiveTree) -> None:
    assert live.sync(**TOKENS).code == 0
    live.tree.project(TREE.replace(", org: acme-finance", ""))
    result = live.sync("--prune", **{**TOKENS, "FLY_API_TOKEN": "fo1_everything"})
    assert result.code == 1
    assert "the app 'billing' is in organization acme-finance, not in acme" in result.err
    assert organizations(live) == {"web": "acme", "billing": "acme-finance"}


def test_organization_of_a_project_has_its_token(live: LiveTree) -> None:
    live.tree.project("org: acme\ninclude: [{path: finance}]\nenvironments: {production: {}}\n")
    text = "project: finance\norg: acme-finance\nworkloads: {billing: {source: {repo: URL/billing.git}}}\n"
    live.tree.project(text, "finance/scorefly.yaml")
    result = live.sync(**TOKENS)
    assert result.code == 0, result.err
    assert organizations(live) == {"billing": "acme-finance"}


def test_deploy_refuses_a_workload_of_another_organization(live: LiveTree) -> None:
    workspace = live.tree.workspace
    workspace.write("scorefly.yaml", "org: acme\nworkloads:\n  billing: {org: acme-finance}\n")
    workspace.workload("billing")
    for arguments in ((), ("--file", "billing.score.yaml")):
        result = workspace.run("deploy", "--rehearse", *arguments)
        assert result.code == 2
        assert "scorefly sync" in result.err

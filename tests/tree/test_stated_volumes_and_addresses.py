"""`volumes`, `addresses` and `org` of a workload in scorefly.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, statuses, tree_workspace

SCORE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main:
    image: nginx:1.27
    volumes:
      /data: {source: site-data}
service:
  ports:
    http: {port: 80}
"""
TREE = """\
defaults:
  volumes: {site-data: {size-gb: 2, snapshot-retention: 7}}
workloads:
  web: {source: {repo: URL/web.git}}
environments:
  production:
    workloads: {web: {volumes: {site-data: {size-gb: 20}}}}
  staging: {app-suffix: -staging}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.commit("web", {"score.yaml": SCORE})
        yield tree


def addresses(tree: TreeWorkspace) -> list[tuple[str, str]]:
    found = tree.workspace.world["apps"]["web"]["addresses"]
    return sorted(("v6" if ":" in each["ip"] else "v4", each["region"]) for each in found)


def test_volume_has_the_stated_size_of_its_environment(tree: TreeWorkspace) -> None:
    tree.project(TREE)
    assert set(tree.statuses().values()) == {"created"}
    apps = tree.workspace.world["apps"]
    sizes = {name: {each["size_gb"] for each in app["volumes"].values()} for name, app in apps.items()}
    assert sizes == {"web": {20}, "web-staging": {2}}
    assert {each["snapshot_retention"] for each in apps["web"]["volumes"].values()} == {7}
    tree.project(TREE.replace("size-gb: 2,", "size-gb: 3,"))
    assert tree.statuses() == {"web": "unchanged", "web-staging": "deployed"}


def test_always_replaces_a_stated_size(tree: TreeWorkspace) -> None:
    tree.project("always: {volumes: {site-data: {size-gb: 5}}}\n" + TREE)
    tree.statuses()
    (volume,) = tree.workspace.world["apps"]["web"]["volumes"].values()
    assert volume["size_gb"] == 5


def test_stated_addresses_take_the_place_of_those_of_ports(tree: TreeWorkspace) -> None:
    plain = "workloads:\n  web: {source: {repo: URL/web.git}}\nenvironments: {production: {}}\n"
    tree.project(plain.replace("web.git}}", "web.git}, addresses: []}"))
    assert tree.statuses() == {"web": "created"}
    assert addresses(tree) == []
    stated = plain.replace("web.git}}", "web.git}, addresses: [v6, {type: v4, region: ams}]}")
    tree.project(stated)
    plan = tree.sync(command="plan")
    assert "address v4@ams" in plan.out, plan.out
    assert tree.statuses() == {"web": "deployed"}
    assert addresses(tree) == [("v4", "ams"), ("v6", "global")]
    assert tree.statuses() == {"web": "unchanged"}
    tree.project(stated.replace("{type: v4, region: ams}", "v4"))
    assert tree.statuses() == {"web": "unchanged"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("volumes: {site-date: {size-gb: 2}}", "volumes: web mounts no volume 'site_date' (did you mean 'site_data'?)"),
        ("volumes: {site-data: {size-gb: 0}}", "volumes.site-data.size-gb: expected a whole number from 1 to 500"),
        ("volumes: {site-data: {count: 3}}", "volumes have no count (each Machine gets one volume"),
        ("volumes: {site-data: {size: 3}}", "unknown key 'size' of a volume (did you mean 'size-gb'?)"),
        ("volumes: [site-data]", "volumes: expected a mapping of volumes"),
        ("addresses: [v5]", "addresses: 'v5' is not a type of address"),
        ("addresses: [v4, shared_v4]", "addresses: both v4 and shared_v4"),
        ("addresses: [v6, v6]", "addresses: v6 is there twice"),
        ("addresses: [{type: shared_v4, region: ams}]", "addresses: shared_v4 has no region"),
        ("addresses: [{type: v6, region: amsterdam}]", "addresses: 'amsterdam' is not a region"),
        ("addresses: [{type: private_v6, network: other}]", "addresses: Fly does not tell the network of an address"),
        ("addresses: v6", "addresses: expected a list"),
        ("org: Our Company", "org: 'Our Company' is not the slug of an organization"),
    ],
)
def test_values_that_cannot_be_are_refused_with_their_place(tree: TreeWorkspace, keys: str, problem: str) -> None:
    tree.project(
        f"workloads:\n  web:\n    source: {{repo: URL/web.git}}\n    {keys}\nenvironments: {{production: {{}}}}\n"
    )
    result = tree.sync()
    assert result.code == 2
    assert any(line.startswith("scorefly.yaml:5:") and problem in line for line in result.problems), result.err
    assert not (tree.workspace.path / ".scorefly/rehearsal/world.json").exists()
    assert statuses(result) == {}

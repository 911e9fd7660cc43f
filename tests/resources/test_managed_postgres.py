"""Postgres of class `managed` that scorefly makes: one cluster, a database and a user per resource, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal import managed_postgres
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

VALUES = "${resources.db.username}:${resources.db.password}@${resources.db.host}/${resources.db.name}"
UID = "postgres.managed#web.db"


def use(workspace: Workspace, *more: str, names: tuple[str, ...] = ("db",)) -> None:
    """Write a workload with managed databases."""
    params = ", ".join(["accept_cost: true", *more])
    each = ", ".join(f"{name}: {{type: postgres, class: managed, params: {{{params}}}}}" for name in names)
    workspace.workload("web", f"    variables: {{URL: '{VALUES}'}}\nresources: {{{each}}}\n")


def only(clusters: dict[str, Any]) -> dict[str, Any]:
    """Return the one cluster that there is."""
    (cluster,) = clusters.values()
    return dict(cluster)


def test_deploy_makes_one_cluster_with_a_database_and_user_for_each_resource(
    workspace: Workspace, tmp_path: Path
) -> None:
    use(workspace, names=("db", "log"))
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        planned = workspace.run("plan", "--region", "ams", **given)
        assert planned.code == 0, planned.err
        assert (
            "deploy makes the Managed Postgres cluster postgres where there is none (plan basic, 10 GB" in planned.err
        )
        cost = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())["cost"]
        assert 40.8 < cost["change"] < 50
        assert fly.world.data.get("postgres", {}) == {}
        deployed = workspace.run("deploy", "--region", "ams", **given)
        assert deployed.code == 0, deployed.err
        cluster = only(fly.world.data["postgres"])
        assert (cluster["name"], cluster["plan"], cluster["region"], cluster["disk"]) == (
            "postgres",
            "basic",
            "ams",
            10,
        )
        users = set(cluster["users"]) - {"fly-user"}
        assert (len(users), set(cluster["databases"]) - {"fly-db"}) == (2, users)
        url = fly.received_secrets("web")["URL"]
        name = url.partition(":")[0]
        assert url == f"{name}:{cluster['users'][name]['password']}@pgbouncer.{cluster['id']}.flympg.net/{name}"
        again = workspace.run("deploy", "--region", "ams", **given)
        assert (again.code, again.out.endswith(": 1 unchanged\n")) == (0, True), again.out
        assert only(fly.world.data["postgres"]) == cluster
        first = workspace.run("resources", "deprovision", "postgres.managed#web.log", "--yes", **given)
        assert (first.code, "DROP DATABASE" in first.err) == (0, True), first.err
        assert len(only(fly.world.data["postgres"])["users"]) == 2
        last = workspace.run("resources", "deprovision", UID, "--yes", **given)
        assert (last.code, fly.world.data["postgres"]) == (0, {}), last.err


def test_data_of_a_cluster_is_named_before_it_is_destroyed_and_kept_by_cleanup(
    workspace: Workspace, tmp_path: Path
) -> None:
    use(workspace)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        asked = workspace.run("resources", "deprovision", UID, **given)
        words = "destroy the Managed Postgres cluster postgres with all its data"
        assert (asked.code, words in asked.err) == (2, True), asked.err
        workspace.workload("web")
        planned = workspace.run("plan", "--region", "ams", **given)
        assert "takes it away with the Managed Postgres cluster postgres and all its data" in planned.err
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        kept = workspace.run("cleanup", "--region", "ams", **given)
        assert (kept.code, len(fly.world.data["postgres"])) == (0, 1), kept.err
        assert "its data goes only with cleanup: volumes" in kept.out
        shown = workspace.run("destroy", "--dry-run", **given)
        assert "with the Managed Postgres cluster postgres and its data" in shown.out
        gone = workspace.run("cleanup", "--cleanup", "resources,volumes", "--region", "ams", **given)
        assert (gone.code, fly.world.data["postgres"]) == (0, {}), gone.err


def test_named_cluster_is_shared_and_stays(workspace: Workspace, tmp_path: Path) -> None:
    use(workspace, "cluster: acme", "region: fra")
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        for name in ("one", "two"):
            result = workspace.run("deploy", "--environment", name, "--app-suffix", f"-{name}", **given)
            assert result.code == 0, result.err
        cluster = only(fly.world.data["postgres"])
        assert (cluster["name"], cluster["region"], len(cluster["databases"])) == ("acme", "fra", 3)
        gone = workspace.run("destroy", "--environment", "one", "--app-suffix", "-one", "--yes", **given)
        assert (gone.code, "DROP DATABASE" in gone.err, "fly mpg destroy" in gone.err) == (0, True, True), gone.err
        assert len(only(fly.world.data["postgres"])["users"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("GET", "/api/v1/organizations/personal/postgres", 1),
        ("POST", "/api/v1/organizations/personal/postgresv2", 1),
        ("GET", "/api/v1/postgresv2/*", 2),
        ("POST", "/api/v1/postgresv2/*/databases", 1),
        ("POST", "/api/v1/postgresv2/*/users", 1),
        ("GET", "/api/v1/postgresv2/*/credentials", 1),
    ],
)
def test_a_killed_deploy_converges_and_makes_nothing_twice(
    workspace: Workspace, tmp_path: Path, method: str, path: str, times: int
) -> None:
    use(workspace)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(workspace, fly, given, "deploy --region ams", Deadly(method, path, times))
        again = workspace.run("deploy", "--region", "ams", **given)
        assert again.code == 0, again.err
        cluster = only(fly.world.data["postgres"])
        assert (len(cluster["databases"]), len(cluster["users"])) == (2, 2)
        destroy = Deadly("DELETE", "/api/v1/organizations/personal/postgresv2/*")
        killed(workspace, fly, given, f"resources deprovision {UID} --yes", destroy)
        assert workspace.run("resources", "deprovision", UID, "--yes", **given).code == 0
        assert fly.world.data["postgres"] == {}


def test_cluster_that_state_does_not_know_is_not_taken_unasked(workspace: Workspace, tmp_path: Path) -> None:
    use(workspace)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        asked = {"name": "postgres", "plan": "basic", "region": "ams", "pg_major_version": "17", "storage_in_gb": 10}
        managed_postgres.create(fly.world, "personal", asked)
        refused = workspace.run("deploy", "--region", "ams", **given)
        assert (refused.code, "set params.cluster to postgres" in refused.err) == (2, True), refused.err
        assert (len(only(fly.world.data["postgres"])["databases"]), fly.world.data["apps"]) == (1, {})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("plan: huge", "there are: basic ($38 a month)"),
        ("size_gb: 501", "from 1 to 500"),
        ("version: '15'", "there are: 16, 17"),
        ("region: cdg", "Managed Postgres is not in region 'cdg'"),
    ],
)
def test_what_does_not_exist_is_refused_by_validate(workspace: Workspace, params: str, words: str) -> None:
    use(workspace, params)
    result = workspace.run("validate")
    assert (result.code, words in result.err) == (2, True), result.err


def test_rehearsal_makes_a_simulated_cluster(workspace: Workspace) -> None:
    use(workspace, "plan: performance")
    result = workspace.run("deploy", "--rehearse", "--region", "ams")
    assert result.code == 0, result.err
    assert only(workspace.world["postgres"])["plan"] == "Performance"
    use(workspace, "plan: basic", "size_gb: 20")
    changed = workspace.run("deploy", "--rehearse", "--region", "ams")
    assert (changed.code, "params.plan, params.size_gb changed" in changed.err) == (0, True), changed.err
    assert len(workspace.world["postgres"]) == 1

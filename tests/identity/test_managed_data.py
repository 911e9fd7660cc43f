"""Edits of managed databases and buckets: what would leave their data behind is named, and refused as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from killing import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

MANAGED = "{type: postgres, class: managed, params: {accept_cost: true, region: ams}}"
TIGRIS = "{type: s3, class: tigris, params: {accept_terms: true}}"


def use(workspace: Workspace, name: str, resource: str) -> None:
    output = "secret_key" if "type: s3" in resource else "password"
    variable = f'    variables: {{U: "${{resources.{name}.{output}}}"}}\n'
    workspace.workload("web", f"{variable}resources: {{{name}: {resource}}}\n")


@pytest.mark.parametrize(
    ("before", "after", "data"),
    [
        (MANAGED, "{type: postgres}", "of the Managed Postgres cluster postgres"),
        (MANAGED, "{type: mysql}", "of the Managed Postgres cluster postgres"),
        (TIGRIS, "{type: s3}", "stays in bucket web-db-"),
    ],
    ids=["class", "type", "class of a bucket"],
)
def test_another_kind_of_resource_is_refused_until_it_is_meant(
    workspace: Workspace, tmp_path: Path, before: str, after: str, data: str
) -> None:
    use(workspace, "db", before)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        use(workspace, "db", after)
        planned = workspace.run("plan", **given)
        assert (planned.code, "data risk: " in planned.err, data in planned.err) == (2, True, True), planned.err
        uid = "s3.tigris#web.db" if "s3" in before else "postgres.managed#web.db"
        assert workspace.run("deploy", "--replace", uid, **given).code == 0
        assert workspace.run("deploy", **given).code == 0


@pytest.mark.parametrize(("resource", "kind"), [(MANAGED, "postgres.managed"), (TIGRIS, "s3.tigris")])
def test_renamed_resource_is_named_and_can_be_moved(
    workspace: Workspace, tmp_path: Path, resource: str, kind: str
) -> None:
    use(workspace, "db", resource)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        use(workspace, "data", resource)
        planned = workspace.run("plan", **given)
        assert f"data risk: {kind}#web.data takes the place of {kind}#web.db and is new and empty" in planned.err
        assert "secrets removed" not in planned.out
        assert workspace.run("resources", "move", f"{kind}#web.db", f"{kind}#web.data", **given).code == 0
        again = workspace.run("deploy", **given)
        assert (again.code, again.out.endswith(": 1 unchanged\n")) == (0, True), again.err
        gone = workspace.run("resources", "deprovision", f"{kind}#web.data", "--yes", **given)
        assert gone.code == 0, gone.err
        assert (fly.world.data.get("postgres", {}), fly.world.data.get("buckets", {})) == ({}, {})


@pytest.mark.parametrize(
    ("resource", "param", "warning"),
    [
        (MANAGED, "cluster: acme", "the cluster postgres stays as it is: params.cluster changed"),
        (MANAGED, "size_gb: 20", "the cluster postgres stays as it is: params.size_gb changed"),
        (TIGRIS, "bucket_name: acme-other", "params.bucket_name changed"),
    ],
)
def test_changed_params_without_effect_are_warned_of_by_plan_and_deploy(
    workspace: Workspace, tmp_path: Path, resource: str, param: str, warning: str
) -> None:
    use(workspace, "db", resource)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        use(workspace, "db", resource.replace("true", f"true, {param}"))
        for command in ("plan", "deploy"):
            result = workspace.run(command, **given)
            assert (result.code, warning in result.err, "deploy makes" in result.err) == (0, True, False), result.err

"""A cleanup keeps what holds data until it is told to remove volumes, wherever the data is."""

from __future__ import annotations

from pathlib import Path

import pytest

from killing import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

MANAGED = """\
    variables: {U: "${resources.db.password} ${resources.files.secret_key}"}
resources:
  db: {type: postgres, class: managed, params: {accept_cost: true, region: ams}}
  files: {type: s3, class: tigris, params: {accept_terms: true}}
"""
KEPT = "its data goes only with cleanup: volumes"


def shared(type_: str, name: str) -> str:
    return f"resources: {{{name}: {{type: {type_}, class: shared}}}}\n"


def test_managed_databases_and_buckets_stay_until_volumes_are_cleaned_up(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", MANAGED)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        workspace.workload("web")
        assert workspace.run("deploy", **given).code == 0
        before = fly.world.data["postgres"], fly.world.data["buckets"]
        cleaned = workspace.run("cleanup", "--cleanup", "secrets,resources", **given)
        assert (cleaned.code, cleaned.out.count(KEPT)) == (0, 2), cleaned.out
        assert (fly.world.data["postgres"], fly.world.data["buckets"]) == before
        workspace.workload("web", MANAGED)
        again = workspace.run("deploy", **given)
        assert again.code == 0, again.err
        assert (fly.world.data["postgres"], fly.world.data["buckets"]) == before
        workspace.workload("web")
        removed = workspace.run("cleanup", "--cleanup", "resources,volumes", **given)
        assert removed.code == 0, removed.err
        assert (fly.world.data["postgres"], fly.world.data["buckets"]) == ({}, {})


@pytest.mark.parametrize("type_", ["postgres", "mysql", "amqp"])
def test_one_of_several_on_a_shared_server_keeps_its_record_and_password(workspace: Workspace, type_: str) -> None:
    workspace.workload("web", shared(type_, "one"))
    workspace.workload("api", shared(type_, "two"))
    assert workspace.run("deploy", "--rehearse").code == 0
    uid = f"{type_}.shared#web.one"
    before = workspace.run("resources", "outputs", uid, "--rehearse", "--reveal").out
    workspace.workload("web")
    deployed = workspace.run("deploy", "--rehearse")
    server = next(name for name in workspace.world["apps"] if name.startswith("shared-"))
    assert f"takes it away; {server} stays with the data, because others use it" in deployed.err
    cleaned = workspace.run("cleanup", "--cleanup", "secrets,resources", "--rehearse")
    assert (cleaned.code, cleaned.out.count(KEPT)) == (0, 1), cleaned.out
    workspace.workload("web", shared(type_, "one"))
    assert workspace.run("deploy", "--rehearse").code == 0
    assert workspace.run("resources", "outputs", uid, "--rehearse", "--reveal").out == before

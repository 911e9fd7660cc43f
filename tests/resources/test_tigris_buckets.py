"""Buckets of class `tigris` that scorefly makes: their keys, shown once, are never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

UID = "s3.tigris#web.files"
VALUES = "${resources.files.access_key_id} ${resources.files.secret_key} ${resources.files.bucket}"
BODY = f"    variables: {{KEYS: '{VALUES}'}}\nresources: {{files: {{type: s3, class: tigris, params: {{accept_terms: true}}}}}}\n"


def test_bucket_is_made_once_and_deleted_when_it_is_empty(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        planned = workspace.run("plan", **given)
        assert (planned.code, fly.world.data.get("buckets", {})) == (0, {}), planned.err
        deployed = workspace.run("deploy", **given)
        assert deployed.code == 0, deployed.err
        key, secret, name = fly.received_secrets("web")["KEYS"].split()
        assert (key[:4], secret[:5], [name]) == ("tid_", "tsec_", list(fly.world.data["buckets"]))
        assert secret not in deployed.out + deployed.err
        again = workspace.run("deploy", **given)
        assert (again.code, again.out.endswith(": 1 unchanged\n")) == (0, True), again.out
        fly.world.data["buckets"][name]["objects"] = 1
        full = workspace.run("resources", "deprovision", UID, "--yes", **given)
        assert (full.code, f"empty the bucket {name}" in full.err) == (1, True), full.err
        fly.world.data["buckets"][name]["objects"] = 0
        empty = workspace.run("resources", "deprovision", UID, "--yes", **given)
        assert (empty.code, fly.world.data["buckets"]) == (0, {}), empty.err


@pytest.mark.parametrize("times", range(1, 7))
def test_a_killed_deploy_has_one_bucket_and_its_keys(workspace: Workspace, tmp_path: Path, times: int) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(workspace, fly, given, "deploy", Deadly("POST", "/graphql", times))
        assert workspace.run("deploy", **given).code == 0
        key, _, name = fly.received_secrets("web")["KEYS"].split()
        assert (key[:4], [name]) == ("tid_", list(fly.world.data["buckets"]))


@pytest.mark.parametrize(
    ("organization", "code", "words"), [("other", 1, "already been taken"), ("personal", 2, "does not know its keys")]
)
def test_a_taken_name_is_refused_and_the_bucket_left_alone(
    workspace: Workspace, tmp_path: Path, organization: str, code: int, words: str
) -> None:
    workspace.workload("web", BODY.replace("accept_terms: true", "accept_terms: true, bucket_name: acme-files"))
    with Rehearsal(None) as fly:
        fly.world.data["buckets"] = {"acme-files": {"organization": f"org-{organization}", "objects": 0}}
        given = environment(tmp_path / "bin", fly)
        for _ in range(2):
            refused = workspace.run("deploy", **given)
            assert (refused.code, words in refused.err) == (code, True), refused.err
        assert fly.world.data["buckets"]["acme-files"]["organization"] == f"org-{organization}"

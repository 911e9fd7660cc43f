"""Buckets that an earlier version of scorefly made on MinIO stay there, and new ones are on another server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces import REPOSITORY, Workspace

BUILT_IN = REPOSITORY / "scorefly/resources/builtin/s3.provisioners.yaml"
UID = "s3.default#web.files"


@pytest.fixture
def made_on_minio(workspace: Workspace) -> Workspace:
    """An environment with a bucket that an earlier scorefly made, whose default was MinIO."""
    entry = BUILT_IN.read_text().partition("- uri: template://scorefly/s3\n")[2].partition("- uri:")[0]
    assert "class: minio" in entry
    text = "- uri: template://scorefly/s3\n" + entry.replace("  class: minio\n", "")
    file = workspace.write(".scorefly/s3.provisioners.yaml", text)
    workspace.workload("web", "resources: {files: {type: s3}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    file.unlink()
    return workspace


def outputs(workspace: Workspace, uid: str) -> dict[str, Any]:
    result = workspace.run("resources", "outputs", uid, "--rehearse", "--reveal")
    found: dict[str, Any] = json.loads(result.out)
    return found


def test_new_bucket_is_on_the_gateway(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {files: {type: s3}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    assert "MinIO" not in result.err
    assert workspace.toml("web-files")["build"]["image"] == "versity/versitygw:v1.8.0"
    assert outputs(workspace, "s3.default#web.files")["endpoint"] == "http://web-files.internal:9000"


def test_release_of_minio_is_refused_for_a_new_bucket(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {files: {type: s3, params: {version: RELEASE.2025-09-07T16-13-09Z}}}\n")
    result = workspace.run("plan", "--rehearse")
    assert (result.code, "params.version is a release of MinIO" in result.err) == (2, True), result.err


def test_bucket_on_minio_stays_as_it_is(made_on_minio: Workspace) -> None:
    image = "minio/minio:RELEASE.2025-09-07T16-13-09Z"
    assert made_on_minio.toml("web-files")["build"]["image"] == image
    before, tree = outputs(made_on_minio, UID), made_on_minio.toml("web-files")
    plan = made_on_minio.run("plan", "--rehearse")
    assert plan.code == 0, plan.err
    result = made_on_minio.run("deploy", "--rehearse")
    assert (result.code, result.out.endswith(": 2 unchanged\n")) == (0, True), result.out
    assert (made_on_minio.toml("web-files"), outputs(made_on_minio, UID)) == (tree, before)
    assert "MinIO's image is no longer on Docker Hub" in result.err


def test_second_bucket_beside_one_on_minio_is_on_the_gateway(made_on_minio: Workspace) -> None:
    made_on_minio.workload("web", "resources: {files: {type: s3}, files2: {type: s3}}\n")
    result = made_on_minio.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    images = {
        name: made_on_minio.toml(name)["build"]["image"].partition(":")[0] for name in ("web-files", "web-files2")
    }
    assert images == {"web-files": "minio/minio", "web-files2": "versity/versitygw"}


def test_server_of_an_old_bucket_cannot_be_upgraded(made_on_minio: Workspace) -> None:
    result = made_on_minio.run("resources", "upgrade", UID, "--yes", "--rehearse")
    assert (result.code, f"{UID} runs MinIO RELEASE.2025-09-07T16-13-09Z" in result.err) == (2, True), result.err

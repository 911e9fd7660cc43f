"""Images that stay as they are: those of servers that hold data, and those under a tag that may have moved."""

from __future__ import annotations

import re

import pytest

from workspaces import REPOSITORY, Workspace

SERVERS = ("amqp", "elasticsearch", "kafka", "mongodb", "mssql", "mysql", "postgres", "redis", "s3")
RESOURCES = """\
resources:
  pg: {type: postgres}
  one-pg: {type: postgres, class: shared}
  instance: {type: postgres-instance}
  my: {type: mysql}
  one-my: {type: mysql, class: shared}
  docs: {type: mongodb}
  mq: {type: amqp}
  one-mq: {type: amqp, class: shared}
  bucket: {type: s3}
  topic: {type: kafka-topic}
  search: {type: elasticsearch}
  server: {type: mssql}
  cache: {type: redis}
"""


def test_existing_servers_keep_their_version_when_the_default_changes(workspace: Workspace) -> None:
    for name in SERVERS:
        built_in = REPOSITORY / f"scorefly/resources/builtin/{name}.provisioners.yaml"
        lines = built_in.read_text().splitlines(keepends=True)
        old = [re.sub(r"'[^']+'(\)? }}.*)$", r"'0.9.1'\1", line) if "version or" in line else line for line in lines]
        workspace.write(f".scorefly/{name}.provisioners.yaml", "".join(old))
    workspace.workload("web", RESOURCES)
    first = workspace.run("deploy", "--rehearse")
    assert first.code == 0, first.err
    images = {app: workspace.toml(app)["build"]["image"] for app in workspace.world["apps"]}
    assert [image for app, image in images.items() if app != "web" and ":0.9.1" not in image] == []
    for name in SERVERS:
        (workspace.path / f".scorefly/{name}.provisioners.yaml").unlink()
    second = workspace.run("deploy", "--rehearse")
    assert second.code == 0, second.err
    assert {app: workspace.toml(app)["build"]["image"] for app in images} == images
    assert not re.search(r": (created|deployed)$", second.out + second.err, re.MULTILINE)


def test_object_store_without_a_maintained_image_is_warned_about(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {files: {type: s3, class: minio}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, "no longer on Docker Hub" in result.err) == (0, True)


@pytest.mark.parametrize("image", ["nginx", "nginx:latest", "ghcr.io:443/acme/web"])
def test_unchanged_app_with_a_mutable_tag_is_told_of_once(workspace: Workspace, image: str) -> None:
    workspace.workload("web", image=image)
    workspace.workload("other", image=image)
    words = f"there may be a newer image under the same tag: other ({image}), web ({image})"
    assert words not in "".join(outputs(workspace, "deploy"))
    for command in ("deploy", "plan"):
        assert "".join(outputs(workspace, command)).count(words) == 1, command
    assert words not in "".join(outputs(workspace, "deploy", "--force"))


def test_unchanged_app_with_a_version_or_digest_is_not_told_of(workspace: Workspace) -> None:
    workspace.workload("web", image="nginx:1.27")
    workspace.workload("other", image=f"nginx:latest@sha256:{'a' * 64}")
    for _ in range(2):
        assert "under the same tag" not in "".join(outputs(workspace, "deploy"))


def outputs(workspace: Workspace, *arguments: str) -> tuple[str, str]:
    """Run a command, and return its two outputs."""
    result = workspace.run(*arguments, "--rehearse")
    assert result.code == 0, result.err
    return result.out, result.err

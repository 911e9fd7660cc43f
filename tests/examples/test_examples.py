"""Every folder of examples/ deploys as its README says, and then has nothing left to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from workspaces import REPOSITORY, Workspace

EXAMPLES = sorted(
    path.parent for path in (REPOSITORY / "examples").glob("*/README.md") if path.parent.name != "workflows"
)
SECRETS = {"SCOREFLY_SECRETS": '{"SMTP_PASSWORD": "s3cret-s3cret"}', "SCOREFLY_VAR_LOG_LEVEL": "debug"}


def copied(example: Path, to: Path) -> Workspace:
    """The example, without what runs of it left there."""
    shutil.copytree(example, to, ignore=shutil.ignore_patterns("out", "state", "rehearsal"))
    return Workspace(to, SECRETS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_deploys_and_a_second_run_changes_nothing(example: Path, tmp_path: Path) -> None:
    workspace = copied(example, tmp_path / "example")
    first = workspace.run("deploy", "--rehearse", "--app-prefix", "acme-")
    assert (first.code, first.problems) == (0, [])
    before = workspace.world
    assert workspace.run("deploy", "--rehearse", "--app-prefix", "acme-").code == 0
    assert workspace.world == before


def test_the_password_of_the_first_example_reaches_a_variable_and_a_file_but_no_artefact(tmp_path: Path) -> None:
    workspace = copied(REPOSITORY / "examples/try", tmp_path / "example")
    assert workspace.run("deploy", "--rehearse").code == 0
    outputs = workspace.run("resources", "outputs", "redis.default#cache", "--reveal", "--rehearse").out
    password = json.loads(outputs)["password"]
    assert password in workspace.run("export-secrets", "--app", "web", "--rehearse").out
    mounted = [file for file in workspace.toml("try-scorefly-worker")["files"] if "secret_name" in file]
    assert [file["guest_path"] for file in mounted] == ["/run/worker/redis-password"]
    artefacts = [data for name, data in workspace.tree().items() if name.startswith(".scorefly/out/")]
    assert artefacts
    assert not [data for data in artefacts if password.encode() in data]

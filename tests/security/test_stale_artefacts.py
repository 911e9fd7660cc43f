"""Artefacts of apps that are gone are removed, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from workspaces import Workspace

OUT = ".scorefly/out/local"


def folders(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.path / OUT).iterdir())


def test_artefacts_of_a_workload_that_is_gone_are_removed(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    workspace.workload("worker", "files:\n  /etc/a.conf: {content: text}\n")
    workspace.run("generate")
    assert folders(workspace) == ["web", "web-cache", "worker"]
    (workspace.path / "worker.score.yaml").unlink()
    workspace.workload("web")
    assert workspace.run("generate").code == 0
    assert folders(workspace) == ["web"]


def test_artefacts_of_score_files_that_were_not_read_stay(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.workload("worker", "resources: {cache: {type: redis}}\n")
    workspace.run("generate")
    workspace.workload("other", file="other.yaml")
    workspace.run("generate", "other.yaml")
    assert workspace.run("generate", "web.score.yaml").code == 0
    assert workspace.run("generate").code == 0
    assert folders(workspace) == ["other", "web", "worker", "worker-cache"]


def test_folders_that_scorefly_did_not_write_stay(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write(f"{OUT}/theirs/fly.toml", "app = 'theirs'\n")
    workspace.write(f"{OUT}/notes/README", "text")
    workspace.workload("worker")
    workspace.run("generate")
    workspace.write(f"{OUT}/worker/notes", "text")
    (workspace.path / "worker.score.yaml").unlink()
    workspace.run("generate")
    assert folders(workspace) == ["notes", "theirs", "web", "worker"]
    assert [path.name for path in (workspace.path / OUT / "worker").iterdir()] == ["notes"]


def test_stale_artefact_behind_a_link_stays(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    workspace.workload("worker")
    workspace.run("generate", "--artefacts", str(tmp_path / "out"))
    (workspace.path / "worker.score.yaml").unlink()
    (workspace.path / OUT).mkdir(parents=True)
    (workspace.path / OUT / "worker").symlink_to(tmp_path / "out/local/worker")
    assert workspace.run("generate").code == 0
    assert (tmp_path / "out/local/worker/fly.toml").exists()


def test_plan_removes_no_artefact(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.workload("worker")
    workspace.run("generate")
    (workspace.path / "worker.score.yaml").unlink()
    assert workspace.run("plan", "--rehearse").code == 0
    assert folders(workspace) == ["plan.json", "web", "worker"]

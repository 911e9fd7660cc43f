"""`scorefly state …`: looking after the state, in a file and on a git ref."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from git_servers import Bare, bare_repository, git
from scorefly.state.encryption import new_key
from workspaces import Workspace

KEY = new_key()
SECRET = "canary-8c1f3b7e5d"
PROVISIONER = (
    "- {uri: static://test/queue, type: queue, outputs: {host: q.example}, secrets: {token: canary-8c1f3b7e5d}}\n"
)


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return bare_repository(tmp_path / "server")


@pytest.fixture(params=["file", "git"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, bare: Bare) -> Workspace:
    """A clone whose state is in a file, with a key of its own, or on the repository."""
    bare.commit("one")
    git(tmp_path, "clone", "--quiet", "--depth=1", bare.path.as_uri(), "workspace")
    on_git = {"SCOREFLY_STATE_KEY": KEY} if request.param == "git" else {}
    workspace = Workspace(tmp_path / "workspace", {"SCOREFLY_STATE": str(request.param), **on_git})
    workspace.workload("web", "resources: {queue: {type: queue}, cache: {type: redis}}\n")
    workspace.write(".scorefly/test.provisioners.yaml", PROVISIONER)
    return workspace


def password(workspace: Workspace, **variables: str) -> str:
    shown = workspace.run("resources", "outputs", "redis.default#web.cache", "--reveal", **variables)
    assert shown.code == 0, shown.err
    return str(json.loads(shown.out)["password"])


def test_show_tells_everything_but_secrets(kept: Workspace) -> None:
    assert kept.run("generate").code == 0
    result = kept.run("state", "show")
    shown = yaml.safe_load(result.out)
    assert (shown["environment"], shown["locked by"]) == ("local", "nobody")
    assert shown["kept in"].endswith(("local.state", "acme/shop.git"))
    queue = shown["resources"]["queue.default#web.queue"]
    assert (queue["provisioner"], queue["workloads"]) == ("static://test/queue", ["web"])
    assert queue["outputs"] == {"host": "q.example", "token": "***"}
    redis = shown["resources"]["redis.default#web.cache"]
    assert (redis["state"], redis["apps"]) == ({"password": "***", "version": "7.4.11"}, ["web-cache"])
    assert [text for text in (SECRET, password(kept), KEY) if text in result.out + result.err] == []


def test_show_before_there_is_anything(kept: Workspace) -> None:
    result = kept.run("state", "show", "--environment", "other")
    assert (result.code, yaml.safe_load(result.out)["state"]) == (0, "none yet")
    assert not (kept.path / ".scorefly" / "state").exists()


def test_looking_needs_no_lock_and_leaves_none(kept: Workspace, bare: Bare) -> None:
    kept.run("generate")
    bare.hook("pre-receive", "exit 1")
    for command in (["state", "show"], ["resources", "list"], ["resources", "outputs", "queue.default#web.queue"]):
        result = kept.run(*command)
        assert result.code == 0, result.err


def test_a_rotated_key_is_enough_and_the_old_one_of_no_use(kept: Workspace, bare: Bare) -> None:
    kept.run("generate")
    before = password(kept)
    if "SCOREFLY_STATE_KEY" not in kept.variables:
        key_file = kept.path / ".scorefly/state/local.state.key"
        old = key_file.read_text()
        result = kept.run("state", "rotate-key")
        assert (result.code, len(key_file.read_text().split())) == (0, 1)
        assert key_file.read_text() != old
        assert password(kept) == before
        return
    fresh = new_key()
    assert kept.run("state", "rotate-key", SCOREFLY_STATE_KEY=f"{fresh}\n{KEY}").code == 0
    assert password(kept, SCOREFLY_STATE_KEY=fresh) == before
    assert "encrypted with another key" in kept.run("state", "show").err


def test_there_must_be_something_to_rotate(kept: Workspace) -> None:
    result = kept.run("state", "rotate-key")
    assert result.code == 2
    assert "there is no state of local in" in result.err


def test_unlock_says_when_nobody_has_the_lock(kept: Workspace) -> None:
    result = kept.run("state", "unlock")
    assert (result.code, result.out) == (0, "local is not locked\n")


@pytest.mark.parametrize("kept", ["git"], indirect=True)
def test_unlock_takes_the_lock_from_a_dead_run_and_tells_whose_it_was(kept: Workspace, bare: Bare) -> None:
    (bare.source / "document").write_text(
        json.dumps({"name": "hubot", "link": "https://x.example/9", "since": 60, "expires": 1e11})
    )
    git(bare.source, "add", "document")
    commit = git(bare.source, "commit-tree", git(bare.source, "write-tree"), "-m", "lock")
    git(bare.source, "push", "--quiet", "origin", f"{commit}:refs/scorefly-locks/local")
    held = "hubot, since 1970-01-01 00:01:00 UTC, https://x.example/9"
    assert yaml.safe_load(kept.run("state", "show").out)["locked by"] == held
    assert held in kept.run("generate", "--lock-timeout", "1s").err
    assert kept.run("state", "unlock", SCOREFLY_STATE_KEY="").out == f"local was locked by {held}\n"
    assert kept.run("generate").code == 0


def test_a_file_that_a_living_process_holds_is_not_unlocked(workspace: Workspace) -> None:
    from scorefly.state.file import FileStore

    with FileStore(workspace.path / ".scorefly/state/local.state", "local").lock():
        result = workspace.run("state", "unlock")
        assert result.code == 2
        assert f"process {os.getpid()}, since" in result.err
        workspace.workload("web")
        assert workspace.run("generate", "--lock-timeout", "1s").code == 1
    assert workspace.run("generate", "--lock-timeout", "1s").code == 0


def test_state_on_git_needs_a_key_and_says_how_to_make_one(kept: Workspace) -> None:
    result = kept.run("generate", "--state", "git", SCOREFLY_STATE_KEY="")
    assert result.code == 2
    assert "scorefly state new-key" in result.err
    assert "gh secret set SCOREFLY_STATE_KEY" in result.err
    assert "set $SCOREFLY_STATE_KEY" in result.err


def test_state_on_git_needs_a_repository(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("generate", "--state", "git", SCOREFLY_STATE_KEY=KEY)
    assert result.code == 2
    assert "not a clone of a repository with a remote called origin" in result.err


def test_state_on_git_needs_git(kept: Workspace, tmp_path: Path) -> None:
    result = kept.run("generate", "--state", "git", SCOREFLY_STATE_KEY=KEY, PATH=str(tmp_path))
    assert result.code == 2
    assert "there is no git on PATH" in result.err


def test_a_file_state_needs_no_git(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    result = workspace.run("deploy", "--rehearse", PATH=str(tmp_path))
    assert result.code == 0, result.err


def test_a_full_disk_is_a_message_and_changes_nothing(kept: Workspace, bare: Bare) -> None:
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; exec {sys.executable} -B -m scorefly generate"],
        cwd=kept.path,
        env={"PATH": os.environ["PATH"], **kept.variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "fault" not in done.stderr
    assert "check the" in done.stderr
    assert bare.refs == {}


def test_what_is_deployed_from_a_laptop_is_of_the_commit_that_is_checked_out(kept: Workspace) -> None:
    kept.run("deploy", "--rehearse")
    shown = yaml.safe_load(kept.run("state", "show", "--rehearse").out)
    assert shown["apps"]["web"]["commit"] == git(kept.path, "rev-parse", "HEAD")

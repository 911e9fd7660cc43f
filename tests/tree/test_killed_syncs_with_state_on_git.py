"""A sync that is killed while it holds its lock on git does not hold up the next one on the same machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_servers import git
from killing import Deadly
from live_trees import live_tree
from scorefly.state.encryption import new_key
from tree_repositories import statuses


@pytest.mark.parametrize("call", [("POST", "/v1/apps"), ("POST", "/v1/apps/web/machines")])
def test_next_sync_converges_without_waiting(tmp_path: Path, call: tuple[str, str]) -> None:
    with live_tree(tmp_path) as live:
        repositories = live.tree.repositories
        server = repositories.server
        repositories.workload("web")
        host = server.url.partition("://")[2]
        access = f"access: {{{host}: {{token: READ}}}}\n"
        workloads = f"workloads: {{web: {{source: {{repo: {repositories.url('web')}}}}}}}\n"
        repositories.commit("shop", {"scorefly.yaml": f"{access}{workloads}environments: {{production: {{}}}}\n"})
        home = repositories.root / "acme/shop.git"
        git(home, "config", "http.receivepack", "true")
        git(tmp_path, "clone", "--quiet", home.as_uri(), "workspace")
        live.variables = {
            "SCOREFLY_STATE": "git",
            "SCOREFLY_STATE_KEY": new_key(),
            "SCOREFLY_LOCK_TIMEOUT": "1s",
            "GITHUB_TOKEN": server.token,
            "GITHUB_SERVER_URL": server.url,
            "GITHUB_REPOSITORY": "acme/shop",
        }
        live.fly.requests = deadly = Deadly(*call)
        fly = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), live.fly.url)
        environment = {
            **live.variables,
            **fly,
            "PATH": f"{live.bin}:{os.environ['PATH']}",
            "FLY_API_TOKEN": "fo1_token",
            "SCOREFLY_SECRETS": json.dumps({"READ": server.token}),
            "SCOREFLY_SOURCE_CACHE": str(tmp_path / "cache"),
        }
        command = [sys.executable, "-m", "scorefly", "sync"]
        with subprocess.Popen(
            command, cwd=tmp_path / "workspace", env=environment, stderr=subprocess.DEVNULL
        ) as process:
            deadly.process = process.pid
            process.wait(timeout=120)
        assert process.returncode == -signal.SIGKILL, list(deadly)
        live.fly.requests = []
        assert "refs/scorefly-locks/production" in git(home, "for-each-ref")
        result = live.sync()
        assert result.code == 0, result.err
        assert "another run is working" not in result.err
        assert set(statuses(result)) == {"web"}
        assert len(live.fly.world.data["apps"]["web"]["machines"]) <= 2
        assert "refs/scorefly-locks" not in git(home, "for-each-ref")

"""A push to a private application repository is deployed with the credentials that the project names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from git_servers import http_server
from listeners import Environments, listening, signed
from tree_repositories import Repositories

COMMAND = (sys.executable, "-m", "scorefly", "listen")


def test_a_push_to_a_private_source_is_deployed(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with http_server(tmp_path / "server") as server:
        sources = Repositories(tmp_path / "server", server)
        first = sources.workload("web")
        url, host = sources.url("web"), server.url.partition("://")[2]
        project = (
            f"access: {{{host}: {{token: READ}}}}\napp-prefix: acme-\n"
            f"workloads:\n  web: {{source: {{repo: {url}, branch: main}}}}\nenvironments: {{staging: {{}}}}\n"
        )
        environments = Environments.create(tmp_path / "git", {"scorefly.yaml": project})
        secrets: dict[str, Any] = {"SCOREFLY_SECRETS": json.dumps({"READ": server.token})}
        with listening(environments.url, tmp_path / "data", "--rehearse", argv=COMMAND, **secrets) as listener:
            listener.wait_for_commit("staging", first)
            second = sources.workload("web", "nginx:1.28")
            hint = signed("generic", {"repository": url, "ref": "refs/heads/main"})
            assert listener.post("generic", *hint).json() == {"result": "accepted"}
            listener.wait_for_commit("staging", second)
            unit = listener.units()["staging"]
            assert [(source["ref"], source["commit"], source["error"]) for source in unit["sources"]] == [
                ("main", second, "")
            ]
            assert unit["apps"][0]["image"] == "nginx:1.28"
            assert server.token not in json.dumps(listener.lines) + listener.get("/").body.decode()

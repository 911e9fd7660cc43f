"""A client of the rehearsal's server, as plain as can be."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import requests

from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
STAND_IN = REPOSITORY / "tests/flyctl_standin.py"


class Client:
    """Calls the Machines API (paths below `/v1`) and what flyctl asks beside it."""

    def __init__(self, fly: Rehearsal) -> None:
        self.fly = fly

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the data of an answer."""
        sent = {"Authorization": "Bearer x", **headers}
        answer = requests.request(method, f"{self.fly.url}/v1{path}", json=body, headers=sent, timeout=10)
        return answer.status_code, answer.json() if answer.content else None

    def made(self, path: str, body: Any) -> Any:
        """What a POST that succeeds makes."""
        status, data = self("POST", path, body)
        assert status < 300, data
        return data

    def machine(self, config: dict[str, Any], app: str = "web", **more: Any) -> Any:
        """A new Machine."""
        return self.made(f"/apps/{app}/machines", {"config": config, **more})

    def beside(self, method: str, path: str, body: Any = None) -> Any:
        """What a call outside of the Machines API answers."""
        url, headers = f"{self.fly.url}{path}", {"Authorization": "Bearer x"}
        return requests.request(method, url, json=body, headers=headers, timeout=10).json()

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data GraphQL answers, or its errors."""
        answer = self.beside("POST", "/graphql", {"query": query, "variables": variables})
        return answer["data"] if answer.get("data") else answer["errors"]


def flyctl_environment(folder: Path, fly: Rehearsal) -> dict[str, str]:
    """Everything a run needs to find that flyctl and the rehearsal; whatever else it calls is refused at once."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "flyctl"
    program.write_text(f'#!/bin/sh\nexec {FLYCTL or f"{sys.executable} {STAND_IN}"} "$@"\n')
    program.chmod(0o755)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {**bases, "PATH": path, "FLY_API_TOKEN": "fo1_dummy", "HTTPS_PROXY": "http://127.0.0.1:9"}

"""A client of the rehearsal's server, as plain as can be."""

from __future__ import annotations

from typing import Any

import requests

from scorefly.rehearsal.server import Rehearsal


class Client:
    """Calls the Machines API (paths below `/v1`) and what flyctl asks beside it."""

    def __init__(self, fly: Rehearsal) -> None:
        self.fly = fly
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the data of an answer."""
        sent = {"Authorization": "Bearer x", **headers}
        answer = self.session.request(method, f"{self.fly.url}/v1{path}", json=body, headers=sent, timeout=10)
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
        return self.session.request(method, url, json=body, headers=headers, timeout=10).json()

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data GraphQL answers, or its errors."""
        answer = self.beside("POST", "/graphql", {"query": query, "variables": variables})
        return answer["data"] if answer.get("data") else answer["errors"]

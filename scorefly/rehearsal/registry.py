"""A registry of images on loopback, as strict as real ones: the distribution API with its token flow.

It simulates Fly's own registry, whose repositories are apps, and all other registries. Nothing is kept after a run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

DEFAULT_TYPE = "application/vnd.oci.image.index.v1+json"
_MANIFEST = re.compile(r"/v2/([a-z0-9]+(?:[._/-][a-z0-9]+)*)/manifests/([A-Za-z0-9_][\w.-]{0,127}|sha256:[0-9a-f]{64})")
_SCOPE = re.compile(r"repository:([^:]+):([a-z,]+)")


class Reply(Struct, frozen=True):
    """An answer of the registry."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ImageRegistry(Struct):
    """Manifests by repository and tag or digest.

    `private` are repositories that need the user `x` or one of `users`. `has_app` tells whether Fly has an app whose
    repository is pushed to. `lag` is how often Fly does not find an image yet that was just pushed.
    """

    has_app: Callable[[str], bool] = lambda _name: False
    manifests: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    broken: int = 0  # the status of every answer about a manifest, if not 0
    lag: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, user
    _tokens: dict[str, tuple[str, frozenset[tuple[str, str]]]] = field(default_factory=dict)

    def push(self, repository: str, tag: str, content: bytes = b"{}") -> str:
        """Store a manifest, and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.manifests.setdefault(repository, {}).update({tag: content, digest: content})
        return digest

    def finds(self, repository: str, reference: str) -> bool:
        """Report whether Fly finds an image here, which may be some time after it was pushed."""
        if self.lag > 0:
            self.lag -= 1
            return False
        return reference in self.manifests.get(repository, {})

    def answers(self, path: str) -> bool:
        """Report whether a path is the registry's."""
        return path == "/token" or path.startswith("/v2/")

    def reply(self, method: str, path: str, query: Mapping[str, str], headers: Any, content: bytes, host: str) -> Reply:
        """Answer a request."""
        authorization = headers.get("Authorization", "")
        if path == "/token":
            return self._token(query, authorization)
        match = _MANIFEST.fullmatch(path)
        user, granted = self._tokens.get(authorization.removeprefix("Bearer "), ("", frozenset()))
        self.asked.append((method, path, user))
        if match is None:
            return _error(404, "UNSUPPORTED") if user or path != "/v2/" else self._challenge(host, "")
        repository, reference = match.groups()
        action = "push" if method == "PUT" else "pull"
        if (repository, action) not in granted:
            return self._challenge(host, f"repository:{repository}:pull{',push' if action == 'push' else ''}")
        if self.broken:
            return _error(self.broken, "TOOMANYREQUESTS" if self.broken == 429 else "UNKNOWN")
        if method == "PUT":
            digest = self.push(repository, reference, content)
            return Reply(201, headers={"Docker-Content-Digest": digest})
        found = self.manifests.get(repository, {}).get(reference)
        if found is None or DEFAULT_TYPE not in headers.get("Accept", ""):
            return _error(404, "MANIFEST_UNKNOWN")
        digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
        return Reply(200, found, {"Docker-Content-Digest": digest, "Content-Type": DEFAULT_TYPE})

    def _token(self, query: Mapping[str, str], authorization: str) -> Reply:
        """Hand out a token for what the user may do; without credentials that is to pull what is public."""
        user = ""
        if authorization:
            try:
                user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            except ValueError:
                return _error(401, "UNAUTHORIZED")
            if user != "x" and self.users.get(user) != password:
                return _error(401, "UNAUTHORIZED")
        granted = set()
        for repository, actions in _SCOPE.findall(query.get("scope", "")):
            if user or repository not in self.private:
                granted.add((repository, "pull"))
            if user == "x" and "push" in actions.split(",") and self.has_app(repository):
                granted.add((repository, "push"))
        token = secrets.token_urlsafe(16)
        self._tokens[token] = (user, frozenset(granted))
        return Reply(200, json.dumps({"token": token}).encode(), {"Content-Type": "application/json"})

    def _challenge(self, host: str, scope: str) -> Reply:
        value = f'Bearer realm="http://{host}/token",service="{host}"' + (f',scope="{scope}"' if scope else "")
        reply = _error(401, "UNAUTHORIZED")
        return Reply(reply.status, reply.content, {**reply.headers, "WWW-Authenticate": value})


def _error(status: int, code: str) -> Reply:
    content = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
    return Reply(status, content, {"Content-Type": "application/json"})

"""Tokens for GitHub: one that is given, or those of a GitHub App, which last an hour and are made when needed."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scorefly.confidential import Confidential
from scorefly.http import Answer, MalformedAnswerError, api_exchange, mapping, text
from scorefly.problems import Place, Problem, external_error

SECONDS = 20.0  # for one call
MIN_LIFE = 3000.0  # seconds that a token must still last: a run takes almost an hour at most
_KEY, _ID = "SCOREFLY_GITHUB_APP_KEY", "SCOREFLY_GITHUB_APP_ID"


class AppToken(Confidential, frozen=True):
    """An installation's token, and when it expires."""

    token: str
    expires: float


class GitHubTokens:
    """Gives the token for repositories of an owner. Calls may come from several threads."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._api = (environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
        self._given = environ.get("SCOREFLY_GITHUB_TOKEN") or environ.get("GITHUB_TOKEN") or ""
        self._app_id = environ.get(_ID, "").strip()
        self._app_key = environ.get(_KEY, "").replace("\\n", "\n").strip()
        self._tokens: dict[str, AppToken] = {}
        self._lock = threading.Lock()

    @property
    def has_app(self) -> bool:
        """Decide whether a GitHub App is configured."""
        return bool(self._app_id)

    def token(self, owner: str) -> str:
        """Return a token for an owner's repositories; "" when there is none. Raises ExternalError."""
        if not self.has_app:
            return self._given
        with self._lock:
            known = self._tokens.get(owner.lower())
            if known is None or known.expires - time.time() < MIN_LIFE:
                known = self._tokens[owner.lower()] = self._installation_token(owner)
            return known.token

    def _installation_token(self, owner: str) -> AppToken:
        proof = app_proof(self._app_id, self._app_key, time.time())
        found = self.call("GET", f"/users/{owner}/installation", proof)
        if found.status_code == 404:
            raise external_error(f"the GitHub App is not installed for {owner}", f"install it for {owner}")
        identity = found.read(lambda data: int(mapping(data)["id"])) if found.status_code == 200 else 0
        answer = self.call("POST", f"/app/installations/{identity}/access_tokens", proof) if identity else found
        if answer.status_code not in (200, 201):
            message = f"GitHub gives the App no token for {owner}: HTTP {answer.status_code}"
            raise external_error(message, f"check {_ID} and {_KEY}")
        return answer.read(_app_token)

    def call(self, method: str, path: str, token: str, body: Any = None) -> Answer:
        """Make one call of GitHub's API. Raises ExternalError."""
        import requests

        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = {} if body is None else {"json": body}
        try:
            with requests.Session() as session:
                return api_exchange(session, method, f"{self._api}{path}", seconds=SECONDS, headers=headers, **data)
        except (requests.RequestException, MalformedAnswerError) as error:
            raise external_error(f"GitHub cannot be reached: {type(error).__name__}") from error


def _app_token(data: Any) -> AppToken:
    expires = datetime.fromisoformat(text(mapping(data), "expires_at")).timestamp()
    return AppToken(text(mapping(data), "token"), expires)


def app_proof(identity: str, key: str, now: float) -> str:
    """Return the JSON Web Token by which a GitHub App proves who it is. Raises ExternalError for a wrong key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:
        raise external_error("the GitHub App's key is not a PEM private key", f"set {_KEY} again") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise external_error("the GitHub App's key is not an RSA key", f"set {_KEY} again")
    # GitHub allows ten minutes, and clocks differ.
    claims = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": identity}
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts).encode()
    return f"{signed.decode()}.{_encoded(private.sign(signed, padding.PKCS1v15(), hashes.SHA256()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def app_problems(environ: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with the variables of a GitHub App."""
    names = [name for name in (_ID, _KEY) if environ.get(name, "").strip()]
    if len(names) == 1:
        missing = _KEY if names == [_ID] else _ID
        place = Place(missing, is_option=True)
        return [Problem("a GitHub App needs its id and its key", f"set {missing}", place)]
    if names and not re.fullmatch(r"[\w.-]{1,100}", environ[_ID].strip()):
        return [Problem("this is not the id of a GitHub App", f"set {_ID} again", Place(_ID, is_option=True))]
    return []

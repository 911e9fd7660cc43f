"""Registries of images: which digest a tag has now, by the distribution API with its token flow.

Specifications: https://github.com/opencontainers/distribution-spec and https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from msgspec import Struct, field

from scorefly.confidential import Confidential
from scorefly.http import (
    Answer,
    MalformedAnswerError,
    RedirectError,
    check_redirect,
    exchange,
    is_loopback,
    mapping,
    same_origin,
    text,
)

if TYPE_CHECKING:
    import requests

DOCKER_HUB = "docker.io"
FLY = "registry.fly.io"
TIMEOUT = 15.0  # seconds for one image, with all its requests
CONNECT_TIMEOUT = 5.0
_MAX_REDIRECTS = 5
_SERVERS = {DOCKER_HUB: "registry-1.docker.io"}
ALIASES = {"index.docker.io": DOCKER_HUB, "registry-1.docker.io": DOCKER_HUB, "registry.hub.docker.com": DOCKER_HUB}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'([a-z]+)="([^"]*)"', re.IGNORECASE)
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

Credentials = Mapping[str, tuple[str, str]]  # user name and password by registry


class Reference(Struct, frozen=True):
    """An image reference in parts. `tag` is empty where there is only a digest, and else `latest` if none is given."""

    registry: str
    repository: str
    tag: str
    digest: str


def parse_reference(image: str) -> Reference:
    """Split a reference as Docker does: what has no registry is Docker Hub's, and one word is of its `library`."""
    name, _, digest = image.partition("@")
    first, slash, rest = name.partition("/")
    registry = DOCKER_HUB
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, name = ALIASES.get(first.lower(), first.lower()), rest
    head, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{head}/{last}" if head else last
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)


class RegistryError(Exception):
    """A registry did not tell the digest.

    `kind` is `denied` where it needs credentials that are not accepted or not there, `missing` where it has no such
    image, and `unreachable` for everything that may be otherwise at another time.
    """

    def __init__(self, kind: Literal["denied", "missing", "unreachable"], reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class Registries(Confidential, frozen=True):
    """A client of all registries; usable from several threads. It holds credentials and so has no repr.

    With `base_url` all images are looked up there, which tests and rehearsals need. An `offline` client asks only
    registries on loopback. `own` is Fly's registry: all others have to hand out images without credentials, because Fly
    has none for them.
    """

    credentials: Credentials = field(default_factory=dict)
    base_url: str = ""
    offline: bool = False
    own: str = FLY

    def can_ask(self, image: str) -> bool:
        """Report whether the registry of an image may be asked at all."""
        return not self.offline or is_loopback(self._server(parse_reference(image)))

    def digest(self, image: str) -> str:
        """Return the digest that the tag of an image has now.

        Raises RegistryError, also for an image that only the credentials open: Fly cannot pull that. They help where a
        registry limits requests without any.
        """
        reference = parse_reference(image)
        credentials = self.credentials.get(reference.registry)
        if reference.registry == self.own:
            return self._lookup(reference, credentials)
        try:
            return self._lookup(reference, None)
        except RegistryError as error:
            if credentials is None or error.kind == "missing":
                raise
            try:
                found = self._lookup(reference, credentials)
            except RegistryError:
                raise error from None
            if error.kind == "denied":
                raise RegistryError("denied", "it is private") from error
            return found

    def _lookup(self, reference: Reference, credentials: tuple[str, str] | None) -> str:
        import requests

        server = self._server(reference)
        if self.offline and not is_loopback(server):
            raise RegistryError("unreachable", "nothing outside this machine is asked in a rehearsal")
        tag = quote(reference.tag or reference.digest, safe=":")
        url = f"{server}/v2/{quote(reference.repository, safe='/')}/manifests/{tag}"
        with requests.Session() as session:
            try:
                return _Lookup(session, url, reference, credentials).digest()
            except requests.RequestException as error:
                raise RegistryError("unreachable", type(error).__name__) from error
            except (MalformedAnswerError, RedirectError) as error:
                raise RegistryError("unreachable", str(error)) from error

    def _server(self, reference: Reference) -> str:
        if self.base_url:
            return self.base_url
        host = _SERVERS.get(reference.registry, reference.registry)
        return f"http://{host}" if is_loopback(f"http://{host}") else f"https://{host}"


class _Lookup:
    """The requests about one image: the manifest, a token where one is asked for, and the manifest again."""

    def __init__(
        self, session: requests.Session, url: str, reference: Reference, credentials: tuple[str, str] | None
    ) -> None:
        self._session = session
        self._url = url
        self._reference = reference
        self._credentials = credentials
        self._deadline = time.monotonic() + TIMEOUT

    def digest(self) -> str:
        answer = self._manifest("HEAD", "")
        authorization = ""
        if answer.status_code == 401:
            authorization = self._authorize(answer.headers.get("WWW-Authenticate", ""))
            answer = self._manifest("HEAD", authorization)
        _check(answer)
        found = answer.headers.get("Docker-Content-Digest", "")
        if not found:
            answer = self._manifest("GET", authorization)
            _check(answer)
            found = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if not _DIGEST.fullmatch(found):
            raise MalformedAnswerError("the answer has no valid Docker-Content-Digest")
        return found

    def _manifest(self, method: str, authorization: str) -> Answer:
        headers = {"Accept": ", ".join(_MANIFESTS)} | ({"Authorization": authorization} if authorization else {})
        return self._send(method, self._url, headers)

    def _send(self, method: str, url: str, headers: Mapping[str, str], **options: Any) -> Answer:
        """Send a request and follow its redirects, to other servers without the token."""
        first, sent = url, dict(headers)
        for _ in range(_MAX_REDIRECTS):
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise RegistryError("unreachable", f"it did not answer within {TIMEOUT:.0f} s")
            answer = exchange(
                self._session, method, url, seconds=left, connect=CONNECT_TIMEOUT, headers=sent, **options
            )
            if not answer.location:
                return answer
            url, options = answer.location, {}
            check_redirect(first, url)
            if not same_origin(first, url):
                sent.pop("Authorization", None)
        raise RedirectError("too many redirects")

    def _authorize(self, challenge: str) -> str:
        """Return the Authorization header that a challenge asks for. Raises RegistryError."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._credentials:
            return _basic(self._credentials)
        if scheme.lower() != "bearer":
            raise RegistryError("denied", "it wants a user name and password")
        parts = {name.lower(): value for name, value in _CHALLENGE.findall(rest)}
        realm = parts.get("realm", "")
        check_redirect(self._url, realm)
        params = {"scope": parts.get("scope") or f"repository:{self._reference.repository}:pull"}
        if service := parts.get("service"):
            params["service"] = service
        headers = {"Authorization": _basic(self._credentials)} if self._credentials else {}
        answer = self._send("GET", realm, headers, params=params)
        _check(answer)
        return f"Bearer {answer.read(_token)}"


def pushed_digest(
    registries: Registries,
    image: str,
    on_line: Callable[[str], None],
    stop: threading.Event,
    delays: Sequence[float],
) -> str:
    """Return the reference by digest of an image that was just pushed, which a registry may know seconds later.

    An image whose digest the registry does not tell keeps its tag.
    """
    if "@" in image:
        return image
    reference = parse_reference(image)
    for delay in (*delays, None):
        try:
            return f"{reference.registry}/{reference.repository}@{registries.digest(image)}"
        except RegistryError as error:
            if delay is None or error.kind == "denied" or registries.offline or stop.wait(delay):
                on_line(f"{image} is deployed by its tag: its registry did not tell the digest: {error.reason}")
                break
    return image


def _check(answer: Answer) -> None:
    status = answer.status_code
    if status in (401, 403):
        raise RegistryError("denied", f"access is denied (HTTP {status})")
    if status == 404:
        raise RegistryError("missing", "there is no such image")
    if status != 200:
        reason = "too many requests" if status == 429 else answer.reason
        raise RegistryError("unreachable", f"{reason} (HTTP {status})".strip())


def _token(data: object) -> str:
    answer = mapping(data)
    token = text(answer, "token" if answer.get("token") else "access_token")
    if not re.fullmatch(r"[!-~]+", token):
        raise MalformedAnswerError("the token has characters that no token has")
    return token


def _basic(credentials: tuple[str, str]) -> str:
    return f"Basic {b64encode(':'.join(credentials).encode()).decode()}"

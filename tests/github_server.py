"""GitHub's REST API as a stand-in on loopback: it refuses what GitHub refuses, and counts what it is asked.

Bodies are checked against the request schemas of GitHub's published OpenAPI description, and a property that
is not in them is refused too. Where the description is installed, every request and answer is compared with it. `permissions` are those of the token: a workflow's never has `administration`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator

from github_description import Exchange, problems

Json = dict[str, Any]
Answer = tuple[int, Any, dict[str, str]]

TOKEN = "ghs_token-of-the-job"
WORKFLOW_TOKEN = {"contents": "read", "metadata": "read", "pull-requests": "write", "deployments": "write"}
READ_ONLY = {"contents": "read", "metadata": "read", "pull-requests": "read", "deployments": "read"}

_STRING = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_COMMENT = {"required": ["body"], "properties": {"body": {**_STRING, "maxLength": 65536}}}
_DEPLOYMENT = {
    "required": ["ref"],
    "properties": {
        "ref": _STRING,
        "task": _STRING,
        "auto_merge": _BOOLEAN,
        "required_contexts": {"type": ["array", "null"], "items": _STRING},
        "payload": {"type": ["object", "string"]},
        "environment": _STRING,
        "description": {"type": ["string", "null"], "maxLength": 140},
        "transient_environment": _BOOLEAN,
        "production_environment": _BOOLEAN,
    },
}
_STATUS = {
    "required": ["state"],
    "properties": {
        "state": {"enum": ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]},
        "target_url": _STRING,
        "log_url": {**_STRING, "format": "uri"},
        "description": {**_STRING, "maxLength": 140},
        "environment": _STRING,
        "environment_url": {**_STRING, "format": "uri"},
        "auto_inactive": _BOOLEAN,
    },
}


_COMMIT_STATUS = {
    "required": ["state"],
    "properties": {
        "state": {"enum": ["error", "failure", "pending", "success"]},
        "target_url": {"type": ["string", "null"]},
        "description": {"type": ["string", "null"], "maxLength": 140},
        "context": _STRING,
    },
}


class Refused(Exception):  # noqa: N818 - an answer of the API
    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, errors: list[Json] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        about = "https://docs.github.com/rest"
        self.body = {"message": message, "documentation_url": about, **({"errors": errors} if errors else {})}


@dataclass
class Fault:
    """Answers the first `times` requests that match with a failure. Status 0 drops the connection."""

    method: str
    path: str
    status: int
    times: int = 1
    message: str = "told to fail"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""

    def answer(self) -> Answer:
        return self.status, self.raw or {"message": self.message}, self.headers


@dataclass
class GitHub:
    """One repository on a server for the length of a `with`."""

    repository: str = "acme/shop"
    permissions: dict[str, str] = field(default_factory=lambda: dict(WORKFLOW_TOKEN))
    author: str = "github-actions[bot]"  # whose token it is; one that ends with [bot] is an app's
    writers: set[str] = field(default_factory=lambda: {"owner"})
    readers: set[str] = field(default_factory=lambda: {"stranger", "dependabot[bot]"})
    faults: list[Fault] = field(default_factory=list)
    prefix: str = ""  # before every path, as on GitHub Enterprise Server
    page: int = 0  # a smaller page than was asked for
    next_page_at: str = ""  # another server than this one
    pulls: dict[int, Json] = field(default_factory=dict)
    comments: dict[int, Json] = field(default_factory=dict)
    deployments: dict[int, Json] = field(default_factory=dict)
    statuses: dict[int, list[Json]] = field(default_factory=dict)
    commits: set[str] = field(default_factory=set)  # beside the heads of pull requests
    commit_statuses: dict[str, list[Json]] = field(default_factory=dict)
    environments: set[str] = field(default_factory=set)
    refs: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    on_request: Callable[[int], None] | None = None  # told of each request by its number, before the answer
    lock: threading.Lock = field(default_factory=threading.Lock)
    _ids: int = 0

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.github = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        assert problems(self.exchanges) == []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.prefix}"

    def new_id(self) -> int:
        self._ids += 1
        return self._ids

    def open_pull(
        self, number: int, *, sha: str = "", head: str = "", author: str = "owner", draft: bool = False
    ) -> Json:
        """A pull request; `head` is the repository its code comes from."""
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "draft": draft,
            "merged": False,
            "title": f"Change {number}",
            "html_url": f"https://github.com/{self.repository}/pull/{number}",
            "user": _user(author),
            "head": {"sha": sha or f"{number:040x}", "ref": "topic", "repo": {"full_name": head or self.repository}},
            "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": self.repository}},
        }
        return self.pulls[number]

    def comment(self, number: int, body: str, author: str = "owner") -> Json:
        """A comment that somebody wrote by hand."""
        association = "COLLABORATOR" if author in self.writers else "NONE"
        made: Json = {
            "id": self.new_id(),
            "issue_url": f"https://api.github.com/repos/{self.repository}/issues/{number}",
            "body": body,
            "user": _user(author),
            "author_association": association,
        }
        self.comments[made["id"]] = made
        return made

    def bodies(self, number: int) -> list[str]:
        return [each["body"] for each in self.comments.values() if _issue(each) == number]

    def states(self, environment: str) -> list[str]:
        """The newest state of each deployment of an environment, oldest deployment first."""
        return [
            self.statuses[number][-1]["state"]
            for number, each in self.deployments.items()
            if each["environment"] == environment
        ]


def _issue(comment: Json) -> int:
    return int(comment["issue_url"].rpartition("/")[2])


def _user(login: str) -> Json:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


@dataclass(frozen=True)
class Call:
    github: GitHub
    arguments: tuple[str, ...]
    query: dict[str, str]
    body: Json


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    github: GitHub

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        pass

    def do_GET(self) -> None:
        github, url = self.server.github, urlsplit(self.path.removeprefix(self.server.github.prefix))
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with github.lock:
            github.requests.append((self.command, url.path))
            if github.on_request:
                github.on_request(len(github.requests))
            try:
                fault = self._fault(url.path)
                if fault and fault.status == 0:
                    self.close_connection = True
                    return
                query = dict(parse_qsl(url.query))
                status, data, headers = fault.answer() if fault else self._handle(url.path, query, content)
            except Refused as refused:
                status, data, headers = refused.status, refused.body, refused.headers
            body = json.loads(content) if content and status != 400 else None
            answer = None if fault or status == 204 else data
            github.exchanges.append(Exchange(self.command, url.path, dict(parse_qsl(url.query)), body, status, answer))
        self._send(status, data, headers)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def _fault(self, path: str) -> Fault | None:
        for fault in self.server.github.faults:
            if fault.times > 0 and fault.method in ("*", self.command) and re.fullmatch(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def _handle(self, path: str, query: dict[str, str], content: bytes) -> Answer:
        if not self.headers.get("User-Agent"):
            raise Refused(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
            )
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "Bad credentials")
        assert self.headers.get("Accept") == "application/vnd.github+json"
        assert self.headers.get("X-GitHub-Api-Version") == "2022-11-28"
        github = self.server.github
        if path == "/user" and self.command == "GET":
            if github.author.endswith("[bot]"):
                raise Refused(403, "Resource not accessible by integration")
            return 200, _user(github.author), {}
        if path == "/graphql" and self.command == "POST":
            assert json.loads(content) == {"query": "{viewer{login}}"}
            return 200, {"data": {"viewer": {"login": github.author}}}, {}
        prefix = f"/repos/{github.repository}"
        if not path.startswith(prefix):
            raise Refused(404, "Not Found")
        for method, pattern, permission, schema, handler in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path.removeprefix(prefix))):
                _permit(github, permission)
                body = _body(schema, content)
                status, data = handler(Call(github, tuple(unquote(each) for each in match.groups()), query, body))
                return self._paged(data, path, query) if isinstance(data, list) else (status, data, {})
        raise Refused(404, "Not Found")

    def _paged(self, items: list[Any], path: str, query: dict[str, str]) -> Answer:
        asked = int(query.get("per_page", "30"))
        if not 1 <= asked <= 100:
            raise Refused(422, "per_page is 100 at most")
        size, number = self.server.github.page or asked, int(query.get("page", "1"))
        page = items[(number - 1) * size : number * size]
        if number * size >= len(items):
            return 200, page, {}
        others = "".join(f"{name}={value}&" for name, value in query.items() if name != "page")
        base = self.server.github.next_page_at or self.server.github.url
        return 200, page, {"Link": f'<{base}{path}?{others}page={number + 1}>; rel="next"'}

    def _send(self, status: int, data: Any, headers: dict[str, str]) -> None:
        content = data if isinstance(data, bytes) else b"" if status == 204 else json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "X-GitHub-Request-Id": "E1:22", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _permit(github: GitHub, needed: str) -> None:
    """`a:write|b:write`: any of these permissions of the token is enough."""
    levels = {"read": 1, "write": 2}
    for each in needed.split("|"):
        name, level = each.split(":")
        if levels.get(github.permissions.get(name, ""), 0) >= levels[level]:
            return
    accepted = "; ".join(each.replace("-", "_").replace(":", "=") for each in needed.split("|"))
    raise Refused(403, "Resource not accessible by integration", {"X-Accepted-GitHub-Permissions": accepted})


def _body(schema: Json | None, content: bytes) -> Json:
    if schema is None:
        if content:
            raise Refused(400, "there is a body where none belongs")
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        raise Refused(400, "Problems parsing JSON") from None
    full = {"type": "object", "additionalProperties": False, **schema}
    errors = [error.message for error in Draft202012Validator(full).iter_errors(body)]
    if errors:
        raise Refused(422, f"Invalid request.\n\n{'; '.join(errors)}")
    assert isinstance(body, dict)
    return body


def _find(items: dict[int, Json], number: str) -> Json:
    if int(number) not in items:
        raise Refused(404, "Not Found")
    return items[int(number)]


def _list_pulls(call: Call) -> tuple[int, Any]:
    state = call.query.get("state", "open")
    listed = [each for each in call.github.pulls.values() if state in ("all", each["state"])]
    return 200, [{name: value for name, value in each.items() if name != "merged"} for each in listed]


def _permission(call: Call) -> tuple[int, Any]:
    login = call.arguments[0]
    if login not in call.github.writers | call.github.readers:
        raise Refused(404, f"{login} is not a user")
    level = "write" if login in call.github.writers else "read"
    return 200, {"permission": level, "role_name": level, "user": _user(login)}


def _list_comments(call: Call) -> tuple[int, Any]:
    _find(call.github.pulls, call.arguments[0])
    return 200, [each for each in call.github.comments.values() if _issue(each) == int(call.arguments[0])]


def _create_comment(call: Call) -> tuple[int, Any]:
    _find(call.github.pulls, call.arguments[0])
    return 201, call.github.comment(int(call.arguments[0]), call.body["body"], call.github.author)


def _update_comment(call: Call) -> tuple[int, Any]:
    found = _find(call.github.comments, call.arguments[0])
    found["body"] = call.body["body"]
    return 200, found


def _list_deployments(call: Call) -> tuple[int, Any]:
    wanted = call.query.get("environment")
    found = [each for each in call.github.deployments.values() if wanted in (None, each["environment"])]
    return 200, found[::-1]


def _create_deployment(call: Call) -> tuple[int, Any]:
    github, body = call.github, call.body
    if body["ref"] not in {*github.commits, *(each["head"]["sha"] for each in github.pulls.values())}:
        raise Refused(422, f"No ref found for: {body['ref']}")
    if body.get("auto_merge", True):
        return 202, {"message": "Auto-merged main into topic on deployment."}
    if body.get("required_contexts") != []:
        raise Refused(409, "Conflict: Commit status checks failed for the ref.")
    number = github.new_id()
    asked = ("ref", "task", "environment", "description", "transient_environment", "production_environment", "payload")
    made = {"id": number, "sha": body["ref"], "environment": "production"}
    made |= {name: body[name] for name in asked if name in body}
    github.deployments[number], github.statuses[number] = made, []
    github.environments.add(made["environment"])
    return 201, made


def _create_commit_status(call: Call) -> tuple[int, Any]:
    commit = call.arguments[0]
    if commit not in call.github.commits:
        raise Refused(422, f"No commit found for SHA: {commit}")
    made = {"id": call.github.new_id(), "context": "default", **call.body}
    call.github.commit_statuses.setdefault(commit, []).append(made)
    return 201, made


def _list_statuses(call: Call) -> tuple[int, Any]:
    return 200, call.github.statuses[_find(call.github.deployments, call.arguments[0])["id"]][::-1]


def _create_status(call: Call) -> tuple[int, Any]:
    deployment = _find(call.github.deployments, call.arguments[0])
    if not call.body.get("environment_url", "https://").startswith("https://"):
        field_error = {"resource": "DeploymentStatus", "code": "custom", "field": "environment_url"}
        raise Refused(422, "Validation Failed", errors=[{**field_error, "message": "environment_url must be https"}])
    kept = {name: value for name, value in call.body.items() if name != "auto_inactive"}
    status = {"id": call.github.new_id(), **kept}
    call.github.statuses[deployment["id"]].append(status)
    return 201, status


def _delete_environment(call: Call) -> tuple[int, Any]:
    if call.arguments[0] not in call.github.environments:
        raise Refused(404, "Not Found")
    call.github.environments.remove(call.arguments[0])
    return 204, None


def _matching_refs(call: Call) -> tuple[int, Any]:
    wanted = f"refs/{call.arguments[0]}"
    return 200, [
        {"ref": ref, "object": {"sha": "c" * 40}} for ref in sorted(call.github.refs) if ref.startswith(wanted)
    ]


Route = tuple[str, str, str, "Json | None", Callable[[Call], "tuple[int, Any]"]]
_COMMENTING = "issues:write|pull-requests:write"
_ROUTES: list[Route] = [
    ("GET", r"/pulls", "pull-requests:read", None, _list_pulls),
    (
        "GET",
        r"/pulls/(\d+)",
        "pull-requests:read",
        None,
        lambda call: (200, _find(call.github.pulls, call.arguments[0])),
    ),
    ("GET", r"/collaborators/([^/]+)/permission", "metadata:read", None, _permission),
    ("GET", r"/issues/(\d+)/comments", "issues:read|pull-requests:read", None, _list_comments),
    ("POST", r"/issues/(\d+)/comments", _COMMENTING, _COMMENT, _create_comment),
    ("PATCH", r"/issues/comments/(\d+)", _COMMENTING, _COMMENT, _update_comment),
    ("GET", r"/deployments", "deployments:read", None, _list_deployments),
    ("POST", r"/deployments", "deployments:write", _DEPLOYMENT, _create_deployment),
    ("GET", r"/deployments/(\d+)/statuses", "deployments:read", None, _list_statuses),
    ("POST", r"/statuses/([0-9a-f]{40})", "statuses:write", _COMMIT_STATUS, _create_commit_status),
    ("POST", r"/deployments/(\d+)/statuses", "deployments:write", _STATUS, _create_status),
    ("DELETE", r"/environments/([^/]+)", "administration:write", None, _delete_environment),
    ("GET", r"/git/matching-refs/(.+)", "contents:read", None, _matching_refs),
]

"""The status page and the API: who may see and do what, and what every state looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from listeners import ACT, READ, Answer, Environments, Listener, listening, standin_tree

APPS = [
    {"app": "acme-web", "drift": ["memory is 512 MB, not 256 MB"]},
    {"app": "acme-db", "status": "skipped", "problem": "db skipped: web failed", "url": ""},
    {"app": "acme-old", "status": "suspended", "suspended": "waiting for <b>the migration</b>", "url": ""},
    {"app": "acme-evil", "url": "javascript:alert(1)", "workload": "<script>alert(1)</script>"},
]
RUNS = {
    "staging": {"apps": APPS},
    "production": {"exit": 1, "problem": "web: the Machine <i>148e</i> did not become healthy"},
    "broken": {"exit": 2, "problem": "unknown key 'imge'"},
    "slow": {"seconds": 300},
}


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    root = tmp_path_factory.mktemp("page")
    environments = Environments.create(root / "git", standin_tree("staging", *list(RUNS)[1:], runs=RUNS))
    with listening(environments.url, root / "data", "--parallel=4") as running:
        running.wait(
            lambda: {unit["state"] for unit in running.units().values()} == {"ok", "failed", "invalid", "running"}
        )
        yield running


def form(listener: Listener, path: str, content: str, cookie: str = "", client: str = "127.0.0.1") -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    return listener.request("POST", path, content.encode(), headers, client)


def session(listener: Listener, token: str) -> str:
    answer = form(listener, "/login", f"token={token}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    return answer.headers["set-cookie"].partition(";")[0]


def page(listener: Listener, path: str, cookie: str) -> Answer:
    return listener.request("GET", path, headers={"Cookie": cookie})


@pytest.mark.parametrize("path", ["/", "/units/staging", "/runs/1", "/api/units", "/api/history", "/api/repositories"])
def test_nothing_is_shown_without_a_token(path: str, listener: Listener) -> None:
    answer = listener.get(path, token="")
    assert answer.status == 401
    assert b"staging" not in answer.body
    assert listener.get(path, READ).status == listener.get(path, ACT).status == 200


def test_a_wrong_token_is_refused_and_ten_close_the_door(listener: Listener) -> None:
    statuses = [
        listener.request("GET", "/api/units", headers={"Authorization": "Bearer wrong"}, client="127.0.9.1").status
        for _ in range(11)
    ]
    assert statuses == [401] * 10 + [429]
    assert form(listener, "/login", f"token={ACT}", client="127.0.9.1").status == 429


def test_only_the_act_token_syncs(listener: Listener) -> None:
    def sync(token: str, body: bytes) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
        return listener.request("POST", "/api/sync", body, headers)

    assert [sync(token, b"").status for token in ("", READ)] == [401, 403]
    assert sync(ACT, b'{"units": ["staging"]}').json() == {"units": ["staging"]}
    assert sync(ACT, b'{"units": ["nothing"]}').status == 404
    assert [sync(ACT, body).status for body in (b"{", b'{"units": 1}', b'{"units": [1]}', b"x" * 70_000)] == [400] * 4
    assert listener.request("GET", "/api/sync").status == 405


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(listener: Listener) -> None:
    cookie = form(listener, "/login", f"token={READ}").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert READ not in cookie


@pytest.mark.parametrize("change", ["{}x", "act{}", "scorefly_session=act.9999999999.x.y", "scorefly_session=..."])
def test_a_changed_cookie_is_no_session(change: str, listener: Listener) -> None:
    cookie = change.format(session(listener, READ))
    assert page(listener, "/", cookie).status == 401
    assert page(listener, "/", cookie.replace("=read.", "=act.")).status == 401


def test_a_form_works_in_its_own_session_only(listener: Listener) -> None:
    cookie, other = session(listener, ACT), session(listener, ACT)
    token = re.search(r'name="form_token" value="(\w+)"', page(listener, "/", cookie).body.decode())
    assert token
    content = f"unit=staging&form_token={token[1]}"
    assert form(listener, "/sync", content, cookie).status == 303
    assert [form(listener, "/sync", text, who).status for text, who in
            ((content, other), ("unit=staging", cookie), (content, ""), (content, session(listener, READ)))] == [
        403, 403, 401, 403,
    ]  # fmt: skip


def test_a_reader_sees_no_button(listener: Listener) -> None:
    assert b"Sync now" in page(listener, "/", session(listener, ACT)).body
    assert b"Sync now" not in page(listener, "/", session(listener, READ)).body


def test_every_page_is_closed_to_scripts_and_frames(listener: Listener) -> None:
    for path in ("/", "/units/staging", "/runs/1", "/login", "/healthz", "/hooks/none", "/nothing"):
        headers = listener.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_what_apps_say_is_text_and_never_markup(listener: Listener) -> None:
    tags = Tags(page(listener, "/", session(listener, ACT)).body.decode()).tags
    assert not [tag for tag, _ in tags if tag in ("script", "b", "i")]
    assert not [attributes for _, attributes in tags if any(name.startswith("on") for name in attributes)]
    assert not [a for tag, a in tags if tag == "a" and str(a.get("href")).startswith("javascript")]


def test_the_page_says_what_is_wrong_and_why(listener: Listener) -> None:
    text = listener.get("/").body.decode()
    for words in ("✗</span> failed", "did not become healthy", "unknown key", "≠</span> drift",
                  "memory is 512 MB, not 256 MB", "‖</span> suspended", "waiting for &lt;b&gt;", "Pending"):  # fmt: skip
        assert words in text


def test_a_unit_shows_its_log(listener: Listener) -> None:
    text = listener.get("/units/production").body.decode()
    assert "error: scorefly.yaml:1:1: web: the Machine &lt;i&gt;148e&lt;/i&gt; did not become healthy" in text
    assert listener.get("/units/nothing").status == listener.get("/runs/9999").status == 404


def test_the_page_refreshes_itself(listener: Listener) -> None:
    assert listener.get("/").headers["refresh"] == "3"


def test_a_token_that_expires_within_a_month_is_on_the_page() -> None:
    from scorefly.listen.overview import token_notice

    end = {"SCOREFLY_FLY_ACCESS_UNTIL": "2027-03-01"}
    now = 1_803_859_200.0  # 2027-03-01
    for environ, at in ((end, now - 31 * 86400), ({}, now), ({"SCOREFLY_FLY_ACCESS_UNTIL": "x"}, now)):
        assert token_notice(environ, at) == ""
    assert token_notice(end, now - 29 * 86400) == "The Fly token expires on 2027-03-01: run scorefly install again."
    assert token_notice(end, now + 1) == "The Fly token expired on 2027-03-01: run scorefly install again."

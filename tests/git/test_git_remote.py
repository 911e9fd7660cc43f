"""Documents on a real server's refs: compare-and-swap, failures that are told apart, a token that goes nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_servers import Bare, HttpServer, bare_repository, git, http_server
from scorefly.git.history import head, later_on_server, later_than, origin
from scorefly.git.process import Git
from scorefly.git.remote import Address, GitRemote, address_of
from scorefly.problems import ExternalError
from scorefly.state.git import lock_ref, recovery_ref, state_ref

REF = "refs/scorefly/production"


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return bare_repository(tmp_path / "server")


@pytest.fixture
def server(bare: Bare) -> Iterator[HttpServer]:
    with http_server(bare.root) as serving:
        yield serving


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture(params=["file", "http"])
def remote(request: pytest.FixtureRequest, bare: Bare, server: HttpServer, waited: list[float]) -> Iterator[GitRemote]:
    """The same repository over a path, and over HTTP with a token."""
    url = bare.path.as_uri() if request.param == "file" else f"{server.url}/acme/shop"
    with GitRemote(address_of(url, server.url, server.token), os.environ, sleep=waited.append) as opened:
        yield opened


@pytest.fixture
def web(server: HttpServer, waited: list[float]) -> Iterator[GitRemote]:
    with GitRemote(address(server), os.environ, sleep=waited.append) as opened:
        yield opened


def address(server: HttpServer, token: str = "") -> Address:
    return address_of(f"{server.url}/acme/shop", server.url, token or server.token)


def test_a_document_comes_back_as_it_was_put(remote: GitRemote) -> None:
    assert (remote.tip(REF), remote.read(REF)) == ("", None)
    first = remote.commit(b"one\0\n", "one")
    assert remote.swap(REF, "", first)
    found = remote.read(REF)
    assert found is not None
    assert (found.id, found.content, remote.tip(REF)) == (first, b"one\0\n", first)


def test_only_one_of_two_that_saw_the_same_wins(remote: GitRemote) -> None:
    assert remote.swap(REF, "", remote.commit(b"first", "x"))
    with GitRemote(remote.address, os.environ) as other:
        mine, theirs = remote.read(REF), other.read(REF)
        assert mine is not None
        assert theirs is not None
        assert other.swap(REF, theirs.id, other.commit(b"theirs", "x", theirs.id))
        assert not remote.swap(REF, mine.id, remote.commit(b"mine", "x", mine.id))
    assert (found := remote.read(REF)) is not None
    assert found.content == b"theirs"


def test_a_ref_that_is_there_is_not_made_again_and_one_that_moved_is_not_deleted(remote: GitRemote) -> None:
    first = remote.commit(b"first", "x")
    with GitRemote(remote.address, os.environ) as other:
        assert other.swap(REF, "", other.commit(b"theirs", "x"))
        assert not remote.swap(REF, "", first)
        assert not remote.swap(REF, first, "")
    tip = remote.tip(REF)
    assert remote.swap(REF, tip, "")
    assert remote.tip(REF) == ""


def test_the_parent_is_kept_though_only_one_commit_was_fetched(remote: GitRemote, bare: Bare) -> None:
    for number in range(3):
        with GitRemote(remote.address, os.environ) as run:
            before = run.read(REF)
            old = before.id if before else ""
            assert run.swap(REF, old, run.commit(b"%d" % number, "x", old))
    assert len(git(bare.path, "rev-list", REF).splitlines()) == 3


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_server_that_takes_the_objects_and_not_the_ref(remote: GitRemote, bare: Bare, hook: str) -> None:
    bare.hook(hook, "echo 'no such ref here' >&2; exit 1")
    with pytest.raises(
        ExternalError, match=r"rule or hook against it: remote: no such ref here; .*! \[remote rejected\].*declined"
    ):
        remote.swap(REF, "", remote.commit(b"x", "x"))
    assert bare.refs == {}


def test_a_server_that_fails_for_a_while_is_asked_again(
    server: HttpServer, web: GitRemote, waited: list[float]
) -> None:
    server.faults += [("git-receive-pack", 500), ("service=git-receive-pack", 503)]
    assert web.swap(REF, "", web.commit(b"x", "x"))
    assert waited == [1.0, 4.0]


def test_a_server_that_goes_on_failing_is_said_to(server: HttpServer, web: GitRemote) -> None:
    server.faults += [("git-receive-pack", 500)] * 9
    with pytest.raises(ExternalError, match=r"cannot be written.*error: 500.*run it again"):
        web.swap(REF, "", web.commit(b"x", "x"))


def test_reading_is_repeated_while_the_server_fails(server: HttpServer, web: GitRemote, waited: list[float]) -> None:
    commit = web.commit(b"x", "x")
    assert web.swap(REF, "", commit)
    server.faults += [("service=git-upload-pack", 500), ("service=git-upload-pack", 503)]
    assert web.tip(REF) == commit
    assert waited == [1.0, 4.0]


def test_a_ref_that_is_made_while_it_is_read_is_found(bare: Bare, tmp_path: Path, waited: list[float]) -> None:
    """A lock changes hands between a fetch that finds no ref and the look whether there is one."""
    bare.commit("one")
    real = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    stand_in = tmp_path / "bin" / "git"
    stand_in.parent.mkdir()
    made = f"env -u GIT_DIR {real}/git --git-dir={bare.path} update-ref {REF} refs/heads/main"
    stand_in.write_text(
        f'#!/bin/sh\ncase " $* " in *" fetch "*) {real}/git "$@"; status=$?; {made}; exit $status;; esac\n'
        f'exec {real}/git "$@"\n'
    )
    stand_in.chmod(0o755)
    environ = {"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with GitRemote(Address(bare.path.as_uri()), environ, sleep=waited.append) as remote:
        found = remote.read(REF)
    assert found is not None
    assert found.id == bare.refs[REF]
    assert waited == [1.0]


def test_an_answer_that_got_lost_is_looked_up(bare: Bare, remote: GitRemote, waited: list[float]) -> None:
    """The server moves the ref, and dies before it says so."""
    bare.hook("reference-transaction", f"test $1 != committed || kill -9 $PPID; echo $1 >> {bare.root}/steps")
    commit = remote.commit(b"x", "x")
    assert remote.swap(REF, "", commit)
    assert bare.refs == {REF: commit}
    assert "committed" in (bare.root / "steps").read_text()
    assert waited == []


def test_a_token_that_may_only_read(server: HttpServer, web: GitRemote, waited: list[float]) -> None:
    server.readonly = True
    assert web.read(REF) is None
    with pytest.raises(ExternalError, match="contents: write"):
        web.swap(REF, "", web.commit(b"x", "x"))
    assert waited == []


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_token_that_is_wrong_or_not_there(bare: Bare, server: HttpServer, token: str) -> None:
    unknown = address_of(f"{server.url}/acme/shop", server.url, token)
    with GitRemote(unknown, os.environ) as remote, pytest.raises(ExternalError, match="give github-token"):
        remote.read(REF)


def test_no_such_repository(server: HttpServer) -> None:
    nowhere = address_of(f"{server.url}/acme/nothing.git", server.url, server.token)
    with GitRemote(nowhere, os.environ) as remote, pytest.raises(ExternalError, match="there is no such repository"):
        remote.read(REF)


def test_a_server_nobody_reaches(bare: Bare, waited: list[float]) -> None:
    with http_server(bare.root) as gone:
        pass
    with GitRemote(address(gone), os.environ, sleep=waited.append) as remote:
        with pytest.raises(ExternalError, match=r"cannot be written: .*Failed to connect"):
            remote.swap(REF, "", remote.commit(b"x", "x"))


def test_the_token_is_for_its_own_server_only(bare: Bare, server: HttpServer) -> None:
    with http_server(bare.root, token="other") as other:
        foreign = address_of(f"{other.url}/acme/shop", server.url, server.token)
        with GitRemote(foreign, os.environ) as remote, pytest.raises(ExternalError, match="give github-token"):
            remote.read(REF)
        assert {authorization for _, authorization in other.requests} == {""}


def test_a_server_that_sends_us_elsewhere_does_not_take_the_token_there(bare: Bare, server: HttpServer) -> None:
    with http_server(bare.root, token="other") as other:
        server.moved_to = other.url
        with GitRemote(address(server), os.environ) as remote, pytest.raises(ExternalError, match="cannot be read"):
            remote.read(REF)
        assert other.requests
        assert {authorization for _, authorization in other.requests} == {""}


def test_a_password_in_a_url_is_used_and_taken_out_of_it(server: HttpServer) -> None:
    written = f"http://somebody:{server.token}@{server.url.removeprefix('http://')}/acme/shop"
    found = address_of(written, "https://github.com", "ghs_other")
    assert found.url == f"{server.url}/acme/shop"
    with GitRemote(found, os.environ) as remote:
        assert remote.read(REF) is None


@pytest.mark.parametrize("url", ["https://[::1", "git@github.com:acme/shop.git", "/srv/shop.git", "ssh://git@h/x"])
def test_a_url_that_is_not_the_servers_gets_no_token(url: str) -> None:
    assert (address_of(url, "https://github.com", "ghs_x").url, address_of(url, "", "").credentials) == (url, None)
    assert address_of(url, "https://github.com", "ghs_x").credentials is None


def test_the_token_stands_on_no_command_line_and_in_no_file(server: HttpServer, tmp_path: Path) -> None:
    """Every git and every helper it starts is written down by a stand-in that goes on as the real one."""
    log, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    real = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    stand_in = folder / "git"
    stand_in.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"open({str(log)!r}, 'a').write(json.dumps([sys.argv, dict(os.environ)]) + '\\n')\n"
        f"os.execv({real + '/git'!r}, ['git', *sys.argv[1:]])\n"
    )
    stand_in.chmod(0o755)
    environ = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "FLY_API_TOKEN": "fo1_canary",
        "GIT_DIR": "/nowhere",
        "GIT_TRACE": "1",
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_PARAMETERS": "'http.proxy=http://127.0.0.1:1'",
    }
    with GitRemote(address(server), environ) as remote:
        remote.read(REF)
        remote.swap(REF, "", remote.commit(b"x", "x"))
        files = [path.read_text("latin-1") for path in remote.git.folder.rglob("*") if path.is_file()]
        left = remote.git.folder
    calls = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    assert len(calls) >= 6
    assert not [arguments for arguments, _ in calls if server.token in json.dumps(arguments)]
    assert not [text for text in files if server.token in text]
    assert not left.exists()
    local = [variables for arguments, variables in calls if arguments[1] in ("init", "hash-object", "mktree")]
    assert not [variables for variables in local if server.token in json.dumps(variables)]
    assert not [each for _, each in calls if "fo1_canary" in json.dumps(each) or "GIT_TRACE" in each]


def test_a_users_own_git_configuration_runs_no_hook_and_signs_nothing(bare: Bare, tmp_path: Path) -> None:
    bad = "/nonexistent/program"
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hook.parent}\n[commit]\ngpgSign = true\n[gpg]\nprogram = {bad}\n[push]\ngpgSign = true\n"
        "[init]\ndefaultObjectFormat = sha256\n"
    )
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with GitRemote(Address(bare.path.as_uri()), environ) as remote:
        assert remote.swap(REF, "", remote.commit(b"x", "x"))


def test_which_commit_is_later_is_known_in_a_shallow_clone_with_the_servers_help(remote: GitRemote, bare: Bare) -> None:
    commits = bare.commit(*(f"c{number}" for number in range(60)))
    git(bare.source, "checkout", "--quiet", "-b", "side", commits[1])
    git(bare.source, "commit", "--quiet", "--allow-empty", "-m", "side")
    side = git(bare.source, "rev-parse", "HEAD")
    git(bare.source, "push", "--quiet", "origin", "side")
    asked = {commits[59]: True, commits[5]: True, commits[0]: False, side: False}
    assert later_on_server(remote, commits[3], list(asked)) == asked


def test_a_commit_the_server_does_not_have_is_neither_later_nor_earlier(remote: GitRemote, bare: Bare) -> None:
    own = bare.commit("one", "two")[1]
    assert later_on_server(remote, own, ["0" * 39 + "1"]) == {"0" * 39 + "1": None}


def test_a_shallow_checkout_says_what_it_knows_and_no_more(bare: Bare, tmp_path: Path) -> None:
    commits = bare.commit("one", "two", "three")
    git(tmp_path, "clone", "--quiet", "--depth=2", bare.path.as_uri(), "clone")
    clone = Git(tmp_path / "clone", os.environ)
    assert head(clone) == commits[2]
    assert later_than(clone, commits[1], [commits[2], commits[0]]) == {commits[2]: True, commits[0]: None}


def test_a_path_that_is_an_origin_is_made_absolute(bare: Bare, tmp_path: Path) -> None:
    bare.commit("one")
    git(tmp_path, "clone", "--quiet", str(bare.path), "clone")
    folder = tmp_path / "clone" / "deep"
    folder.mkdir()
    git(tmp_path / "clone", "remote", "set-url", "origin", "../server/acme/shop.git")
    assert origin(Git(folder, os.environ)) == str(bare.path.resolve())
    assert origin(Git(tmp_path, os.environ)) == ""
    git(tmp_path / "clone", "remote", "set-url", "origin", "git@github.com:acme/shop.git")
    assert origin(Git(folder, os.environ)) == "git@github.com:acme/shop.git"


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12) | st.sampled_from(
    ["a.lock", ".", "..", "a..b", "a.", ".a", "@", "a/b", "a b", "~", "ü", "a.lock.lock", "%2E", "-"]
)


@given(st.lists(names, min_size=2, max_size=2, unique=True))
def test_every_name_of_an_environment_has_refs_of_its_own(two: list[str]) -> None:
    refs = [ref for name in two for ref in (state_ref(name), lock_ref(name), recovery_ref(name, "0" * 40))]
    assert len(set(refs)) == 6
    assert not [ref for ref in refs if subprocess.run(["git", "check-ref-format", ref], check=False).returncode]

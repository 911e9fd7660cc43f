"""Provisioner files from elsewhere: pinned, or refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from git_servers import HttpServer, http_server
from provisioning_server import Reply, provisioning_server
from workspaces import Workspace

FILE = b"- {uri: static://platform/queue, type: queue, outputs: {host: there}}\n"
OTHER = b"- {uri: static://platform/queue, type: queue, outputs: {host: elsewhere}}\n"
DIGEST = hashlib.sha256(FILE).hexdigest()
REPOSITORY = "https://git.example/platform"


@dataclass(frozen=True)
class Repository:
    """A repository: its folder, its address, its server, and the environment in which git may read it."""

    path: Path
    address: str
    server: HttpServer
    environment: dict[str, str]


@pytest.fixture
def queue(workspace: Workspace) -> Workspace:
    workspace.workload("web", '    variables: {HOST: "${resources.queue.host}"}\nresources: {queue: {type: queue}}\n')
    return workspace


@pytest.fixture
def repository(queue: Workspace, tmp_path: Path) -> Iterator[Repository]:
    """A git repository on loopback, with credentials that git is configured with."""
    root = tmp_path / "server"
    path = root / "platform"
    (path / "files").mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, FILE)
    with http_server(root) as server:
        basic = b64encode(f"x:{server.token}".encode()).decode()
        (queue.path / ".gitconfig").write_text(f'[http "{server.url}"]\n\textraHeader = Authorization: Basic {basic}\n')
        yield Repository(path, f"{server.url}/platform", server, {"HOME": str(queue.path)})


def git(path: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=platform", "-c", "user.email=platform@example.com")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=path, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(path: Path, content: bytes) -> str:
    (path / "files/queue.yaml").write_bytes(content)
    git(path, "add", ".")
    git(path, "commit", "--quiet", "--message", "queue")
    return git(path, "rev-parse", "HEAD")


def test_a_pinned_file_is_used_and_listed_with_where_it_is_from(queue: Workspace) -> None:
    with provisioning_server(Reply(body=FILE)) as server:
        pinned = f"{server.url}/queue.yaml#sha256={DIGEST}"
        assert queue.run("generate", "--provisioners", pinned).code == 0
        listed = queue.run("provisioners", "list", "--provisioners", pinned).out
    assert queue.toml("web")["env"] == {"HOST": "there"}
    assert any(line.startswith("queue ") and line.endswith(f"{server.url}/queue.yaml") for line in listed.splitlines())


def test_a_file_that_has_changed_is_refused(queue: Workspace) -> None:
    with provisioning_server(Reply(body=OTHER)) as server:
        result = queue.run("generate", "--provisioners", f"{server.url}/queue.yaml#sha256={DIGEST}")
    assert result.code == 2
    assert f"is not what was pinned: its SHA-256 is {hashlib.sha256(OTHER).hexdigest()}" in result.err


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        (
            "https://a.example/q.yaml",
            "is not pinned: it could be another file tomorrow (write https://a.example/q.yaml#sha256=DIGEST;",
        ),
        ("https://a.example/q.yaml#sha256=abc", "is not pinned"),
        (
            f"git+{REPOSITORY}@main#path=q.yaml",
            f"(write git+{REPOSITORY}@COMMIT#path=q.yaml; `scorefly provisioners add",
        ),
        (f"git+{REPOSITORY}@{'a' * 40}", "names no provisioner file (write https://HOST/PATH#sha256=DIGEST, or git+"),
        ("http://a.example/q.yaml#sha256=" + DIGEST, "http:// sends state and secrets in clear"),
        ("ftp://a.example/q.yaml", "names no provisioner file"),
    ],
)
def test_what_is_not_pinned_is_refused_with_the_line_to_write(queue: Workspace, uri: str, problem: str) -> None:
    result = queue.run("validate", "--provisioners", uri)
    assert result.code == 2
    assert problem in result.err


@pytest.mark.parametrize(
    ("reply", "problem"),
    [(Reply(404, b""), "Not Found (HTTP 404)"), (Reply(body=b"#" * 2_000_000), "has more than 1 MiB")],
)
def test_a_file_that_cannot_be_had_is_a_failure_outside(queue: Workspace, reply: Reply, problem: str) -> None:
    with provisioning_server(reply) as server:
        result = queue.run("validate", "--provisioners", f"{server.url}/queue.yaml#sha256={DIGEST}")
    assert result.code == 1
    assert problem in result.err


def test_a_file_of_a_commit_stays_what_it_was(queue: Workspace, repository: Repository) -> None:
    path, environment = repository.path, repository.environment
    first = git(path, "rev-parse", "HEAD")
    second = commit(path, OTHER)
    for pinned, host in ((first, "there"), (second, "elsewhere")):
        uri = f"git+{repository.address}@{pinned}#path=files/queue.yaml"
        result = queue.run("generate", "--provisioners", uri, **environment)
        assert result.code == 0, result.err
        assert queue.toml("web")["env"] == {"HOST": host}
    result = queue.run("generate", "--provisioners", f"git+{repository.address}@{first}#path=nope.yaml", **environment)
    assert (result.code, f"has no file 'nope.yaml' at {first[:7]}" in result.err) == (1, True)


def test_a_commit_is_read_once_and_with_the_token_of_its_server(queue: Workspace, repository: Repository) -> None:
    (queue.path / ".gitconfig").unlink()
    uri = f"git+{repository.address}@{git(repository.path, 'rev-parse', 'HEAD')}#path=files/queue.yaml"
    host = repository.server.url.partition("://")[2]
    queue.write("scorefly.yaml", f"access: {{{host}: {{token: READ}}}}\nprovisioners:\n- {uri}\n")
    environment = {**repository.environment, "SCOREFLY_SECRETS": json.dumps({"READ": repository.server.token})}
    assert queue.run("generate", **environment).code == 0
    asked = len(repository.server.requests)
    assert asked
    result = queue.run("generate", **environment)
    assert (result.code, len(repository.server.requests)) == (0, asked)
    (other,) = {host.replace("127.0.0.1", "localhost")}
    queue.write("scorefly.yaml", f"access: {{{other}: {{token: READ}}}}\nprovisioners:\n- {uri}\n")
    result = queue.run("generate", **environment, XDG_CACHE_HOME=str(queue.path / "empty"))
    assert (result.code, "access denied" in result.err) == (1, True)
    assert repository.server.token not in result.err + result.out


def test_adding_a_file_shows_it_and_pins_it_and_adding_it_again_pins_what_it_is_now(queue: Workspace) -> None:
    queue.write("scorefly.yaml", "# ours\nregion: ams\nprovisioners:\n    - mine.yaml  # local ones first\n")
    queue.write("mine.yaml", "[]\n")
    with provisioning_server(Reply(body=FILE), Reply(body=OTHER)) as server:
        added = queue.run("provisioners", "add", f"{server.url}/queue.yaml")
        assert (added.code, added.out) == (0, FILE.decode())
        line = f"    - {server.url}/queue.yaml#sha256="
        before = "# ours\nregion: ams\nprovisioners:\n    - mine.yaml  # local ones first\n"
        assert (queue.path / "scorefly.yaml").read_text() == f"{before}{line}{DIGEST}\n"
        assert queue.run("provisioners", "add", f"{server.url}/queue.yaml").code == 0
        assert (queue.path / "scorefly.yaml").read_text() == f"{before}{line}{hashlib.sha256(OTHER).hexdigest()}\n"
        assert queue.run("generate").code == 0
    assert queue.toml("web")["env"] == {"HOST": "elsewhere"}


def test_adding_to_a_project_without_provisioners_keeps_those_it_had_by_default(queue: Workspace) -> None:
    queue.write(
        ".scorefly/mine.provisioners.yaml", "- {uri: static://mine/queue, type: queue, outputs: {host: mine}}\n"
    )
    with provisioning_server(Reply(body=FILE)) as server:
        assert queue.run("provisioners", "add", f"{server.url}/queue.yaml").code == 0
        assert queue.run("generate").code == 0
    assert queue.toml("web")["env"] == {"HOST": "mine"}


def test_a_branch_is_pinned_to_the_commit_it_is_at(queue: Workspace, repository: Repository) -> None:
    for given in ("", "@main"):
        uri = f"git+{repository.address}{given}#path=files/queue.yaml"
        result = queue.run("provisioners", "add", uri, **repository.environment)
        assert result.code == 0, result.err
    head = git(repository.path, "rev-parse", "HEAD")
    text = (queue.path / "scorefly.yaml").read_text()
    assert text.count(f"git+{repository.address}@{head}#path=files/queue.yaml") == 1
    assert queue.run("generate", **repository.environment).code == 0
    gone = queue.run("provisioners", "add", f"git+{repository.address}@gone#path=q.yaml", **repository.environment)
    assert (gone.code, "has no branch 'gone'" in gone.err) == (1, True)


@pytest.mark.parametrize(
    "text", ["provisioners: [a.yaml]\n", "provisioners: a.yaml\n", "{region: ams}\n", "provisioners:\n- >\n  a\n"]
)
def test_a_project_file_that_is_written_otherwise_is_left_alone_and_the_line_is_told(
    queue: Workspace, text: str
) -> None:
    queue.write("scorefly.yaml", text)
    with provisioning_server(Reply(body=FILE)) as server:
        result = queue.run("provisioners", "add", f"{server.url}/queue.yaml")
    assert result.code == 2
    assert f"add the line yourself: - {server.url}/queue.yaml#sha256={DIGEST}" in result.err
    assert (queue.path / "scorefly.yaml").read_text() == text


def test_a_file_that_is_wrong_is_not_added(queue: Workspace) -> None:
    with provisioning_server(Reply(body=b"- {uri: static://x, tpye: queue}\n")) as server:
        result = queue.run("provisioners", "add", f"{server.url}/queue.yaml")
    assert result.code == 2
    assert "unknown key 'tpye' (did you mean 'type'?)" in result.err
    assert not (queue.path / "scorefly.yaml").exists()

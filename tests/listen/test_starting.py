"""What keeps a listener from starting, said before anything is done."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from listeners import Environments, listening, standin_tree
from workspaces import Workspace

PROJECT = "https://github.com/acme/environments"
SECRET = "SCOREFLY_WEBHOOK_SECRET_GITHUB"


@pytest.mark.parametrize(
    ("options", "variables", "problem"),
    [
        ([], {SECRET: ""}, f"{SECRET}: the sender github has no secret (set {SECRET}, or unset it)"),
        ([], {SECRET: "  "}, f"{SECRET}: the sender github has no secret (set {SECRET}, or unset it)"),
        ([], {"SCOREFLY_WEBHOOK_SECRET_GITHUBB": "0123456789abcdef"}, "unknown sender 'githubb'"),
        ([], {"SCOREFLY_WEBHOOK_SECRET_GENERIC": "whsec_!"}, "a secret is not base64 after whsec_"),
        ([], {"SCOREFLY_READ_TOKEN": "0123456789abcdef", "SCOREFLY_ACT_TOKEN": "0123456789abcdef"},
         "the token to act equals the token to read"),
        (["--poll", "0s"], {}, "--poll: invalid time '0s'"),
        (["--poll", "soon"], {}, "--poll: invalid time 'soon'"),
        (["--parallel", "0"], {}, "--parallel: invalid number '0'"),
        (["--port", "x"], {}, "--port: invalid number 'x'"),
        (["--port", "65536"], {}, "--port: invalid number '65536'"),
        (["--project", "ext::sh -c id"], {}, "--project: this is not the address of a git repository"),
        (["--project", "--upload-pack=id"], {}, "--project"),
        (["--project", "http://git.example.com/a"], {}, "would be read in clear text"),
        (["--project", "https://user:canary-pass@github.com/a/b"], {}, "cannot hold a user or a password"),
        (["--project", f"{PROJECT}#main:../x"], {}, "'../x' is not a folder of the repository"),
        (["--project", f"{PROJECT}#-x"], {}, "'-x' is not the name of a ref"),
        (["--notify", "http://example.com/x"], {}, "the webhook to notify is not an https:// URL"),
        (["--notify", "https://example.com/x"], {}, "the webhook to notify has no secret"),
        (["--data", "/proc/none"], {}, "--data: cannot write to /proc/none"),
    ],
)  # fmt: skip
def test_wrong_settings_end_with_2(
    options: list[str], variables: dict[str, str], problem: str, workspace: Workspace, tmp_path: Path
) -> None:
    defaults = [] if "--project" in options else ["--project", PROJECT]
    defaults += [] if "--data" in options else ["--data", str(tmp_path / "data")]
    result = workspace.run("listen", *defaults, *options, **variables)
    assert result.code == 2
    assert problem in result.err
    assert "canary-pass" not in result.err
    assert not (tmp_path / "data").exists()


def test_all_problems_are_said_at_once(workspace: Workspace) -> None:
    result = workspace.run("listen", "--project", "x::y", "--poll", "never", **{SECRET: ""})
    assert len(result.problems) == 3


def test_a_port_that_is_in_use_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        options = ["--project", PROJECT, "--data", str(tmp_path / "data"), "--host", "127.0.0.1", "--port", port]
        result = workspace.run("listen", *options)
    assert result.code == 2
    assert f"--port: cannot listen on port {port}: Address already in use" in result.err


def test_a_damaged_ledger_is_named(workspace: Workspace, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    result = workspace.run("listen", "--project", PROJECT, "--data", str(data))
    assert result.code == 1
    assert f"{data}/ledger.sqlite3:1:1: cannot open the ledger" in result.err


def test_short_secrets_are_a_warning_that_does_not_show_them(tmp_path: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging"))
    with listening(environments.url, tmp_path / "data", **{SECRET: "hunter22"}) as listener:  # type: ignore[arg-type]
        assert any("a secret has less than 16 characters" in line for line in listener.lines)
        assert not any("hunter22" in line for line in listener.lines)


def test_a_listener_without_any_secret_polls(tmp_path: Path) -> None:
    from listeners import SECRETS

    environments = Environments.create(tmp_path / "git", standin_tree("staging"))
    none = {f"SCOREFLY_WEBHOOK_SECRET_{name.upper()}": "-" for name in SECRETS}
    with listening(environments.url, tmp_path / "data", "--poll=1s", **none) as listener:  # type: ignore[arg-type]
        listener.wait_for_commit("staging", environments.push())

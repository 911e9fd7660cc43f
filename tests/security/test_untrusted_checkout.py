"""A fork's preview: nothing is written to its checkout, nothing of it reaches out, and only the head is taken."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from github_events import Json, issue_comment, pull_request, variables
from github_server import GitHub
from provisioning_server import provisioning_server
from workspaces import ActionResult, Workspace

FORK = "stranger/shop"
STATE_KEY = {"state-key": "RdB1UrVOLbDMSd0WkpMSmqvNsfnzH9kPrpMhQQ9p4JY="}
BODY = """\
    files: {/etc/web.conf: {content: "listen"}}
    variables: {A: "${resources.key.value}", B: "${resources.env.B}", C: "${resources.cache.password}"}
service: {ports: {http: {port: 80}}}
resources:
  key: {type: secret, params: {name: A}}
  env: {type: environment}
  cache: {type: redis}
"""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7, head=FORK, author="stranger")
        yield server


def act(workspace: Workspace, github: GitHub, event: str, payload: Json, **inputs: str) -> ActionResult:
    given = {"command": "preview", "fly-api-token": "fo1_x", "secrets": '{"A": "value-of-a"}', **inputs}
    return workspace.action(given, **variables(github, event, payload, workspace.path.parent))


def happened(github: GitHub, event: str, action: str = "opened") -> Json:
    return issue_comment(github, 7, "/preview") if event == "issue_comment" else pull_request(github, 7, action)


def listing(folder: Path) -> dict[str, str | bytes]:
    """Everything below a folder: files with their content, links with their targets, folders."""
    found: dict[str, str | bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = str(path.readlink()) if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
    return found


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment"])
def test_simulated_preview_of_a_fork_leaves_the_checkout_unchanged(
    workspace: Workspace, github: GitHub, event: str, tmp_path: Path
) -> None:
    workspace.workload("web", BODY)
    workspace.write("Dockerfile", "FROM scratch\n")
    workspace.write("built.score.yaml", (workspace.path / "web.score.yaml").read_text())
    text = (workspace.path / "built.score.yaml").read_text().replace("name: web", "name: built")
    workspace.write("built.score.yaml", text.replace("nginx:1.27", '"."'))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (workspace.path / ".scorefly").mkdir()
    for name in (".scorefly/out", ".scorefly/rehearsal", ".scorefly/.gitignore"):
        (workspace.path / name).symlink_to(outside if name != ".scorefly/.gitignore" else outside / "kept")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = listing(tmp_path / "workspace"), listing(outside)
    payload = happened(github, event)
    given = {"command": "preview", "fly-api-token": "fo1_x", "secrets": '{"A": "value-of-a"}'}
    around = variables(github, event, payload, tmp_path)
    result = workspace.action(given, TMPDIR=str(temporary), **around)
    assert result.code == 0, result.out
    assert (listing(tmp_path / "workspace"), listing(outside)) == before
    assert listing(temporary) == {}
    assert json.loads(result.outputs["deployed"]) == ["built-cache-pr-7", "web-cache-pr-7", "built-pr-7", "web-pr-7"]
    assert (result.outputs["artefacts"], result.outputs["plan"]) == ("", "")
    assert {each["artefact"] for each in json.loads(result.outputs["apps"])} == {""}
    assert str(temporary) not in result.out + result.summary + "".join(github.bodies(7))
    assert "value-of-a" not in result.outputs["apps"]


@pytest.mark.parametrize(
    ("command", "event"),
    [
        *(("preview", event) for event in ("pull_request", "pull_request_target", "issue_comment")),
        *((command, "pull_request") for command in ("deploy", "plan")),
    ],
)
def test_simulated_run_of_a_fork_asks_no_server_and_runs_no_program(
    workspace: Workspace, github: GitHub, event: str, command: str
) -> None:
    workspace.workload("web", "resources: {it: {type: thing}, that: {type: queue}}\n")
    with provisioning_server() as server:
        entries = [
            {
                "uri": "cmd://sh",
                "type": "thing",
                "args": ["-c", "touch ran; echo '{}'"],
                "rehearse": True,
                "plan": True,
            },
            {"uri": f"{server.url}/queue", "type": "queue", "rehearse": True, "plan": True},
        ]
        workspace.write(".scorefly/acme.provisioners.yaml", json.dumps(entries))
        remote = f"{server.url}/file#sha256={'0' * 64}"
        git = f"git+https://127.0.0.1:1/repository@{'0' * 40}#path=x.yaml"
        workspace.write("scorefly.yaml", json.dumps({"provisioners": [remote, git, ".scorefly/*.provisioners.yaml"]}))
        result = act(workspace, github, event, happened(github, event), command=command, rehearse="true")
        assert result.code == 0, result.out
        assert not server.asked
    assert not list(workspace.path.rglob("ran"))


def git(folder: Path, *arguments: str) -> str:
    config = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *config, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, name: str) -> str:
    (folder / name).write_text(name)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def commits(workspace: Workspace) -> dict[str, str]:
    """The workspace as a repository in which the head of the pull request and its merge are commits."""
    workspace.workload("web")
    folder = workspace.path
    git(folder, "init", "--quiet", "--initial-branch=main")
    made = {"start": commit(folder, "start"), "base": commit(folder, "base")}
    git(folder, "checkout", "--quiet", "-b", "topic", made["start"])
    made["head"] = commit(folder, "head")
    git(folder, "checkout", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    made["merge"] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "topic")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "other way", made["base"])
    made["other way"] = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", "-b", "other", made["head"])
    made["beside"] = commit(folder, "beside")
    return made


@pytest.mark.parametrize(
    ("event", "at", "code"),
    [
        *(("pull_request", at, code) for at, code in (("merge", 0), ("base", 2), ("beside", 2), ("other way", 2))),
        *(("pull_request_target", at, code) for at, code in (("head", 0), ("base", 2))),
        *(("issue_comment", at, code) for at, code in (("head", 0), ("start", 2))),
    ],
)
def test_only_the_head_or_its_merge_is_deployed(
    workspace: Workspace, github: GitHub, commits: dict[str, str], event: str, at: str, code: int
) -> None:
    github.open_pull(7, sha=commits["head"])
    git(workspace.path, "checkout", "--quiet", "--detach", commits[at])
    result = act(workspace, github, event, happened(github, event), rehearse="true")
    assert result.code == code, result.out
    assert ("ref: refs/pull/7/head" in result.out) == bool(code)
    assert (workspace.path / ".scorefly/rehearsal/world.json").exists() == (not code)


@pytest.mark.parametrize("at", ["base", "beside"])
def test_code_that_is_not_a_forks_head_is_not_simulated_as_its_preview(
    workspace: Workspace, github: GitHub, commits: dict[str, str], at: str
) -> None:
    github.open_pull(7, sha=commits["head"], head=FORK)
    git(workspace.path, "checkout", "--quiet", "--detach", commits[at])
    result = act(workspace, github, "pull_request_target", happened(github, "pull_request_target"))
    assert (result.code, result.outputs["deployed"]) == (0, "[]"), result.out
    assert "allow-unsafe-pr-checkout: true" in result.out


@pytest.mark.parametrize("at", ["head", "merge", "base"])
@pytest.mark.parametrize("kind", ["worktree", "shallow"])
def test_worktrees_and_shallow_clones_are_known_by_their_commit(
    workspace: Workspace, github: GitHub, commits: dict[str, str], tmp_path: Path, at: str, kind: str
) -> None:
    github.open_pull(7, sha=commits["head"])
    git(workspace.path, "branch", "--quiet", "wanted", commits[at])
    other = Workspace(tmp_path / "other")
    if kind == "worktree":
        git(workspace.path, "worktree", "add", "--quiet", str(other.path), "wanted")
    else:
        address = f"file://{workspace.path}"
        git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=wanted", address, str(other.path))
    result = act(other, github, "pull_request", happened(github, "pull_request"), rehearse="true")
    assert result.code == (2 if at == "base" else 0), result.out


def test_repository_without_a_commit_is_not_taken_for_the_head(workspace: Workspace, github: GitHub) -> None:
    github.open_pull(7)
    workspace.workload("web")
    git(workspace.path, "init", "--quiet")
    result = act(workspace, github, "pull_request", happened(github, "pull_request"), rehearse="true")
    assert (result.code, "cannot be read by git" in result.out) == (2, True), result.out


def test_commit_of_the_event_is_deployed_though_the_pull_request_has_moved_on(
    workspace: Workspace, github: GitHub, commits: dict[str, str]
) -> None:
    github.open_pull(7, sha=commits["head"])
    payload = happened(github, "pull_request")
    github.open_pull(7, sha=commits["beside"])
    github.open_pull(8, sha=commits["head"])  # a commit that GitHub still has
    git(workspace.path, "checkout", "--quiet", "--detach", commits["merge"])
    result = act(workspace, github, "pull_request", payload, rehearse="true")
    assert result.code == 0, result.out
    (deployment,) = github.deployments.values()
    assert deployment["sha"] == commits["head"]


@pytest.mark.parametrize("text", ["no-such-key: 1\n", "{", "dry-run: true\n", "state: file:/x/y\n"])
@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_comment_on_a_fork_is_not_blocked_by_its_project_file(
    workspace: Workspace, github: GitHub, text: str, who: str
) -> None:
    workspace.workload("web")
    opened = act(
        workspace,
        github,
        "pull_request_target",
        pull_request(github, 7, "opened"),
        rehearse="true",
        **{"allow-forks": "true"},
    )
    assert opened.code == 0, opened.out
    workspace.write("scorefly.yaml", text)
    payload = issue_comment(github, 7, "/preview destroy", sender=who)
    result = act(workspace, github, "issue_comment", payload, rehearse="true")
    assert result.code == 0, result.out
    assert bool(workspace.world["apps"]) == (who == "stranger")


def test_comment_on_an_own_branch_says_what_is_wrong_with_its_project_file(
    workspace: Workspace, github: GitHub
) -> None:
    github.open_pull(7)
    workspace.workload("web")
    workspace.write("scorefly.yaml", "no-such-key: 1\n")
    result = act(workspace, github, "issue_comment", issue_comment(github, 7, "/preview"), rehearse="true")
    assert (result.code, "unknown key 'no-such-key'" in result.out) == (2, True)
    assert "unknown key" in github.bodies(7)[0]


def test_dependabots_preview_uses_the_project_file_and_no_secret(workspace: Workspace, github: GitHub) -> None:
    github.open_pull(7, author="dependabot[bot]")
    workspace.workload("web", BODY)
    workspace.write("scorefly.yaml", "app-prefix: acme-\n")
    payload = pull_request(github, 7, "opened", "dependabot[bot]")
    result = act(workspace, github, "pull_request", payload, **{"fly-api-token": "", "secrets": '{"A": null}'})
    assert result.code == 0, result.out
    assert json.loads(result.outputs["deployed"]) == ["acme-web-cache-pr-7", "acme-web-pr-7"]
    assert "Dependabot no secrets" in result.summary
    assert not (workspace.path / ".scorefly").exists()


@pytest.mark.parametrize(
    "text", ["state: file:../x.state", "state: file:/x/poetry", "state: file:~/x", "artefacts: ../out"]
)
@pytest.mark.parametrize("face", ["cli", "action"])
def test_project_file_names_no_path_outside_to_write_to(
    workspace: Workspace, github: GitHub, text: str, face: str
) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", f"{text}\n")
    result = workspace.run("deploy", "--rehearse") if face == "cli" else workspace.action({"rehearse": "true"})
    assert (result.code, "is outside the workspace" in result.out + result.err) == (2, True)
    assert not (workspace.path / ".scorefly").exists()


def test_inputs_may_name_paths_outside_to_write_to(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    inputs = {"rehearse": "true", "state": f"file:{tmp_path}/kept.state", "artefacts": f"{tmp_path}/out"}
    assert workspace.action(inputs).code == 0
    assert (tmp_path / "kept.state").exists()
    assert (tmp_path / "out/production/web/fly.toml").exists()


@pytest.mark.parametrize("action", ["opened", "closed"])
def test_preview_decides_again_once_it_has_the_lock(workspace: Workspace, github: GitHub, action: str) -> None:
    github.open_pull(7)
    workspace.workload("web")
    if action == "closed":
        assert act(workspace, github, "pull_request", happened(github, "pull_request"), rehearse="true").code == 0
        github.pulls[7]["state"] = "closed"
    asked = github.requests.count(("GET", "/repos/acme/shop/pulls/7"))

    def change(_: int) -> None:
        if github.requests.count(("GET", "/repos/acme/shop/pulls/7")) == asked + 2:
            github.pulls[7]["state"] = "closed" if action == "opened" else "open"

    github.on_request = change
    result = act(workspace, github, "pull_request", happened(github, "pull_request", action), rehearse="true")
    assert result.code == 0, result.out
    expected = "the pull request is closed" if action == "opened" else "the pull request is open again"
    assert expected in result.out
    assert (workspace.path / ".scorefly/rehearsal/world.json").exists() == (action == "closed")
    assert github.states("pr-7") == ([] if action == "opened" else ["success"])


@pytest.mark.parametrize("command", ["deploy", "generate", "destroy"])
def test_no_other_command_runs_a_forks_code_with_secrets(
    workspace: Workspace, github: GitHub, commits: dict[str, str], command: str
) -> None:
    github.open_pull(7, sha=commits["head"], head=FORK)
    git(workspace.path, "checkout", "--quiet", "--detach", commits["head"])
    payload = happened(github, "pull_request_target")
    result = act(workspace, github, "pull_request_target", payload, command=command, state="file", **STATE_KEY)
    assert (result.code, "does not run a fork's code with secrets" in result.out) == (2, True), result.out
    assert not (workspace.path / ".scorefly").exists()


@pytest.mark.parametrize(("at", "code"), [("base", 2), ("head", 0)])
def test_plan_of_the_base_branch_is_not_commented_on_a_pull_request(
    workspace: Workspace, github: GitHub, commits: dict[str, str], at: str, code: int
) -> None:
    github.open_pull(7, sha=commits["head"])
    git(workspace.path, "checkout", "--quiet", "--detach", commits[at])
    payload = happened(github, "pull_request_target")
    result = act(workspace, github, "pull_request_target", payload, command="plan", rehearse="true")
    assert result.code == code, result.out
    assert bool(github.bodies(7)) == (not code)
    assert ("ref: refs/pull/7/head" in result.out) == bool(code)


@pytest.mark.parametrize("name", ["poetry", "server"])
def test_file_state_removes_no_file_of_another_tool(workspace: Workspace, name: str) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", f"state: file:{name}\n")
    kept = {f"{name}.lock": "kept", f"{name}.key": "kept"}
    for path, text in kept.items():
        workspace.write(path, text)
    inputs = {"rehearse": "true", **STATE_KEY}
    for command in ("deploy", "destroy"):
        result = workspace.action({**inputs, "command": command})
        assert result.code == 0, result.out
    assert {path: (workspace.path / path).read_text() for path in kept} == kept
    assert not (workspace.path / name).exists()

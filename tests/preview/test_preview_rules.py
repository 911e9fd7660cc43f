"""Every row of the table in docs/preview.md, as what GitHub sends."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from github_events import Json, issue_comment, pull_request, variables, workflow_dispatch
from github_server import GitHub
from provisioning_server import Reply, provisioning_server
from scorefly.github.api import pull_view
from scorefly.github.event import Event, parse_event
from scorefly.previews.policy import Decision, PreviewConditions, decide
from workspaces import REPOSITORY, Workspace

FORK = "stranger/shop"
NO_SECRETS = PreviewConditions(can_deploy=False)
WRITER = PreviewConditions(may_write=True)


def rows() -> dict[str, tuple[str, ...]]:
    """The cells of each row of the table, by its first."""
    page = (REPOSITORY / "docs/preview.md").read_text(encoding="utf-8")
    table = page.partition("| what happens |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {name: tuple(rest) for name, *rest in cells}


def opened(
    *, then: dict[str, Any] | None = None, by: str = "owner", **pull: Any
) -> Callable[[], tuple[str, Json, Json]]:
    return happened("opened", then=then, by=by, **pull)


def happened(
    action: str, name: str = "pull_request", then: dict[str, Any] | None = None, by: str = "owner", **pull: Any
) -> Callable[[], tuple[str, Json, Json]]:
    """An event of a pull request, and the pull request as it is by now."""

    def make() -> tuple[str, Json, Json]:
        github = GitHub()
        github.open_pull(7, **pull)
        github.pulls[7]["state"] = "closed" if action == "closed" else "open"
        payload = pull_request(github, 7, action, by)
        return name, payload, {**github.pulls[7], **(then or {})}

    return make


def commented(
    body: str, state: str = "open", *, head: str = "", **options: Any
) -> Callable[[], tuple[str, Json, Json]]:
    def make() -> tuple[str, Json, Json]:
        github = GitHub()
        github.open_pull(7, head=head)
        return "issue_comment", issue_comment(github, 7, body, **options), {**github.pulls[7], "state": state}

    return make


def dispatched(head: str = "", **inputs: str) -> Callable[[], tuple[str, Json, Json]]:
    def make() -> tuple[str, Json, Json]:
        github = GitHub()
        github.open_pull(7, head=head)
        return "workflow_dispatch", workflow_dispatch(github, **inputs), github.pulls[7]

    return make


def gone(make: Callable[[], tuple[str, Json, Json]]) -> Callable[[], tuple[str, Json, Json]]:
    """The same with a head repository that is there no longer."""

    def changed() -> tuple[str, Json, Json]:
        name, payload, pull = make()
        for each in (payload["pull_request"], pull):
            each["head"] = {**each["head"], "repo": None}
        return name, payload, pull

    return changed


def renamed(make: Callable[[], tuple[str, Json, Json]]) -> Callable[[], tuple[str, Json, Json]]:
    """The same, and by now the repository has another owner."""

    def changed() -> tuple[str, Json, Json]:
        name, payload, pull = make()
        other = {"full_name": "umbrella/shop"}
        return name, payload, {**pull, "head": {**pull["head"], "repo": other}, "base": {**pull["base"], "repo": other}}

    return changed


NEWER = {"head": {"sha": "d" * 40, "repo": {"full_name": "acme/shop"}}}
CASES: dict[str, tuple[Callable[[], tuple[str, Json, Json]], PreviewConditions]] = {
    "opened, by somebody who may push": (opened(), PreviewConditions()),
    "synchronize: a push": (happened("synchronize"), PreviewConditions()),
    "synchronize: a force-push": (happened("synchronize", sha="f" * 40), PreviewConditions()),
    "reopened": (happened("reopened"), PreviewConditions()),
    "a draft, opened or pushed to": (opened(draft=True), PreviewConditions()),
    "ready for review": (happened("ready_for_review"), PreviewConditions()),
    "converted to draft, labelled, edited, …": (happened("converted_to_draft", draft=True), PreviewConditions()),
    "closed, merged or not": (happened("closed"), PreviewConditions()),
    "closed, and nothing was ever deployed": (happened("closed"), PreviewConditions()),
    "opened from a fork": (opened(head=FORK), NO_SECRETS),
    "opened from a fork, pull_request_target": (
        happened("opened", "pull_request_target", head=FORK),
        PreviewConditions(),
    ),
    "opened from a fork, with allow-forks": (opened(head=FORK), PreviewConditions(allow_forks=True)),
    "opened from a fork, with allow-forks but no secrets": (
        opened(head=FORK),
        PreviewConditions(allow_forks=True, can_deploy=False),
    ),
    "a fork is deleted, its pull request still open": (gone(happened("reopened", head=FORK)), PreviewConditions()),
    "closed, of a fork, without secrets": (happened("closed", head=FORK), NO_SECRETS),
    "closed, of a fork, pull_request_target": (
        happened("closed", "pull_request_target", head=FORK),
        PreviewConditions(),
    ),
    "closed, of a fork, pull_request_target, its own code checked out": (
        happened("closed", "pull_request_target", head=FORK),
        PreviewConditions(),
    ),
    "opened by Dependabot": (opened(by="dependabot[bot]", author="dependabot[bot]"), NO_SECRETS),
    "closed, of Dependabot": (happened("closed", by="dependabot[bot]"), NO_SECRETS),
    "opened by another bot, with secrets": (opened(by="renovate[bot]", author="renovate[bot]"), PreviewConditions()),
    "a run is started again, nothing new since": (opened(), PreviewConditions()),
    "a run is started again, with newer commits since": (opened(then=NEWER), PreviewConditions()),
    "a run is started again, the pull request is closed since": (opened(then={"state": "closed"}), PreviewConditions()),
    "the run of closed is started again, reopened since": (
        happened("closed", then={"state": "open"}),
        PreviewConditions(),
    ),
    "a run waited, and meanwhile the pull request was closed": (opened(then={"state": "closed"}), PreviewConditions()),
    "the repository was renamed or transferred": (renamed(happened("synchronize")), PreviewConditions()),
    "/preview, of somebody who may write": (commented("/preview"), WRITER),
    "/preview, of anybody else": (commented("/preview", sender="stranger"), PreviewConditions()),
    "/preview, on a pull request from a fork": (commented("/preview", head=FORK), WRITER),
    "/preview, on a closed pull request": (commented("/preview", "closed"), WRITER),
    "/preview destroy, of somebody who may write": (commented("/preview destroy\r\nthanks"), WRITER),
    "/preview destroy, of anybody else": (commented("/preview destroy", sender="stranger"), PreviewConditions()),
    "/preview, of a bot": (commented("/preview", sender="github-actions[bot]"), WRITER),
    "/preview, in a comment that was edited or deleted": (commented("/preview", action="edited"), WRITER),
    "/preview, somewhere within a comment": (commented("please\n/preview"), WRITER),
    "/preview, on an issue, or one transferred from elsewhere": (commented("/preview", issue=True), WRITER),
    "workflow_dispatch with `number`": (dispatched(number="7"), PreviewConditions()),
    "workflow_dispatch with `number` and `destroy: true`": (
        dispatched(number="7", destroy="true"),
        PreviewConditions(),
    ),
    "workflow_dispatch with `number`, of a fork": (dispatched(FORK, number="7"), PreviewConditions()),
}


def decided(row: str) -> tuple[Event, Decision]:
    make, circumstances = CASES[row]
    name, payload, pull = make()
    event = parse_event(name, payload, rerun="started again" in row)
    return event, decide(event, pull_view(pull), circumstances)


SECRET = "value-of-the-secret"
READS = {(True, True, True): "all", (True, False, True): "all but `scorefly.yaml`", (False, True, True): "`scorefly.yaml`, provisioners"}  # fmt: skip


def committed(workspace: Workspace) -> str:
    """A commit, of nothing, that is checked out."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(("git", "init", "--quiet"), cwd=workspace.path, check=True)
    subprocess.run((*git, "commit", "--quiet", "--allow-empty", "-m", "base"), cwd=workspace.path, check=True)
    done = subprocess.run(("git", "rev-parse", "HEAD"), cwd=workspace.path, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def observed(row: str, workspace: Workspace) -> tuple[str, str, str, str]:
    """What a preview reads of the checkout, whether it uses secrets, whom it asks, and what becomes of Fly's apps."""
    make, circumstances = CASES[row]
    name, payload, pull = make()
    witness = workspace.path.parent / "witness"
    inputs = {
        "command": "preview",
        "secrets": json.dumps({"TOKEN": SECRET}) if circumstances.can_deploy else '{"TOKEN": null}',
        "rehearse": "true" if circumstances.can_deploy else "false",
        "allow-forks": str(circumstances.allow_forks).lower(),
    }
    strange = "its own code" in row
    workspace.workload("web", "" if strange else "resources: {it: {type: thing}}\n")
    script = f"printf %s \"$TOKEN\" > {witness}; echo '{{}}'"
    entry = {"uri": "cmd://sh", "type": "thing", "args": ["-c", script], "env": {"TOKEN": "{{ secrets.TOKEN }}"}}
    workspace.write(".scorefly/acme.provisioners.yaml", json.dumps([{**entry, "rehearse": True}]))
    with GitHub() as github, provisioning_server(Reply(body=b"[]")) as server:
        github.pulls[7] = pull
        remote = f"{server.url}/file#sha256={hashlib.sha256(b'[]').hexdigest()}"
        project: dict[str, Any] = {"app-prefix": "seen-", "provisioners": [remote, ".scorefly/*.provisioners.yaml"]}
        if rows()[row][0] == "destroy":
            before = {**pull, "state": "open", "head": {**pull["head"], "repo": {"full_name": "acme/shop"}}}
            github.pulls[7] = before
            opened_before = variables(github, "pull_request", pull_request(github, 7, "opened"), workspace.path.parent)
            assert workspace.action({**inputs, "rehearse": "true"}, **opened_before).code == 0
            github.pulls[7] = pull
            project["comment"] = False
        workspace.write("scorefly.yaml", json.dumps(project))
        apps = set(workspace.world["apps"]) if (workspace.path / ".scorefly/rehearsal/world.json").exists() else set()
        witness.unlink(missing_ok=True)
        github.requests.clear()
        attempt = 2 if "started again" in row else 1
        around = variables(github, name, payload, workspace.path.parent, attempt=attempt)
        if name == "pull_request_target" and rows()[row][0] == "destroy" and not strange:
            around["GITHUB_SHA"] = committed(workspace)
        result = workspace.action(inputs, **around)
        assert result.code == 0, result.out
        asked = [each for each, there in (("GitHub", github.requests), ("provisioners", server.asked)) if there]
        silent = not any(method in ("PATCH", "POST") and "comment" in path for method, path in github.requests)
    deployed, destroyed = json.loads(result.outputs["deployed"]), json.loads(result.outputs["destroyed"])
    now = set(workspace.world["apps"]) if (workspace.path / ".scorefly/rehearsal/world.json").exists() else set()
    fly = "deployed" if now - apps else "destroyed" if apps - now else "simulated" if deployed else "untouched"
    used = "given" if witness.exists() and witness.read_text() == SECRET else "none"
    counted = any(each.startswith("seen-") for each in deployed) or (bool(destroyed) and silent)
    provisioned = bool(deployed) or witness.exists()
    return READS.get((bool(deployed), counted, provisioned), "none"), used, ", ".join(asked) or "none", fly


@pytest.mark.parametrize("row", CASES)
def test_a_row_reads_writes_and_reaches_what_the_page_says(row: str, workspace: Workspace) -> None:
    assert observed(row, workspace) == rows()[row][1:]


def test_the_page_and_these_tests_have_the_same_rows() -> None:
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("row", CASES)
def test_a_row_of_the_table(row: str) -> None:
    event, decision = decided(row)
    assert (event.number, decision.deed) == (7, rows()[row][0])
    assert bool(decision.why) == (decision.deed in ("nothing", "rehearse"))


@pytest.mark.parametrize(
    "body",
    [
        "/preview",
        "/preview ",
        "/preview\tdestroy",
        "/preview destroy",
        "/preview destroyed",
        "/previews",
        " /preview",
        "/Preview",
        "/preview destroy now",
        "",
        "\n/preview",
    ],
)
def test_only_the_two_commands_count(body: str) -> None:
    expected = {
        "/preview": "deploy",
        "/preview ": "deploy",
        "/preview\tdestroy": "destroy",
        "/preview destroy": "destroy",
    }
    name, payload, _ = commented(body)()
    assert parse_event(name, payload).request == expected.get(body, "")

"""Events as GitHub's webhooks document them, as far as anybody here reads them, and what a runner says beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from github_server import TOKEN, GitHub

Json = dict[str, Any]


def _user(login: str) -> Json:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def pull_request(github: GitHub, number: int, action: str, sender: str = "owner") -> Json:
    pull = json.loads(json.dumps(github.pulls[number]))
    extra = {"before": "0" * 40, "after": pull["head"]["sha"]} if action == "synchronize" else {}
    return {
        "action": action,
        "number": number,
        "pull_request": pull,
        "repository": {"full_name": github.repository},
        "sender": _user(sender),
        **extra,
    }


def issue_comment(
    github: GitHub, number: int, body: str, sender: str = "owner", action: str = "created", *, issue: bool = False
) -> Json:
    link = (
        {} if issue else {"pull_request": {"url": f"https://api.github.com/repos/{github.repository}/pulls/{number}"}}
    )
    return {
        "action": action,
        "issue": {"number": number, "state": "open", "user": _user("owner"), **link},
        "comment": {"id": 1, "body": body, "user": _user(sender), "author_association": "OWNER"},
        "repository": {"full_name": github.repository},
        "sender": _user(sender),
    }


def workflow_dispatch(github: GitHub, **inputs: str) -> Json:
    return {
        "inputs": inputs or None,
        "ref": "refs/heads/main",
        "workflow": ".github/workflows/preview.yml",
        "repository": {"full_name": github.repository},
        "sender": _user("owner"),
    }


def push(branch: str = "main") -> Json:
    return {"ref": f"refs/heads/{branch}", "sender": {"login": "owner", "type": "User"}}


def events(github: GitHub) -> dict[str, tuple[str, Json]]:
    """Everything that happens to a repository, by a name for each."""
    github.open_pull(8, head="stranger/shop", author="stranger")
    github.open_pull(10, author="dependabot[bot]")
    return {
        "push": ("push", push()),
        "pull request": ("pull_request", pull_request(github, 7, "opened")),
        "pull request with secrets": ("pull_request_target", pull_request(github, 7, "opened")),
        "fork": ("pull_request", pull_request(github, 8, "opened", "stranger")),
        "fork with secrets": ("pull_request_target", pull_request(github, 8, "opened", "stranger")),
        "Dependabot": ("pull_request", pull_request(github, 10, "opened", "dependabot[bot]")),
        "comment": ("issue_comment", issue_comment(github, 7, "/preview")),
        "another comment": ("issue_comment", issue_comment(github, 7, "looks good")),
        "schedule": ("schedule", {"schedule": "17 3 * * *"}),
        "dispatch": ("workflow_dispatch", workflow_dispatch(github, number="7")),
        "closed": ("pull_request_target", pull_request(github, 7, "closed")),
        "fork closed": ("pull_request_target", pull_request(github, 8, "closed", "stranger")),
    }


def variables(github: GitHub, name: str, payload: Json, folder: Path, *, attempt: int = 1) -> dict[str, str]:
    """What the runner puts into a step's environment for an event; the payload goes into `folder`."""
    path = folder / "event.json"
    path.write_text(json.dumps(payload), encoding="utf-8")
    return {
        "GITHUB_API_URL": github.url,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": github.repository,
        "GITHUB_RUN_ID": "42",
        "GITHUB_RUN_ATTEMPT": str(attempt),
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_SHA": "b" * 40,
        "INPUT_GITHUB-TOKEN": TOKEN,
    }

"""Starts a workflow on GitHub in place of a run: this machine has no Fly token then."""

from __future__ import annotations

from scorefly.http import mapping, text
from scorefly.listen.github_tokens import GitHubTokens
from scorefly.listen.units import Outcome, Tree, Unit
from scorefly.problems import ScoreflyError

UNIT = "workflow"


def dispatch_tree(tree: Tree) -> Tree:
    """Return a tree of one unit that follows all sources."""
    follows = dict.fromkeys(each for unit in tree.units for each in unit.follows)
    return Tree((Unit(UNIT, (), tuple(follows), {"environment": ""}),), tree.includes)


def start_workflow(tokens: GitHubTokens, workflow: str, ref: str) -> Outcome:
    """Start `OWNER/REPO/WORKFLOW` on a branch, its repository's default one where none is followed."""
    owner, repository, file = workflow.split("/")
    base = f"/repos/{owner}/{repository}"
    try:
        token = tokens.token(owner)
        branch = ref.removeprefix("refs/heads/")
        if ref == "HEAD":
            answer = tokens.call("GET", base, token)
            if answer.status_code != 200:
                return Outcome("failed", f"{owner}/{repository} cannot be read: HTTP {answer.status_code}")
            branch = answer.read(lambda data: text(mapping(data), "default_branch"))
        answer = tokens.call("POST", f"{base}/actions/workflows/{file}/dispatches", token, {"ref": branch})
    except ScoreflyError as error:
        return Outcome("failed", str(error))
    except ValueError as error:  # a malformed answer
        return Outcome("failed", f"GitHub: {error}")
    if answer.status_code in (200, 204):
        return Outcome("ok", "", f"started {file} of {owner}/{repository} on {branch}")
    reason = f"{file} of {owner}/{repository} cannot be started: HTTP {answer.status_code}"
    hint = "the token needs actions: write" if answer.status_code in (401, 403, 404) else "it needs workflow_dispatch"
    return Outcome("failed", f"{reason} ({hint})")

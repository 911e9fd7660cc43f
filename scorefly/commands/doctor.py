"""`doctor`: check what a deploy needs: flyctl, the Fly token, state and its key, git, the GitHub token."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from scorefly.commands.status import known_state
from scorefly.config.settings import Settings
from scorefly.deployment.connection import open_api
from scorefly.deployment.token_check import SOON, check_token, token_problems
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.progress import Progress
from scorefly.state.session import on_git, state_place

Outcome = Literal["ok", "warning", "error"]
_OUTCOMES: dict[str, Outcome] = {"error": "error", "warning": "warning", "notice": "ok"}


class Check(Struct, frozen=True):
    """One thing that was checked: `detail` says what it is like, `fix` what to do where it is not right."""

    name: str
    status: Outcome
    detail: str
    fix: str = ""


def diagnose(settings: Settings, progress: Progress) -> tuple[Check, ...]:
    """Run all checks; a failure of one does not stop the others."""
    checks: tuple[tuple[str, Callable[[Settings, Progress], Iterator[Check]]], ...] = (
        ("flyctl", _flyctl),
        ("fly token", _token),
        ("state", _state),
        ("git", _git),
        ("github token", _github),
    )
    found: list[Check] = []
    for name, check in checks:
        try:
            found += check(settings, progress)
        except ScoreflyError as error:
            found += (_of_problem(name, problem) for problem in error.problems)
    return tuple(found)


def _of_problem(name: str, problem: Problem) -> Check:
    return Check(name, _OUTCOMES[problem.severity], problem.message, problem.hint)


def _flyctl(settings: Settings, _progress: Progress) -> Iterator[Check]:
    if settings.rehearse:
        yield Check("flyctl", "ok", "not needed for a simulation")
        return
    from scorefly.fly.flyctl import FlyctlDeployer
    from scorefly.fly.flyctl_arguments import DeployOptions

    with FlyctlDeployer("", DeployOptions(), settings.environ) as deployer:
        yield Check("flyctl", "ok", f"version {deployer.version() or 'unknown'}")


def _token(settings: Settings, _progress: Progress) -> Iterator[Check]:
    if settings.rehearse:
        yield Check("fly token", "ok", "not needed for a simulation")
        return
    with open_api(settings) as api:
        check = check_token(settings, api)
        problems = token_problems(settings, check)
        expires = check.details.expires
        if expires is None or expires > time.time():
            # Only an answer of Fly's shows that it accepts the token.
            api.regions()
            _ask_for_apps(settings, check.apps, api.org_apps, api.find_machines)
    parts = [{"app": "deploy token of apps", "user": "personal token"}.get(check.details.kind, check.details.kind)]
    parts += [f"organization {', '.join(check.organizations)}"] if check.organizations else []
    parts += [f"apps {', '.join(check.apps)}"] if check.apps else []
    if expires is not None and expires > time.time() + SOON:
        parts.append(f"expires on {time.strftime('%Y-%m-%d', time.gmtime(expires))}")
    if not problems:
        yield Check("fly token", "ok", ", ".join(parts))
    yield from (_of_problem("fly token", problem) for problem in problems)


def _ask_for_apps(
    settings: Settings, apps: tuple[str, ...], org_apps: Callable[[str], object], machines: Callable[[str], object]
) -> None:
    if apps:
        machines(apps[0])
    else:
        org_apps(settings.org)


def _state(settings: Settings, progress: Progress) -> Iterator[Check]:
    state = known_state(settings, progress)
    where = state_place(settings)
    apps = f"{len(state.apps)} {'app' if len(state.apps) == 1 else 'apps'}"
    detail = f"{where}: readable, {apps}" if state.apps or state.resources else f"{where}: none yet"
    yield Check("state", "ok", detail)
    if not settings.state_key and not settings.rehearse:
        fix = "run `scorefly state new-key` and set SCOREFLY_STATE_KEY, so that the state can be used elsewhere"
        yield Check("state key", "warning", "kept in a file beside the state", fix)
    else:
        yield Check("state key", "ok", "given" if settings.state_key else "not needed for a simulation")


def _git(settings: Settings, _progress: Progress) -> Iterator[Check]:
    from scorefly.git.remote import GitRemote
    from scorefly.state.repository import address, commit

    if settings.rehearse:
        yield Check("git", "ok", "not needed for a simulation")
        return
    own = commit(settings, settings.workspace)
    if not own:
        fix = "commit the Score files to a git repository: newest commit wins, history and rollback need it"
        yield Check("git", "warning", "the workspace is not a git checkout with a commit", fix)
        return
    try:
        with GitRemote(address(settings), settings.environ) as remote:
            remote.tip("HEAD")
    except ScoreflyError as error:
        # State in a file needs no remote.
        for problem in error.problems:
            yield Check("git", "error" if on_git(settings) else "warning", problem.message, problem.hint)
        return
    yield Check("git", "ok", f"commit {own[:7]}, remote readable")


def _github(settings: Settings, _progress: Progress) -> Iterator[Check]:
    """Check what reading shows; whether a token may write is only known by writing."""
    if not settings.github_token:
        status: Outcome = "error" if settings.in_action else "ok"
        fix = "set github-token: ${{ github.token }}" if settings.in_action else ""
        yield Check("github token", status, "not given; previews, comments and deployments need it", fix)
        return
    from scorefly.github.api import GitHubApi

    base_url = settings.environ.get("GITHUB_API_URL") or "https://api.github.com"
    with GitHubApi(settings.github_token, settings.repository, base_url) as api:
        reads: tuple[tuple[str, Callable[[], object]], ...] = (
            ("contents", lambda: api.refs("scorefly/")),
            ("pull-requests", api.open_pulls),
            ("deployments", lambda: next(api.deployments(), None)),
        )
        missing = []
        for permission, read in reads:
            try:
                read()
            except ScoreflyError as error:
                missing.append((permission, error.problems[0].message))
    for permission, message in missing:
        fix = f"give the job `permissions: {permission}: write`, or the token that permission"
        yield Check("github token", "warning", f"{permission}: {message}", fix)
    if not missing:
        yield Check("github token", "ok", f"may read contents, pull requests and deployments of {settings.repository}")

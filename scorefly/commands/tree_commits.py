"""Shows on GitHub which commits of sources run: a status of each commit, and a deployment to the environment."""

from __future__ import annotations

from collections.abc import Iterator

from scorefly.commands.tree_run import TreeRun
from scorefly.github.api import GitHubApi
from scorefly.problems import Problem, ScoreflyError
from scorefly.project.units import Unit
from scorefly.report.report import AppReport, Report
from scorefly.report.unit_progress import UnitProgress
from scorefly.sources.repository import Repository

_CHANGED = ("created", "deployed", "failed")


def show_commits(run: TreeRun, unit: Unit, report: Report, progress: UnitProgress) -> tuple[Problem, ...]:
    """Show the commits of the apps that a sync deployed or failed to deploy, once for each repository and commit.

    Where the token may not, that is a step of the progress. Returns warnings of what failed otherwise.
    """
    settings = unit.settings
    if not settings.commit_status or settings.dry_run or settings.rehearse:
        return ()
    problems = []
    for repository, commit, apps in _apps_by_commit(run, unit, report):
        try:
            _show(run, unit, repository, commit, apps, progress)
        except ScoreflyError as error:
            problem = error.problems[0]
            message = f"{repository.key} at {commit[:7]} has no new status: {problem.message}"
            problems.append(Problem(message, problem.hint, severity="warning"))
            progress.problem(problems[-1])
    return tuple(problems)


def _show(
    run: TreeRun, unit: Unit, repository: Repository, commit: str, apps: list[AppReport], progress: UnitProgress
) -> None:
    settings = unit.settings
    host, _, name = repository.key.partition("/")
    token = run.store.token(repository)
    if host != settings.trigger.server.partition("://")[2] or not token:
        return
    failed = [app.app for app in apps if app.status == "failed"]
    deployed = [app.app for app in apps if app.status != "failed"]
    texts = (f"{', '.join(names)} {what}" for names, what in ((deployed, "deployed"), (failed, "failed")) if names)
    description, log = "; ".join(texts), settings.trigger.link
    base = settings.environ.get("GITHUB_API_URL") or "https://api.github.com"
    with GitHubApi(token, name, base) as api:
        reported = {
            "commit status": api.set_commit_status(
                commit, f"scorefly/{unit.name}", succeeded=not failed, description=description, url=log
            ),
            "deployment": api.record_deployment(
                unit.name, commit, succeeded=not failed, description=description, log=log
            ),
        }
    if refused := [what for what, done in reported.items() if not done]:
        progress.step(f"{repository.key}: no {' and no '.join(refused)}, because the token may not write one")


def _apps_by_commit(run: TreeRun, unit: Unit, report: Report) -> Iterator[tuple[Repository, str, list[AppReport]]]:
    found: dict[tuple[Repository, str], list[AppReport]] = {}
    for app in report.apps:
        pin = run.pins[unit.name].get(app.workload)
        if pin and app.status in _CHANGED:
            found.setdefault((pin.source.repository, pin.commit), []).append(app)
    for (repository, commit), apps in found.items():
        yield repository, commit, apps

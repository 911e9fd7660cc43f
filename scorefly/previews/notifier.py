"""Reports a preview to its pull request: one comment, and deployments with their environment.

None of it is worth a failed preview: what GitHub refuses is a warning.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.github import deployments
from scorefly.github.api import GitHubApi
from scorefly.github.client import ForbiddenError
from scorefly.github.comment import keep_comment
from scorefly.previews.comment import MARKER, AppRow, Outcome, PreviewPage, render
from scorefly.problems import ExternalError, Problem, ScoreflyError
from scorefly.report.certificates import CertificateReport
from scorefly.report.costs import CostSummary, summarise_costs
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report, redacted


class Notifier(Struct):
    """A pull request's side of one run. `notes` are sentences for the comment; `fork` expects a token that only reads.

    `simulated` says that nothing is deployed to Fly. `problems` gathers what GitHub refused.
    """

    api: GitHubApi
    progress: Progress
    number: int
    environment: str
    commit: str
    log_url: str
    comment: bool
    fork: bool
    simulated: bool = False
    notes: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    _deployment: int = 0
    _started: float = field(default_factory=time.monotonic)

    def begun(self, description: str) -> None:
        """A deployment of the commit is under way."""
        with self._politely("the deployment cannot be shown"):
            made = deployments.begin(self.api, self.environment, self.commit, description, self.log_url)
            self._deployment = made.id

    def deployed(self, report: Report, outcome: Outcome) -> None:
        """The deploy has ended, well or not."""
        url = next((app.url for app in report.apps if app.workload and app.url), "")
        self._end_deployment("failure" if outcome == "failed" else "success", url)
        failed = [Problem(each.why) for each in report.findings if each.outcome == "failed"]
        self._comment(
            outcome,
            report.apps,
            [*_problems_beside(report.apps), *failed],
            report.certificates,
            summarise_costs((app.app, app.cost) for app in report.apps) if report.apps else None,
        )

    def failed(self, error: ScoreflyError) -> None:
        """The run has ended before there was anything to report."""
        self._end_deployment("failure", "")
        self._comment("failed", (), error.problems)

    def destroyed(self, report: Report) -> None:
        """The preview is gone: its deployments are inactive, and its environment goes where the token may."""
        if report.exit_code == 0:
            with self._politely("the deployments cannot be marked as inactive"):
                self._retire_environment()
        outcome: Outcome = "failed" if report.exit_code else "destroyed"
        failed = [each for each in report.findings if each.outcome == "failed"]
        left = [Problem(f"{each.kind} {each.name} is left: {each.why}") for each in failed]
        self._comment(outcome, report.apps, [*_problems_beside(report.apps), *left])

    def _end_deployment(self, state: str, url: str) -> None:
        if not self._deployment:
            return
        with self._politely("the deployment's end cannot be shown"):
            self.api.set_deployment_state(self._deployment, state, url=url, log_url=self.log_url)
            if state == "success":
                made = self.api.deployments(self.environment)
                deployments.retire(self.api, (each for each in made if each.id != self._deployment))

    def _retire_environment(self) -> None:
        if not deployments.retire_environment(self.api, self.environment, delete=True):
            message = f"GitHub's environment {self.environment} stays, with nothing active in it"
            hint = "to delete it takes a github-token with repository administration, which a job's own never has"
            self._tell(Problem(message, hint, severity="notice"))

    def _comment(
        self,
        outcome: Outcome,
        apps: Sequence[AppReport],
        problems: Sequence[Problem],
        certificates: tuple[CertificateReport, ...] = (),
        cost: CostSummary | None = None,
    ) -> None:
        if not self.comment:
            return
        page = PreviewPage(
            environment=self.environment,
            outcome=outcome,
            commit=self.commit,
            apps=tuple(self._row(app) for app in apps),
            notes=self.notes,
            problems=tuple(self.progress.redact(str(problem)) for problem in problems),
            seconds=time.monotonic() - self._started,
            log_url=self.log_url,
            at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            certificates=certificates,
            cost=cost,
            simulated=self.simulated,
        )
        body = self.progress.redact(render(page))
        with self._politely("the comment cannot be written"):
            # Of the end of what was never spoken of there is nothing to say.
            keep_comment(self.api, self.number, MARKER, body, create=outcome != "destroyed" or bool(apps))

    def _row(self, app: AppReport) -> AppRow:
        """Return an app as the comment shows it. Its log is redacted before it is written as Markdown."""
        return AppRow(
            app.app,
            app.status,
            "" if self.simulated else app.url,
            app.seconds,
            app.workload,
            self.progress.redact(_message(app.problem)) if app.problem and app.status == "failed" else "",
            redacted(app.failure, self.progress.redact),
        )

    @contextmanager
    def _politely(self, what: str) -> Iterator[None]:
        try:
            yield
        except ExternalError as error:
            found = error.problems[0]
            if self.fork and isinstance(error, ForbiddenError):
                self._tell(Problem(f"{what}: the token of a fork's pull request only reads", severity="notice"))
            else:
                self._tell(Problem(f"{what}: {found.message}", found.hint, severity="warning"))

    def _tell(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.progress.problem(problem)


def _problems_beside(apps: Sequence[AppReport]) -> list[Problem]:
    """Return the problems of apps that did not fail themselves: those that failed have a section of their own."""
    return [app.problem for app in apps if app.problem and app.status != "failed"]


def _message(problem: Problem) -> str:
    """Return a problem without its place: an app's is only the file that it comes from."""
    return str(replace(problem, place=None) if problem.of_file else problem)

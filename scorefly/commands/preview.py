"""`preview`: an environment for one pull request, deployed while it is open and destroyed when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from msgspec import Struct
from msgspec.structs import replace

from scorefly.commands.deploy import deploy
from scorefly.commands.destroy import destroy
from scorefly.config.settings import Settings
from scorefly.github.api import GitHubApi, PullView
from scorefly.github.event import Event, read_event
from scorefly.previews.comment import Outcome
from scorefly.previews.github_connection import connect_github
from scorefly.previews.notifier import Notifier
from scorefly.previews.policy import Decision, PreviewConditions, decide
from scorefly.previews.pull_checkout import base_checked_out, head_checked_out
from scorefly.previews.untrusted import without_secrets
from scorefly.problems import InputError, Problem, ScoreflyError, input_error
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.run import open_run


def preview(settings: Settings, progress: Progress) -> Report:
    """Does what the event asks for, where whoever asks may: docs/preview.md has the table."""
    event = read_event(settings.environ)
    if not event.request:
        return _nothing(settings, event.why, progress)
    with ExitStack() as stack:
        api = stack.enter_context(connect_github(settings)) if settings.github_token or event.pull is None else None
        pull = _as_it_is_now(event, api)
        vouched = settings.allow_forks or not pull.fork
        if event.request == "destroy":
            vouched = vouched or base_checked_out(settings, event)
        if not vouched:
            settings = settings.inputs_only or settings
        settings = preview_settings(settings)
        circumstances = PreviewConditions(
            may_write=bool(event.asked and api and api.may_write(event.sender)),
            can_deploy=bool(settings.fly_api_token or settings.rehearse),
            allow_forks=settings.allow_forks,
        )
        decision, commit = _with_its_code(settings, event, pull, decide(event, pull, circumstances))
        if decision.deed == "nothing":
            return _nothing(settings, decision.why, progress)
        # A comment's commit is the base branch's, and that of a pull request is a merge that no one made.
        settings = replace(settings, trigger=replace(settings.trigger, commit=commit, is_pull_head=True))
        notifier = _notifier(settings, api, pull, decision, progress) if api and not settings.dry_run else None

        def decide_again() -> Decision:
            now = api and api.pull(event.number)
            if now and event.action == "closed" and now.open and not pull.open:
                return Decision("nothing", "the pull request is open again")
            return decide(event, now, circumstances) if now else decision

        return PreviewRun(settings, progress, notifier, decision, vouched, decide_again).run()


def preview_settings(settings: Settings) -> Settings:
    """Return what is different in a preview: its apps' names, and that it costs little."""
    return replace(
        settings,
        app_suffix=f"{settings.app_suffix}-{settings.environment}",
        ha=settings.ha or False,
        auto_stop=settings.auto_stop or "stop",
    )


class PreviewRun(Struct, frozen=True):
    """One preview on its way, and the pull request that is told of it.

    `vouched` says that the checkout is not a stranger's. `decide_again` asks GitHub once more, because the pull request
    may have changed while the run waited for the lock.
    """

    settings: Settings
    progress: Progress
    notifier: Notifier | None
    decision: Decision
    vouched: bool
    decide_again: Callable[[], Decision]

    def run(self) -> Report:
        """Deploys or destroys, and tells how that went, however it went."""
        try:
            if self.settings.unreadable:
                raise self.settings.unreadable
            report = self._destroy() if self.decision.deed == "destroy" else self._deploy()
        except ScoreflyError as error:
            if self.notifier:
                self.notifier.failed(error)
            raise
        notes = [Problem(self.decision.why, severity="notice")] if self.decision.why else []
        refused = self.notifier.problems if self.notifier else []
        return replace(report, problems=(*report.problems, *notes, *refused))

    def _deploy(self) -> Report:
        settings, rehearsed = self.settings, self.decision.deed == "rehearse"
        with ExitStack() as stack:
            if rehearsed:
                settings = stack.enter_context(without_secrets(settings, fork=not self.vouched))
            run = stack.enter_context(open_run(settings, self.progress))
            if report := self._changed_meanwhile():
                return report
            if self.notifier and not rehearsed:
                self.notifier.begun("Rehearsed preview" if settings.rehearse else "Preview")
            report = deploy(run)
        if self.notifier:
            simulated = rehearsed or settings.rehearse
            outcome: Outcome = "failed" if report.exit_code else "rehearsed" if simulated else "ready"
            self.notifier.deployed(report, outcome)
        return report

    def _destroy(self) -> Report:
        settings = replace(self.settings, command="destroy")
        if not self.vouched:
            # What the workspace says of provisioning may be the fork's.
            settings = replace(settings, provisioners=())
        with open_run(settings, self.progress) as run:
            if report := self._changed_meanwhile():
                return report
            report = destroy(run)
        if self.notifier:
            self.notifier.destroyed(report)
        return report

    def _changed_meanwhile(self) -> Report | None:
        again = self.decide_again()
        return None if again.deed == self.decision.deed else _nothing(self.settings, again.why, self.progress)


def _as_it_is_now(event: Event, api: GitHubApi | None) -> PullView:
    """The pull request as GitHub has it now, or, where the token may not look, as it was in the event."""
    pull = (api.pull(event.number) if api else None) or event.pull
    if pull is None:
        hint = "check the number, and that the job has `pull-requests: write`"
        raise input_error(f"there is no pull request {event.number} to be seen", hint)
    return pull


def _with_its_code(settings: Settings, event: Event, pull: PullView, decision: Decision) -> tuple[Decision, str]:
    """Return the decision and the commit to deploy: the head, which has to be checked out. Raises InputError."""
    if decision.deed in ("destroy", "nothing"):
        return decision, pull.head_sha
    head = head_checked_out(settings, event, pull)
    if not isinstance(head, Problem):
        return decision, head or pull.head_sha
    if decision.trusted:
        raise InputError(head)
    why = f"{decision.why}, and that code is not checked out here: {head.hint} to have it simulated"
    return Decision("nothing", why, trusted=False), ""


def _notifier(settings: Settings, api: GitHubApi, pull: PullView, decision: Decision, progress: Progress) -> Notifier:
    environ = settings.environ
    run = f"{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
    rehearsed = "This is a rehearsal: the deploy was simulated, and nothing runs on Fly." if settings.rehearse else ""
    why = f"It was not deployed: {decision.why}." if decision.why else ""
    return Notifier(
        api=api,
        progress=progress,
        number=pull.number,
        environment=settings.environment,
        commit=settings.trigger.commit,
        log_url=f"{environ.get('GITHUB_SERVER_URL') or 'https://github.com'}/{run}",
        comment=settings.comment,
        fork=pull.fork,
        simulated=settings.rehearse or decision.deed == "rehearse",
        notes=tuple(note for note in (why, rehearsed) if note),
    )


def _nothing(settings: Settings, why: str, progress: Progress) -> Report:
    notice = Problem(f"nothing was done: {why}", severity="notice")
    progress.problem(notice)
    return Report(
        command=settings.command,
        environment=settings.environment,
        problems=(notice,),
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
    )

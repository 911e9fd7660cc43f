"""`preview`: an environment for one pull request, deployed while it is open and destroyed when it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from scorefly.github.api import GitHubApi, PullView
from scorefly.github.event import Event, read_event
from scorefly.github.preview_comment import Outcome
from scorefly.github.workspace import checked_out
from scorefly.problems import Problem, ScoreflyError, wrong
from scorefly.resources.files import is_remote
from scorefly.run.deploy import deploy
from scorefly.run.destroy import destroy
from scorefly.run.github_connection import connect_github
from scorefly.run.notifier import Notifier
from scorefly.run.opening import open_state
from scorefly.run.preview_rules import Circumstances, Decision, decide
from scorefly.run.progress import Progress
from scorefly.run.report import Report
from scorefly.run.settings import Settings


def preview(settings: Settings, progress: Progress) -> Report:
    """Does what the event asks for, where whoever asks may: docs/preview.md has the table."""
    event = read_event(settings.environ)
    settings = preview_settings(settings)
    if not event.request:
        return _nothing(settings, event.why, progress)
    with ExitStack() as stack:
        api = stack.enter_context(connect_github(settings)) if settings.github_token or event.pull is None else None
        pull = _as_it_is_now(event, api)
        if pull.fork and not settings.allow_forks:
            settings = _without_project_file(settings)
        circumstances = Circumstances(
            may_write=bool(event.asked and api and api.may_write(event.sender)),
            can_deploy=bool(settings.fly_api_token or settings.rehearse),
            allow_forks=settings.allow_forks,
        )
        decision = _with_its_code(settings, event, pull, decide(event, pull, circumstances))
        if decision.deed == "nothing":
            return _nothing(settings, decision.why, progress)
        if not decision.trusted:
            settings = _without_project_file(settings)
        # A comment's commit is the base branch's, and that of a pull request is a merge nobody made.
        settings = replace(settings, trigger=replace(settings.trigger, commit=pull.head_sha))
        notifier = _notifier(settings, api, pull, decision, progress) if api and not settings.dry_run else None
        return PreviewRun(settings, progress, notifier, decision).run()


def preview_settings(settings: Settings) -> Settings:
    """What is different in a preview: its apps' names, and that it costs little."""
    return replace(
        settings,
        app_suffix=f"{settings.app_suffix}-{settings.environment}",
        ha=settings.ha or False,
        auto_stop=settings.auto_stop or "stop",
    )


def preview_environment(environ: Mapping[str, str]) -> str:
    """The environment of the pull request that the event is about. Raises InputError when it is about none."""
    return f"pr-{read_event(environ).number}"


def from_fork(environ: Mapping[str, str]) -> bool:
    """Return whether the event itself says that its pull request comes from a fork. A comment's event does not."""
    pull = read_event(environ).pull
    return bool(pull and pull.fork)


def _without_project_file(settings: Settings) -> Settings:
    """Use inputs and defaults alone: the checkout, with its `scorefly.yaml`, may be a stranger's."""
    return preview_settings(settings.inputs_only) if settings.inputs_only else settings


@dataclass(frozen=True, slots=True)
class PreviewRun:
    """One preview on its way, and the pull request that is told of it."""

    settings: Settings
    progress: Progress
    notifier: Notifier | None
    decision: Decision

    def run(self) -> Report:
        """Deploys or destroys, and tells how that went, however it went."""
        try:
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
        if rehearsed:
            settings = _without_secrets(settings)
        elif self.notifier:
            self.notifier.begun("Rehearsed preview" if settings.rehearse else "Preview")
        with open_state(settings, self.progress) as keeper:
            report = deploy(settings, keeper, self.progress)
        if self.notifier:
            outcome: Outcome = "failed" if report.exit_code else "rehearsed" if rehearsed else "ready"
            self.notifier.deployed(report, outcome)
        return report

    def _destroy(self) -> Report:
        settings = replace(self.settings, command="destroy")
        if not self.decision.trusted:
            # What the workspace says of provisioning may be the fork's.
            settings = replace(settings, provisioners=())
        with open_state(settings, self.progress) as keeper:
            report = destroy(settings, keeper, self.progress)
        if self.notifier:
            self.notifier.destroyed(report)
        return report


def _as_it_is_now(event: Event, api: GitHubApi | None) -> PullView:
    """The pull request as GitHub has it now, or, where the token may not look, as it was in the event."""
    pull = (api.pull(event.number) if api else None) or event.pull
    if pull is None:
        hint = "check the number, and that the job has `pull-requests: write`"
        raise wrong(f"there is no pull request {event.number} to be seen", hint)
    return pull


def _with_its_code(settings: Settings, event: Event, pull: PullView, decision: Decision) -> Decision:
    """Refuses to take the base branch for the pull request: most events check that out unless told otherwise."""
    at = checked_out(settings.workspace, settings.environ)
    base = settings.environ.get("GITHUB_SHA", "")
    right = event.name == "pull_request" or not at or at != base or at == pull.head_sha
    if right or decision.deed in ("destroy", "nothing"):
        return decision
    if decision.deed == "rehearse":
        return Decision("nothing", f"{decision.why}, and that code is not checked out here")
    hint = f"give actions/checkout `ref: refs/pull/{event.number}/head`"
    raise wrong(f"what is checked out is not the pull request's code: {event.name} comes with the base branch", hint)


def _without_secrets(settings: Settings) -> Settings:
    """For code that nobody vouches for: a rehearsal with nothing secret in reach, which writes to the workspace."""
    return replace(
        settings,
        rehearse=True,
        untrusted=True,
        state="file",
        artefacts=".scorefly/out",
        secrets={},
        variables={},
        provisioners=tuple(each for each in settings.provisioners if not is_remote(each)),
        build_secrets={},
        fly_api_token="",
        github_token="",
        state_key="",
        environ={},
    )


def _notifier(settings: Settings, api: GitHubApi, pull: PullView, decision: Decision, progress: Progress) -> Notifier:
    environ = settings.environ
    run = f"{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
    rehearsed = "This is a rehearsal against an embedded Fly: the links lead nowhere." if settings.rehearse else ""
    why = f"It was not deployed: {decision.why}." if decision.why else ""
    return Notifier(
        api=api,
        progress=progress,
        number=pull.number,
        environment=settings.environment,
        commit=pull.head_sha,
        log_url=f"{environ.get('GITHUB_SERVER_URL') or 'https://github.com'}/{run}",
        comment=settings.comment,
        fork=pull.fork,
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

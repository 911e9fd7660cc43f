"""Runs about code that gets no secrets: simulated, with stand-ins, in a folder that is removed at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.github.event import Event, read_pull_event
from scorefly.previews.policy import DEPENDABOT, FORK_SECRETS, missing_secrets
from scorefly.previews.pull_checkout import head_checked_out
from scorefly.problems import InputError, Problem, input_error
from scorefly.resources.files import is_remote

_PASSED = (
    *("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy"),
)


@contextmanager
def guarded(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """Yield the settings to run a command with, and why it is simulated without secrets, which is empty if it is not.

    Raises InputError where a command would run a fork's code with secrets, or plan something else than the pull
    request that it comments on.
    """
    event = read_pull_event(settings.environ)
    why = _why_simulated(settings, event) if event else ""
    if not why:
        yield settings, ""
        return
    with without_secrets(settings, fork=bool(event and event.pull and event.pull.fork)) as simulated:
        yield simulated, why


_NEED_A_TOKEN = ("deploy", "sync", "destroy", "cleanup")


def _why_simulated(settings: Settings, event: Event) -> str:
    pull = event.pull
    if pull is None:
        return ""
    head = head_checked_out(settings, event, pull)
    if isinstance(head, Problem) and settings.command == "plan" and settings.comment:
        raise InputError(head)
    if pull.fork and not settings.allow_forks:
        if settings.rehearse or settings.command == "plan":
            return _reason(settings, FORK_SECRETS)
        if event.name == "pull_request_target" and isinstance(head, str) and head and settings.command != "validate":
            hint = "use command: preview, which simulates it, or set allow-forks where somebody has reviewed the code"
            raise input_error(f"{settings.command} does not run a fork's code with secrets", hint)
    if not settings.fly_api_token and not settings.rehearse and settings.command in _NEED_A_TOKEN:
        who = "from a fork" if pull.fork else "Dependabot's" if event.sender == DEPENDABOT else ""
        if who:
            raise input_error(
                f"this pull request is {who}: GitHub gives it no secrets", "use command: preview, or rehearse: true"
            )
    if pull.fork and not settings.allow_forks:
        return ""
    without = not settings.fly_api_token and not settings.rehearse and settings.command == "plan"
    if not without or not (pull.fork or event.sender == DEPENDABOT):
        return ""
    return _reason(settings, missing_secrets(fork=pull.fork))


def _reason(settings: Settings, why: str) -> str:
    return f"{why}, so the plan knows no app of {settings.environment}" if settings.command == "plan" else why


@contextmanager
def without_secrets(settings: Settings, *, fork: bool) -> Iterator[Settings]:
    """Yield settings for a simulated run that holds no secret and writes nothing to the checkout.

    For a fork's code, provisioner files from elsewhere are left out: their addresses would be the fork's to choose.
    """
    with tempfile.TemporaryDirectory(prefix="scorefly-") as name:
        folder = Path(name).resolve()
        files = settings.provisioners
        yield replace(
            settings,
            rehearse=True,
            scratch=folder,
            state=f"file:{folder / 'environment.state'}",
            artefacts=str(folder / "out"),
            secrets={},
            variables={},
            provisioners=tuple(each for each in files if not is_remote(each)) if fork else files,
            build_secrets={},
            build_secret_files={},
            fly_api_token="",
            github_token="",
            state_key="",
            shared_in_previews=(),
            environ={name: settings.environ[name] for name in _PASSED if name in settings.environ},
        )

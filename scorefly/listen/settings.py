"""Settings of the listener: options and environment, checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from scorefly.confidential import Confidential
from scorefly.durations import parse_duration
from scorefly.http import is_loopback
from scorefly.listen.github_tokens import app_problems
from scorefly.listen.hosts import SENDERS
from scorefly.listen.hosts.signature import standard_keys
from scorefly.problems import InputError, Place, Problem, option_place, raise_errors

MIN_SECRET = 16  # characters; a shorter one gets a warning
_WEBHOOK = "SCOREFLY_WEBHOOK_SECRET_"
_DISPATCH = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}/[\w.-]{1,200}\.ya?ml")


class Project(Struct, frozen=True):
    """The project's own repository: its address without the fragment, the ref to follow, and the folder in it."""

    url: str
    ref: str = "HEAD"
    path: str = ""


class Settings(Confidential, frozen=True):
    """All that the listener is told. Secrets are in `environ`, `secrets` and the tokens."""

    project: Project
    data: Path
    environ: Mapping[str, str]
    port: int = 8080
    host: str = "::"
    poll: float = 180.0
    parallel: int = 2
    rehearse: bool = False
    state: str = ""
    read_timeout: float = 10.0
    kill_timeout: float = 290.0
    notify: str = ""
    dispatch: str = ""
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read_token: str = ""
    act_token: str = ""
    warnings: tuple[Problem, ...] = ()

    @property
    def behind_fly(self) -> bool:
        """Decide whether Fly's proxy is in front, which says who the client is and that it came by https."""
        return bool(self.environ.get("FLY_APP_NAME"))


def parse_project(text: str) -> Project:
    """Parse `URL[#ref[:path]]` or `PATH[#ref[:path]]`. Raises InputError."""
    url, _, fragment = text.strip().partition("#")
    ref, _, path = fragment.partition(":")
    problem = _project_problem(url, ref, path)
    if problem:
        hint = "write URL, URL#branch or URL#branch:path; a tag as URL#refs/tags/v1"
        raise InputError(Problem(problem, hint, option_place("project")))
    if ref and not ref.startswith("refs/"):
        ref = f"refs/heads/{ref}"
    if "://" not in url and not re.match(r"[^/]+:", url):
        url = str(Path(url).absolute())
    return Project(url, ref or "HEAD", path.strip("/"))


def _project_problem(url: str, ref: str, path: str) -> str:
    if not url or url.startswith("-") or not url.isprintable() or "::" in url:
        return "this is not the address of a git repository"
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in ("", "https", "http", "ssh", "file"):
        return f"repositories cannot be read over {scheme}:"
    if url.startswith("http://") and not is_loopback(url):
        return f"{url} would be read in clear text"
    if re.match(r"https?://[^/]*@", url):
        return "the address of a repository cannot hold a user or a password"
    if ref and (ref.startswith("-") or not re.fullmatch(r"[\w./+@-]+", ref) or ".." in ref):
        return f"{ref!r} is not the name of a ref"
    if ".." in path.split("/"):
        return f"{path!r} is not a folder of the repository"
    return ""


def webhook_secrets(environ: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Read the secrets of every sender that is configured; a configured sender without a secret is a problem."""
    secrets: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for name, value in sorted(environ.items()):
        if not name.startswith(_WEBHOOK):
            continue
        sender, texts = name.removeprefix(_WEBHOOK).lower(), tuple(value.split())
        place = Place(name, is_option=True)
        if sender not in SENDERS:
            problems.append(Problem(f"unknown sender {sender!r}", f"use one of {', '.join(SENDERS)}", place))
        elif not texts:
            problems.append(Problem(f"the sender {sender} has no secret", f"set {name}, or unset it", place))
        else:
            problems += _secret_problems(sender, texts, place)
            secrets[sender] = texts
    return secrets, problems


def _secret_problems(sender: str, texts: tuple[str, ...], place: Place) -> Iterator[Problem]:
    for text in texts:
        if sender in ("generic", "gitlab") and text.startswith("whsec_") and not standard_keys(text):
            yield Problem("a secret is not base64 after whsec_", "copy it again from the sender", place)
        elif len(text) < MIN_SECRET:
            hint = "use 32 random characters: openssl rand -hex 16"
            yield Problem(f"a secret has less than {MIN_SECRET} characters", hint, place, "warning")


def load_settings(options: Mapping[str, str | bool | None], environ: Mapping[str, str]) -> Settings:
    """Build settings from options and environment. Raises one InputError with all problems."""
    problems: list[Problem] = []

    def duration(name: str, default: str, least: float, most: float) -> float:
        text = options.get(name) or default
        seconds = parse_duration(text)
        if seconds is None or not least <= seconds <= most:
            hint = f"give a time from {least:.0f}s to {most:.0f}s, e.g. {default}"
            problems.append(Problem(f"invalid time {text!r}", hint, option_place(name)))
        return seconds or least

    def count(name: str, default: int, least: int, most: int) -> int:
        text = str(options.get(name) or default) if options.get(name) != "0" else "0"
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            hint = f"give a number from {least} to {most}"
            problems.append(Problem(f"invalid number {text!r}", hint, option_place(name)))
            return default
        return int(text)

    project = Project("")
    try:
        project = parse_project(str(options.get("project") or ""))
    except InputError as error:
        problems += error.problems
    secrets, secret_problems = webhook_secrets(environ)
    problems += secret_problems
    dispatch, notify = str(options.get("dispatch") or ""), str(options.get("notify") or "")
    if dispatch and not _DISPATCH.fullmatch(dispatch):
        hint = "write OWNER/REPO/WORKFLOW.yml"
        problems.append(Problem(f"{dispatch!r} is not a workflow", hint, option_place("dispatch")))
    problems += [*_token_problems(environ), *app_problems(environ)]
    problems += _notify_problems(notify, environ)
    settings = Settings(
        project=project,
        data=Path(str(options.get("data") or "/data")).absolute(),
        environ=environ,
        port=count("port", 8080, 0, 65535),
        host=str(options.get("host") or "::"),
        poll=duration("poll", "3m", 1, 86400),
        parallel=count("parallel", 2, 1, 32),
        rehearse=bool(options.get("rehearse")),
        state=str(options.get("state") or ""),
        read_timeout=duration("read-timeout", "10s", 1, 60),
        kill_timeout=duration("kill-timeout", "290s", 1, 3600),
        notify=notify,
        dispatch=dispatch,
        secrets=secrets,
        read_token=environ.get("SCOREFLY_READ_TOKEN", ""),
        act_token=environ.get("SCOREFLY_ACT_TOKEN", ""),
        warnings=tuple(each for each in problems if each.severity == "warning"),
    )
    raise_errors(problems)
    return settings


def _token_problems(environ: Mapping[str, str]) -> Iterator[Problem]:
    for name in ("SCOREFLY_READ_TOKEN", "SCOREFLY_ACT_TOKEN"):
        if environ.get(name) and len(environ[name]) < MIN_SECRET:
            hint = "use 32 random characters: openssl rand -hex 16"
            yield Problem(
                f"the token has less than {MIN_SECRET} characters", hint, Place(name, is_option=True), "warning"
            )
    tokens = [environ.get("SCOREFLY_READ_TOKEN"), environ.get("SCOREFLY_ACT_TOKEN")]
    if tokens[0] and tokens[0] == tokens[1]:
        place = Place("SCOREFLY_ACT_TOKEN", is_option=True)
        yield Problem("the token to act equals the token to read", "make two tokens", place)


def _notify_problems(url: str, environ: Mapping[str, str]) -> Iterator[Problem]:
    if not url:
        return
    place = option_place("notify")
    if not re.match(r"https://[^/@\s]+|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url):
        yield Problem("the webhook to notify is not an https:// URL", "write https://HOST/PATH", place)
    secret = environ.get("SCOREFLY_NOTIFY_SECRET", "")
    if not secret or not standard_keys(secret):
        yield Problem("the webhook to notify has no secret", "set SCOREFLY_NOTIFY_SECRET to whsec_…", place)

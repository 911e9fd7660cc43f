"""Classifies flyctl's failures by its words: what to do, and whether trying again may help."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from scorefly.problems import shortened

CANCELLED = 127  # flyctl's exit status when it was cancelled; also when several Machines failed at once


class Failure(Struct, frozen=True):
    """A failure of flyctl: why it ended, what to do, and whether trying again may help."""

    what: str
    hint: str
    again: bool = False


_TOKEN = "use a deploy token of the app or its organization"  # noqa: S105 - a hint, not a token
_LATER = "run it again when that has ended"
_NO_IMAGE = "Fly cannot find the image"
_ROOM = "run it again, or choose another region"
_SERVER = "run it again; https://status.fly.io says whether Fly has trouble"

BILLING = "see the organization's billing at https://fly.io/dashboard"
_LOGS = "run `fly logs -a {app}`, or see https://fly.io/apps/{app}/monitoring"

# flyctl's words, and what they mean; the first match decides. A build's own failures come first: the command they
# quote may contain any other words.
_FAILURES: tuple[tuple[str, Failure], ...] = (
    (
        "failed to solve: process|did not complete successfully",
        Failure("a command of the build failed", "see the build's output above"),
    ),
    (
        r"deadline_exceeded|code = unavailable|(error building|build from source|builder).*\beof\b",
        Failure("the builder did not answer", _SERVER, again=True),
    ),
    (
        "failed to solve|error building|dockerfile parse error",
        Failure("the image could not be built", "see the build's output above"),
    ),
    ("no access token available", Failure("flyctl has no token", "set fly-api-token")),
    (r"status (code: )?401", Failure("the Fly API token is not accepted", "check fly-api-token")),
    (r"status (code: )?403|not authorized|unauthorized", Failure("the Fly API token may not deploy this app", _TOKEN)),
    (r"organization \S+ not found", Failure("there is no such organization for this token", "check org")),
    (
        "could not find image",
        Failure(_NO_IMAGE, "check the reference, and that Fly may pull it"),
    ),
    (
        "app configuration is not valid|strict validation failed",
        Failure("flyctl refuses the fly.toml", "see the lines above; this is worth an issue"),
    ),
    ("release command failed", Failure("the release command failed", f"nothing was replaced; {_LOGS}")),
    (
        "timeout reached waiting for health checks",
        Failure("the app did not become healthy in time", f"{_LOGS}, or raise wait-timeout"),
    ),
    ("appears to be crashing", Failure("the app keeps crashing", _LOGS)),
    (
        "timeout reached waiting for machine's state",
        Failure("a Machine did not start in time", "run it again, or raise wait-timeout", again=True),
    ),
    (
        "lease currently held|failed to get lease|concurrent update in progress",
        Failure("another deploy of the app is under way", _LATER, again=True),
    ),
    (
        "insufficient resources|insufficient memory|could not reserve resource|insufficient_capacity",
        Failure("Fly has no room in this region now", _ROOM, again=True),
    ),
    (
        r"status (code: )?429|too many requests|rate limit",
        Failure("Fly limits the rate of requests", "wait and run it again, or lower max-parallel", again=True),
    ),
    (
        r"payment method|payment required|status (code: )?402",
        Failure("the organization has no payment method, or owes money", BILLING),
    ),
    (
        "can't update the attached volume|requires manual intervention",
        Failure("a Machine has another volume than the Score file asks for", "destroy the Machine, or keep the volume"),
    ),
    (
        "unattached|needs volumes with name",
        Failure("a volume is missing", "run it again: scorefly makes what is missing"),
    ),
    (
        (
            r"status (code: )?(408|5\d\d)|connection (refused|reset)|no such host|\beof\b|i/o timeout|handshake timeout"
            r"|client\.timeout|timeout awaiting|getting machine"
        ),
        Failure("Fly's API did not answer as it should", _SERVER, again=True),
    ),
)

# Said on the way, by deploys that may well succeed: no reason for a failure.
_HARMLESS = re.compile(
    "failed to provision ip addresses|dns checks failed|dns verification failed|failed to create build in graphql"
    "|failed to set final release status|failed to release lease|metrics send issue|not listening on the expected"
)

_LEASE = re.compile(r"lease currently held by .+?, expires at [\w:+.-]+(?: [\w:+.-]+)*")

_COMMAND = re.compile(r"Running \S+ release_command: (.+)")
_STATUS = re.compile(r"(?:exit(?:ed)?(?: normally)?(?: with)?(?: a)?(?: non-zero)? (?:status|code)(?: of)?:?) ?(\d+)")
_LOG_FOLLOWS = re.compile("(fetching|here's) the last .*lines below", re.IGNORECASE)
_LOGGED_LINES = 3
_LOGGED_LENGTH = 300

_SMOKE_CHECKS = re.compile(r"\W*smoke checks for ", re.IGNORECASE)


def interrupted(app: str) -> tuple[str, str]:
    """Return what is said of a deploy that we ended ourselves."""
    return f"the deploy of {app} was interrupted", "run it again: it converges"


def just_pushed(failure: Failure) -> Failure:
    """Return the failure of a deploy of an image in Fly's own registry, which may not find it until seconds later."""
    if _NO_IMAGE not in failure.what:
        return failure
    return replace(failure, hint="deploy with force to build it again, or check the reference", again=True)


def _lease(lines: Sequence[str]) -> str:
    """Return the holder of the lease that flyctl did not get, and its end, in flyctl's words; else empty."""
    found = (_LEASE.search(line) for line in lines)
    return next((f" ({match[0]})" for match in found if match), "")


def _ending(failure: Failure, lines: Sequence[str]) -> str:
    """Say how a release command or a crashing app ended: its command, its exit status, the last lines of its log."""
    if not re.search("release command|crashing", failure.what):
        return ""
    command = next((match[1].strip() for line in reversed(lines) if (match := _COMMAND.search(line))), "")
    status = next((match[1] for line in reversed(lines) if (match := _STATUS.search(line))), "")
    begin = next((number for number, line in enumerate(lines) if _LOG_FOLLOWS.search(line)), len(lines))
    log = [line.strip() for line in lines[begin + 1 :] if line.strip() and not line.startswith("Error:")]
    parts = [
        f" (`{command}`)" if command and "release" in failure.what else "",
        f" with exit status {status}" if status else "",
        f"; its last lines: {shortened(' | '.join(log[-_LOGGED_LINES:]), _LOGGED_LENGTH)}" if log else "",
    ]
    return "".join(parts)


def explain(app: str, code: int, lines: Sequence[str]) -> Failure:
    """Classify the failure that ended flyctl with exit status `code`.

    Only flyctl's own error decides: its last `Error:` line with what follows it, then its lines about smoke checks. All
    other lines may be the output of a build, a release command or the app.
    """
    errors = [number for number, line in enumerate(lines) if line.startswith("Error:")]
    smoke_checks = [line for line in lines if _SMOKE_CHECKS.match(line)]
    for own in (lines[errors[-1] :] if errors else (), smoke_checks):
        text = "\n".join(line.lower() for line in own if not _HARMLESS.search(line.lower()))
        for words, failure in _FAILURES:
            if re.search(words, text):
                what = f"{app}: {failure.what}{_lease(own)}{_ending(failure, lines)}"
                return replace(failure, what=what, hint=failure.hint.replace("{app}", app))
    if code == CANCELLED:
        return Failure(f"{app}: flyctl was cancelled, or gave up on some Machines", "see its output above")
    last = lines[errors[-1]] if errors else (lines[-1] if lines else "no output")
    return Failure(f"{app}: flyctl ended with {code}: {last.strip()}", "see its output above")

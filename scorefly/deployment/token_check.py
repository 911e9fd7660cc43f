"""Checks what the Fly API token is for and when it expires."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.connection import open_api
from scorefly.fly.api import FlyApi
from scorefly.fly.api.current_token import CurrentToken
from scorefly.fly.tokens import TokenDetails, read_token
from scorefly.problems import ExternalError, Problem, external_error, option_place

SOON = 14 * 86400  # seconds before its end from which on a token is warned of


class TokenCheck(Struct, frozen=True):
    """A token: what it says itself, and what Fly says of it (empty where Fly says nothing)."""

    details: TokenDetails
    current: tuple[CurrentToken, ...]

    @property
    def organizations(self) -> tuple[str, ...]:
        """The slugs of the organizations that the token is for."""
        return tuple(sorted({each.organization for each in self.current if each.organization}))

    @property
    def apps(self) -> tuple[str, ...]:
        """The names of the apps that the token is for; empty where it is for all of an organization."""
        if any(not each.apps for each in self.current):
            return ()
        return tuple(sorted({app for each in self.current for app in each.apps}))


def check_token(settings: Settings, api: FlyApi) -> TokenCheck:
    """Read the token, and ask Fly about it. A token that cannot be looked up is not a problem."""
    try:
        current = api.current_tokens()
    except ExternalError:
        current = ()
    return TokenCheck(read_token(settings.fly_api_token), current)


def token_problems(settings: Settings, check: TokenCheck, now: float | None = None) -> list[Problem]:
    """Return warnings of a token that expired, expires soon, or is for another organization."""
    problems = []
    now = time.time() if now is None else now
    place = option_place("fly-api-token")
    expires = check.details.expires
    scope = "deploy -a APP" if check.details.kind == "app" else "org"
    hint = f"make a new one with `fly tokens create {scope} --expiry 8760h` and store it as FLY_API_TOKEN"
    if expires is not None and expires <= now + SOON:
        day = time.strftime("%Y-%m-%d", time.gmtime(expires))
        days = int((expires - now) // 86400)
        when = (
            f"expired on {day}" if expires <= now else f"expires on {day}, in {days} {'day' if days == 1 else 'days'}"
        )
        problems.append(Problem(f"the Fly API token {when}", hint, place, "warning"))
    # The personal organization has a second slug, which only Fly knows.
    if check.organizations and settings.org not in (*check.organizations, "personal"):
        named = ", ".join(check.organizations)
        message = f"the Fly API token is for organization {named}, not for {settings.org}"
        hint = f"set org to {check.organizations[0]}, or use a token of {settings.org}"
        problems.append(Problem(message, hint, place, "warning"))
    return problems


def refuse_creation(settings: Settings, check: TokenCheck, app: str) -> None:
    """Raise ExternalError where the token is known not to create an app, which plan has to say before deploy does."""
    hint = f"use a token of organization {settings.org} (`fly tokens create org -o {settings.org}`)"
    if check.apps:
        raise external_error(f"{app} cannot be created: the Fly API token is for {', '.join(check.apps)} only", hint)
    if check.organizations and settings.org not in (*check.organizations, "personal"):
        named = ", ".join(check.organizations)
        raise external_error(f"{app} cannot be created: the Fly API token is for organization {named}", hint)


def with_organization_of_token(settings: Settings) -> Settings:
    """Return settings with the token's own organization where none was given and the token is for one only."""
    if settings.org_given or settings.rehearse or not settings.fly_api_token:
        return settings
    if read_token(settings.fly_api_token).kind not in ("app", "organization"):
        return settings
    with open_api(settings) as api:
        found: Sequence[str] = check_token(settings, api).organizations
    return replace(settings, org=found[0]) if len(found) == 1 else settings

"""Checks of settings: forms of names and tokens, and values that are never right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scorefly.fly.regions import suggest_region
from scorefly.problems import Place, Problem

TEXT_RULES: Mapping[str, tuple[str, str]] = {
    "environment": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "use letters, digits, `.`, `_` and `-`, 63 at most"),
    "images_from": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "name an environment"),
    "org": (r"[a-z0-9][a-z0-9-]*", "give the organization's slug, as `flyctl orgs list` shows it"),
    "region": (r"[a-z]{3}", "give a region's three letters, such as ams"),
    "app_prefix": (r"[a-z0-9][a-z0-9-]*", "app names have lower-case letters, digits and `-`"),
    "app_suffix": (r"[a-z0-9-]*[a-z0-9]", "app names have lower-case letters, digits and `-`"),
    "state": (r"git|file|file:.+", "say git, file or file:PATH"),
}
PLACEHOLDER_PREFIX = "change-me-"  # what `scorefly init` writes where no app prefix is given
_TOKENS: Mapping[str, str] = {
    "fly_api_token": r"(?:(?:FlyV1|Bearer) )?[!-~]+",
    "github_token": r"[!-~]+",
    "state_key": r"\s*[!-~]+(?:\s+[!-~]+)*\s*",
}


def check_texts(values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]) -> None:
    """Add problems of names and tokens of another form."""
    for name, pattern in _TOKENS.items():
        text = values.get(name)
        if text and not re.fullmatch(pattern, text):
            message = f"{name.replace('_', '-')} has a space, a line break or a character that no token has"
            problems.append(Problem(message, "store it again, as one line", places[name]))
    for name, (pattern, hint) in TEXT_RULES.items():
        text = values.get(name)
        if text and not re.fullmatch(pattern, text, re.ASCII):
            meant = suggest_region(text) if name == "region" else ""
            more = f": {meant}" if meant.startswith("did you mean") else ""
            problems.append(Problem(f"{name.replace('_', '-')} is {text!r}", f"{hint}{more}", places[name]))


def check_deploy_args(values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]) -> None:
    """Add a problem for an argument that is not passed to flyctl."""
    if arguments := values.get("deploy_args"):
        from scorefly.fly.deploy_flags import refused

        if problem := refused(arguments):
            argument, hint = problem
            problems.append(Problem(f"deploy-args: {argument!r} is not passed to flyctl", hint, places["deploy_args"]))


def refuse_placeholder_prefix(
    command: str, values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]
) -> None:
    """Add a problem where app-prefix is still the placeholder of `scorefly init`."""
    deploys = command in ("deploy", "plan", "preview") and not values.get("rehearse")
    if deploys and values.get("app_prefix") == PLACEHOLDER_PREFIX:
        hint = "set it to a prefix of your own, such as your organization's name"
        problems.append(Problem(f"app-prefix is still {PLACEHOLDER_PREFIX!r}", hint, places["app_prefix"]))

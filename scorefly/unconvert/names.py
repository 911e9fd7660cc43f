"""Names of workloads and environments, from the names of fly.toml files and their apps."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_WORKLOAD = re.compile(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
_FILE = re.compile(r"fly\.(?P<token>[A-Za-z0-9][A-Za-z0-9_-]*)\.(?:toml|json|ya?ml)")
ENVIRONMENTS = (
    *("production", "prod", "live", "staging", "stage", "development", "dev", "test", "testing", "qa", "uat"),
    *("preview", "review", "demo", "beta", "alpha", "canary", "sandbox", "local"),
)
PRODUCTION = ("production", "prod", "live")


def workload_name(app: str, folder: PurePosixPath) -> str:
    """Return a name for a workload: its app's, else its folder's."""
    name = app or re.sub(r"[^a-z0-9-]+", "-", folder.name.lower())[:63].strip("-")
    return name if _WORKLOAD.fullmatch(name) else f"{name or 'web'}-app"[-63:]


def environment_token(file: str) -> str:
    """Return ENVIRONMENT of a file called fly.ENVIRONMENT.toml; empty for any other name."""
    match = _FILE.fullmatch(PurePosixPath(file).name)
    return match["token"].lower() if match else ""


def stem(app: str, token: str) -> str:
    """Return an app's name without the name of its environment."""
    for name in (token, *_short_forms(token)):
        if app.endswith(f"-{name}"):
            return app.removesuffix(f"-{name}")
        if app.startswith(f"{name}-"):
            return app.removeprefix(f"{name}-")
    return app


def is_environment(token: str, app: str, base: str | None) -> bool:
    """Decide whether fly.TOKEN.toml is the same workload in another environment, and not another workload.

    `base` is the app of the fly.toml beside it; None where there is none.
    """
    return token in ENVIRONMENTS or token.startswith("pr-") or (base is not None and app in (base, ""))


def _short_forms(token: str) -> tuple[str, ...]:
    return {
        "production": ("prod", "prd"),
        "staging": ("stage", "stg"),
        "development": ("dev",),
        "prod": ("production",),
        "stage": ("staging",),
        "dev": ("development",),
    }.get(token, ())

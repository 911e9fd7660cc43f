"""The private network of an environment's apps: a preview has its own, so that it does not reach production."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from scorefly.config.settings import Settings, is_preview
from scorefly.fly.app import App
from scorefly.problems import Problem
from scorefly.state.document import EnvironmentState

_INTERNAL = re.compile(r"(?<![\w-])([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.internal(?![\w-])", re.ASCII)


def environment_network(settings: Settings, state: EnvironmentState) -> str:
    """Return the network that new apps of the environment join; empty for the organization's default network.

    An app's network is fixed when it is created, and apps of one environment have to reach each other. So all join
    the network of those that exist, which is the default one for a preview that was created before this was possible.
    """
    existing = [app.network for app in state.apps.values() if app.id or app.digest or app.network]
    if existing:
        return next(filter(None, existing), "")
    if not settings.isolate_previews or not is_preview(settings.environment):
        return ""
    owner = f"{settings.repository} {settings.environment} {settings.app_prefix}"
    digest = hashlib.sha256(owner.encode()).hexdigest()[:8]
    return f"{settings.environment}-{digest}"


def unreachable_apps(apps: Sequence[App], state: EnvironmentState, network: str) -> Iterator[Problem]:
    """Warn of variables that name an app on the private network which the environment's own network does not have.

    Names that come from a secret are not shown.
    """
    if not network:
        return
    here = {app.name for app in apps} | state.apps.keys()
    for app in apps:
        env = app.config.get("env")
        plain = {name: str(value) for name, value in env.items()} if isinstance(env, dict) else {}
        secret = {name: str(each.value) for name, each in app.secrets.items()}
        for name, value in sorted({**plain, **secret}.items()):
            missing = sorted(set(_INTERNAL.findall(value)) - here)
            if missing:
                what = "another app's .internal name" if name in secret else f"{missing[0]}.internal"
                other = "APP" if name in secret else missing[0]
                hint = (
                    f"give it an address in this network with `fly ips allocate-v6 --private --network {network} "
                    f"-a {other}` and use {other}.flycast, or set isolate-previews: false"
                )
                message = f"{app.name}: variable {name} has {what}, which is not in the network of this preview"
                yield Problem(message, hint, severity="warning")

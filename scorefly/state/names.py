"""The names that state makes public: apps, with the hosts and addresses made of them, workloads and resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scorefly.state.document import EnvironmentState

_DOMAINS = (".fly.dev", ".internal", ".flycast")


def app_names(apps: Iterable[str]) -> Iterator[str]:
    """Yield apps' names with the hosts and addresses made of them."""
    for app in apps:
        yield app
        yield f"https://{app}.fly.dev"
        yield from (f"{app}{domain}" for domain in _DOMAINS)


def state_names(state: EnvironmentState) -> Iterator[str]:
    """Yield the names of the apps, workloads and resources that state knows."""
    yield from (app.workload for app in state.apps.values() if app.workload)
    yield from app_names(state.apps)
    yield from state.resources

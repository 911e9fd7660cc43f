"""Plans which of an app's Fly secrets to set, and which to remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from scorefly.fly.api import FlyApi
from scorefly.state.document import EnvironmentState, SecretState
from scorefly.state.keeper import Keeper


class SecretPlan(Struct, frozen=True):
    """Names only, sorted: what to set before a deploy, what to remove after it, what stays though unknown."""

    to_set: tuple[str, ...]
    to_remove: tuple[str, ...]


def plan_secrets(
    desired: Mapping[str, str],
    known: Mapping[str, SecretState],
    live: Mapping[str, str],
    *,
    unused: str,
    keep: Sequence[str],
) -> SecretPlan:
    """Compares wanted fingerprints with what was set before and with Fly's digests.

    A secret is set when it is new, its value is another one, Fly has lost it, or somebody changed it by hand
    (Fly's digest is no longer the one it had after we set it). `unused` is `managed`, `all` or `keep`.
    """
    to_set = [
        name for name, fingerprint in desired.items() if not _is_set(fingerprint, known.get(name), live.get(name))
    ]
    candidates = {"managed": set(known) & set(live), "all": set(live), "keep": set[str]()}[unused]
    to_remove = [
        name for name in candidates if name not in desired and not any(fnmatchcase(name, pattern) for pattern in keep)
    ]
    return SecretPlan(tuple(sorted(to_set)), tuple(sorted(to_remove)))


def remove_secrets(api: FlyApi, keeper: Keeper, app: str, names: Sequence[str]) -> None:
    """Takes secrets off Fly, in one call, and out of what state knows of the app."""
    api.update_secrets(app, dict.fromkeys(names))

    def without(state: EnvironmentState) -> EnvironmentState:
        known = state.apps.get(app)
        if known is None:
            return state
        return state.with_app(
            replace(known, secrets={key: each for key, each in known.secrets.items() if key not in names})
        )

    keeper.record(without)


def _is_set(fingerprint: str, known: SecretState | None, live_digest: str | None) -> bool:
    if known is None or live_digest is None:
        return False
    return known.fingerprint == fingerprint and known.digest in ("", live_digest)

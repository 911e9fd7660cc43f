"""Which secrets an app's Fly secrets must be set to, and which are to go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from scorefly.state.document import SecretState


@dataclass(frozen=True, slots=True)
class SecretPlan:
    """Names only, sorted: what to set before a deploy, what to remove after it, what stays though unknown."""

    to_set: tuple[str, ...]
    to_remove: tuple[str, ...]


def plan_secrets(
    wanted: Mapping[str, str],
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
    to_set = [name for name, fingerprint in wanted.items() if not _is_set(fingerprint, known.get(name), live.get(name))]
    candidates = {"managed": set(known) & set(live), "all": set(live), "keep": set[str]()}[unused]
    to_remove = [
        name for name in candidates if name not in wanted and not any(fnmatchcase(name, pattern) for pattern in keep)
    ]
    return SecretPlan(tuple(sorted(to_set)), tuple(sorted(to_remove)))


def _is_set(fingerprint: str, known: SecretState | None, live_digest: str | None) -> bool:
    if known is None or live_digest is None:
        return False
    return known.fingerprint == fingerprint and known.digest in ("", live_digest)

"""JSON merge patch (RFC 7396), on trees."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.values import Secret, Tree


def merge_patch(target: Mapping[str, Tree], patch: Mapping[str, Tree]) -> dict[str, Tree]:
    """The patched mapping: null removes a member, a mapping is merged, anything else replaces. Both arguments stay."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None or (isinstance(value, Secret) and value.value is None):
            merged.pop(name, None)
        elif isinstance(value, dict):
            known = merged.get(name)
            merged[name] = merge_patch(known if isinstance(known, dict) else {}, value)
        else:
            merged[name] = value
    return merged

"""The section `previews` of scorefly.yaml: what all previews share."""

from __future__ import annotations

from scorefly.config.value import Value
from scorefly.problems import Problem, nearest

PREVIEWS = "previews"
SHARE = "share"
SHARED = ("postgres",)
# Servers that have no databases with a password each: one for all previews would mix their data.
NOT_SHARED = ("redis",)


def parse_previews(section: Value, problems: list[Problem]) -> tuple[str, ...]:
    """Return the types of resources whose server all previews share. What is wrong is added to `problems`."""
    if not isinstance(section.data, dict):
        problems.append(Problem(f"{PREVIEWS} is not a mapping", "write `share: [postgres]` below it", section.place))
        return ()
    for key, value in section.children().items():
        if key != SHARE:
            problems.append(Problem(f"{PREVIEWS}: unknown key {key!r}", nearest(key, [SHARE]), value.place))
    share = section.children().get(SHARE)
    if share is None or share.data is None:
        return ()
    if not isinstance(share.data, list) or not all(isinstance(each, str) for each in share.data):
        problems.append(Problem(f"{PREVIEWS}.{SHARE} is not a list of types", "write [postgres]", share.place))
        return ()
    names = [str(each) for each in share.data]
    for name in names:
        if name not in (*SHARED, *NOT_SHARED):
            hint = nearest(name, [*SHARED, *NOT_SHARED])
            problems.append(Problem(f"{PREVIEWS}.{SHARE}: previews cannot share {name!r}", hint, share.place))
    return tuple(name for name in names if name in SHARED)


def unshared_notices(section: Value) -> list[Problem]:
    """Return a notice for each type that is named and stays a server of each preview."""
    value = section.children().get(SHARE)
    names = value.data if value and isinstance(value.data, list) else []
    return [
        Problem(
            f"{PREVIEWS}.{SHARE}: each preview keeps a {name} of its own, because {name} has no separate databases "
            "with users",
            "",
            section.place,
            severity="notice",
        )
        for name in names
        if name in NOT_SHARED
    ]

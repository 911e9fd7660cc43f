"""Images whose tag may be given to another image, such as `:latest`: a newer one is not noticed."""

from __future__ import annotations

from collections.abc import Iterable

from scorefly.fly.app import App
from scorefly.problems import Problem

_MUTABLE = ("latest", "main", "master", "edge", "nightly", "dev", "develop", "stable")


def mutable_tag_notices(unchanged: Iterable[App]) -> list[Problem]:
    """Return one notice about all unchanged apps that run an image without a tag, or with one that usually moves."""
    images = [f"{app.name} ({app.image})" for app in unchanged if isinstance(app.image, str) and _is_mutable(app.image)]
    if not images:
        return []
    return [
        Problem(
            f"unchanged, though there may be a newer image under the same tag: {', '.join(images)}",
            "set force to deploy it, or name the image by a version or a digest",
            severity="notice",
        )
    ]


def _is_mutable(image: str) -> bool:
    name = image.rpartition("/")[2]
    return "@" not in name and name.partition(":")[2] in ("", *_MUTABLE)

"""Chooses how Machines are replaced: the strategy of the option, as far as an app supports it."""

from __future__ import annotations

BESIDE = ("canary", "bluegreen")


def effective_strategy(option: str, *, has_volumes: bool) -> str:
    """Return the strategy to deploy with; empty where fly.toml decides.

    flyctl refuses a strategy that needs a second Machine where the one there is holds a volume.
    """
    return "rolling" if option in BESIDE and has_volumes else option

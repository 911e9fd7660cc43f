"""Estimated monthly costs, for reports and plans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from scorefly.fly.prices import AS_OF, SOURCE

NOT_INCLUDED = "traffic, snapshots, certificates, builds and add-ons"


class AppCost(Struct, frozen=True):
    """The cost of an app in a month before and after a deploy, in US dollars. None: the price table does not know."""

    before: float | None
    after: float | None


class CostSummary(Struct, frozen=True):
    """The cost of all apps of an environment. `unknown` are apps whose cost is not included."""

    before: float
    after: float
    unknown: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """The difference in a month."""
        return round(self.after - self.before, 2)


def summarise_costs(costs: Iterable[tuple[str, AppCost | None]]) -> CostSummary:
    """Add up the costs of apps. An app that is not known before or after is left out of both."""
    before = after = 0.0
    unknown = []
    for name, cost in costs:
        if cost is None or cost.before is None or cost.after is None:
            unknown.append(name)
        else:
            before += cost.before
            after += cost.after
    return CostSummary(round(before, 2), round(after, 2), tuple(unknown))


def cost_json(summary: CostSummary) -> dict[str, Any]:
    """Return a summary as in plan.json."""
    return {
        "currency": "USD",
        "before": summary.before,
        "after": summary.after,
        "change": summary.change,
        "unknown": list(summary.unknown),
        "prices_as_of": AS_OF,
        "source": SOURCE,
    }


def cost_text(summary: CostSummary) -> str:
    """Return a summary in words."""
    change = f"{'+' if summary.change > 0 else '-'}${abs(summary.change):.2f}" if summary.change else "no change"
    unknown = f"; not known: {', '.join(summary.unknown)}" if summary.unknown else ""
    return (
        f"up to ${summary.after:.2f} a month ({change}), if all Machines run all the time{unknown}; "
        f"without {NOT_INCLUDED} (list prices of {AS_OF}, {SOURCE})"
    )

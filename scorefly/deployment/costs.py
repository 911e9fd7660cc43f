"""Estimates the cost of an app in a month, from its Machines, volumes and addresses and Fly's list prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scorefly.config.settings import Settings
from scorefly.deployment.machine_counts import app_machines, desired_groups, group_of, is_standby
from scorefly.desired.load import Loaded
from scorefly.fly.addresses import split_address
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import ANY_REGION, App
from scorefly.fly.machine_config import guest, tables
from scorefly.fly.names import resource_app_name
from scorefly.fly.prices import DEDICATED_IPV4, machine_price, managed_postgres_price, volume_price
from scorefly.problems import InputError
from scorefly.report.costs import AppCost
from scorefly.resources import upstash
from scorefly.resources.managed_postgres import URI as MANAGED_URI
from scorefly.resources.managed_postgres import clusters_in, wanted_cluster
from scorefly.state.document import EnvironmentState


def app_cost(
    app: App, ha: bool | None, machines: Sequence[MachineView], *, unchanged: bool, exists: bool, nearest: str = ""
) -> AppCost:
    """Return what an app costs before and after a deploy. `machines` are those it has, with their configurations.

    Machines of a listing have none; of an app that is `unchanged` they are not needed. An app that is deployed has as
    many Machines as before, or as many as are desired. A Machine counts as if it ran all the time, a standby not at
    all, and a Machine that runs on a schedule is not known. `nearest` is where Machines without a region are created.
    """
    if app.machine.get("schedule") or app.machine.get("auto_destroy"):
        return AppCost(None, None)
    present = [each for each in app_machines(machines) if not is_standby(each)]
    after = _added((*_desired(app, ha, present, nearest), *_address(app)))
    if unchanged:
        return AppCost(after, after)
    before = _added((*(_machine(each) for each in present), *_address(app))) if exists else 0.0
    return AppCost(before, after)


def managed_costs(settings: Settings, loaded: Loaded, state: EnvironmentState) -> Iterator[tuple[str, AppCost]]:
    """Yield what each cluster of Managed Postgres costs that the environment's resources ask for.

    One that is named may serve other environments too: its cost is in the plan that makes it, and not in others.
    """
    there, reported = clusters_in(state.shared), set[str]()
    for uid, provisioner in loaded.provisioners.items():
        if provisioner.spec.uri != MANAGED_URI:
            continue
        default = resource_app_name(settings.app_prefix, "postgres", settings.app_suffix)
        params = {key: value for key, value in loaded.graph.nodes[uid].params.items() if not isinstance(value, dict)}
        try:
            desired = wanted_cluster(params, default, settings.region)  # type: ignore[arg-type]  # plain data is a tree
        except InputError:  # a placeholder, whose value is not here
            yield uid, AppCost(None, None)
            continue
        known = there.get(desired.name)
        if desired.name in reported or (known and not known.get("own")):
            continue
        reported.add(desired.name)
        price = managed_postgres_price(desired.plan, desired.size_gb)
        yield desired.name, AppCost(price if known else 0.0, price)


def upstash_costs(loaded: Loaded, state: EnvironmentState) -> Iterator[tuple[str, AppCost]]:
    """Yield what each Upstash Redis costs that scorefly makes; what is billed by use has no price."""
    for uid, provisioner in loaded.provisioners.items():
        if provisioner.spec.uri == upstash.URI:
            known = state.resources.get(uid)
            there = known is not None and bool(known.state.get("url"))
            plan = (known.state.get("plan") if known and there else None) or loaded.graph.nodes[uid].params.get("plan")
            price = upstash.price_of(str(plan or upstash.PAY_AS_YOU_GO))
            yield uid, AppCost((price if there else 0.0), price)


def _added(prices: Iterable[float | None]) -> float | None:
    """Add up prices; None where one of them is not known."""
    total = 0.0
    for price in prices:
        if price is None:
            return None
        total += price
    return round(total, 2)


def _desired(app: App, ha: bool | None, present: Sequence[MachineView], nearest: str) -> Iterator[float | None]:
    """Yield the price of each Machine that the app should have, with its volumes."""
    volumes = sum(volume_price(claim.size_gb) for claim in app.volumes)
    for group, size in desired_groups(app, ha).items():
        home = app.region or next((each.region for each in present), nearest)
        there = [each.region for each in present if group_of(each) == group]
        if group in app.counts:
            regions = [region for region, count in app.counts[group].items() for _ in range(count)]
        else:
            regions = [app.region or region for region in there]
            regions += [home] * (size.machines - len(there))
        for region in regions:
            price = machine_price(_guest(app, group), home if region == ANY_REGION else region)
            yield None if price is None else price + volumes


def _guest(app: App, group: str) -> dict[str, Any]:
    """Return the size of a process group's Machines."""
    sizes = tables(app.config, "vm")
    named = [each for each in sizes if group in (each.get("processes") or ())]
    general = [each for each in sizes if not each.get("processes")]
    return guest({"vm": [*named, *general][:1]})


def _machine(machine: MachineView) -> float | None:
    price = machine_price(_mapping(machine.config.get("guest")), machine.region)
    if price is None:
        return None
    sizes = [_mapping(mount).get("size_gb") for mount in machine.config.get("mounts") or ()]
    return price + sum(volume_price(size) for size in sizes if isinstance(size, int))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _address(app: App) -> Iterator[float]:
    if any(split_address(each)[0] == "v4" for each in app.addresses):
        yield DEDICATED_IPV4

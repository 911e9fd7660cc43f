"""Redis of class `upstash`: a database of Upstash Redis that scorefly makes, billed by Fly."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from scorefly.fly.addons import AddOnsApi, Kind
from scorefly.fly.prices import UPSTASH_REDIS
from scorefly.problems import InputError, Problem, nearest
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.provisioner import Outside, Provisioned, ProvisioningContext, Request, Spec
from scorefly.values import Secret, Tree, reveal_text, to_text

TEMPLATE = "template://scorefly/redis-upstash"
URI = "fly://scorefly/redis-upstash"
KIND: Kind = "upstash_redis"
PAY_AS_YOU_GO = "Pay-as-you-go"
# Plans that Fly still lists for the databases that have them.
_FORMER_PLANS = ("starter", "standard", "pro 2k", "pro 10k")


class Database(Struct, frozen=True):
    """The database that params ask for. An empty region is where the run deploys to."""

    plan: str
    region: str
    eviction: bool


def price_of(plan: str) -> float | None:
    """Return what a plan costs in a month; None where that depends on its use, or is not known."""
    return UPSTASH_REDIS.get(plan.lower())


class UpstashRedis(Struct, frozen=True):
    """Makes a database once, and keeps its URL in the state."""

    spec: Spec

    def reaches_out(self, outside: Outside) -> bool:
        """Decide whether this run may make anything."""
        return outside.calls == "provision" and outside.managed is not None

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Return the database; it is made where state has none. One whose answer was lost is found again."""
        outside, asked = run_context.outside, _asked(request)
        if request.state.get("url"):
            return Provisioned(_outputs(request.state["url"]), request.state, problems=_changes(request, asked))
        name = _name(request, run_context)
        if outside.managed is None or outside.calls == "never":
            return self._unknown(request, outside)
        region = asked.region or outside.managed.region
        api = AddOnsApi(outside.managed.api, outside.managed.org)
        if outside.calls != "provision":
            self._check(request, api, asked, region)
            return replace(self._unknown(request, outside), problems=(_notice(request, name, asked, region),))
        organization_id, names = api.organization(KIND)
        if name in names and not request.state.get("begun"):
            message = f"{request.uid}: the organization has an Upstash Redis {name}, and the state does not know it"
            hint = f"take it with params.secret and its URL, which `fly redis status {name}` shows"
            raise InputError(Problem(message, hint, request.place))
        url = ""
        if name not in names:
            plan = self._check(request, api, asked, region)
            begun: dict[str, Tree] = {"name": name, "plan": asked.plan, "region": region, "begun": True}
            request.keep(Provisioned(request.outputs, begun))
            url = api.create_redis(organization_id, name, plan, region, eviction=asked.eviction)
        url = url or api.wait(KIND, name)
        outside.hide([url, urlsplit(url).password or ""])
        state: dict[str, Tree] = {"name": name, "plan": asked.plan, "region": region, "url": Secret(url)}
        return Provisioned(_outputs(state["url"]), state)

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:
        """Delete the database with its data."""
        managed, name = run_context.outside.managed, str(request.state.get("name") or "")
        if managed is None or not name:
            return ()
        api = AddOnsApi(managed.api, managed.org)
        if name in api.organization(KIND)[1]:
            api.delete(KIND, name)
        return ()

    def syntax_problems(self) -> list[Problem]:
        """Return nothing: it has no templates."""
        return []

    def _check(self, request: Request, api: AddOnsApi, asked: Database, region: str) -> str:
        """Return the id of the plan. Raises InputError for a plan or a region that Upstash does not have."""
        plans = {name: id_ for name, id_ in api.plans(KIND).items() if name.lower() not in _FORMER_PLANS}
        found = next((id_ for name, id_ in plans.items() if name.lower() == asked.plan.lower()), "")
        problems = []
        if not found:
            message = f"{request.uid}: params.plan is not a plan of Upstash Redis: {asked.plan!r}"
            problems.append(Problem(message, f"there are: {', '.join(plans)}", request.place))
        if not region:
            problems.append(Problem(f"{request.uid}: the database needs a region", "set params.region", request.place))
        elif region in api.provider(KIND).excluded_regions:
            message = f"{request.uid}: Upstash Redis is not in region {region}"
            problems.append(Problem(message, "set params.region to another one nearby", request.place))
        if problems:
            raise InputError(*problems)
        return found

    def _unknown(self, request: Request, outside: Outside) -> Provisioned:
        if outside.calls == "known":
            message = f"{request.uid} is not provisioned yet, and this command makes nothing"
            raise InputError(Problem(message, "run deploy first", request.place))
        outputs: dict[str, Tree] = {**dict.fromkeys(self.spec.expected_outputs, STAND_IN), **request.outputs}
        return Provisioned(outputs, provisional=True)


def _asked(request: Request) -> Database:
    """Return the database that params ask for. Raises InputError."""
    params, problems = request.params, []
    plan, region, eviction = (
        params.get("plan", PAY_AS_YOU_GO),
        params.get("region") or "",
        params.get("eviction", False),
    )
    if not isinstance(plan, str) or not plan.strip():
        problems.append(Problem(f"{request.uid}: params.plan is not a string", "see `fly redis plans`", request.place))
    elif plan.lower() in _FORMER_PLANS:
        message = f"{request.uid}: Upstash has no plan {plan!r} for new databases"
        known = [PAY_AS_YOU_GO, *UPSTASH_REDIS]
        problems.append(Problem(message, nearest(plan, known), request.place))
    if not isinstance(region, str) or (region and not re.fullmatch(r"[a-z]{3}", region)):
        problems.append(Problem(f"{request.uid}: params.region is not the code of a region", place=request.place))
    if not isinstance(eviction, bool):
        problems.append(Problem(f"{request.uid}: params.eviction is neither true nor false", place=request.place))
    if problems:
        raise InputError(*problems)
    return Database(str(plan).strip(), str(region), bool(eviction))


def _changes(request: Request, asked: Database) -> tuple[Problem, ...]:
    """Warn of params that say something else than the database that is there."""
    desired = {"plan": asked.plan, "region": asked.region}
    differing = [
        key for key in desired if key in request.params and desired[key] != request.state.get(key, desired[key])
    ]
    if not differing:
        return ()
    name = request.state.get("name")
    message = f"{request.uid}: the database {name} stays as it is: params.{', params.'.join(differing)} changed"
    hint = f"change its plan with `fly redis update {name}`; its region cannot be changed"
    return (Problem(message, hint, request.place, "warning"),)


def _notice(request: Request, name: str, asked: Database, region: str) -> Problem:
    price = price_of(asked.plan)
    cost = f"${price:.2f} a month" if price is not None else "billed by use"
    if price is None and asked.plan.lower() != PAY_AS_YOU_GO.lower():
        cost = "at a price that scorefly does not know"
    message = f"{request.uid}: deploy makes the Upstash Redis {name} (plan {asked.plan}, {region}), {cost}"
    return Problem(message, place=request.place, severity="notice")


def _name(request: Request, run_context: ProvisioningContext) -> str:
    """Return the name of the database, which no other one of Upstash on Fly has."""
    stem = re.sub(r"[^a-z0-9-]", "-", run_context.app_name(request.id.replace(".", "-")).lower())[:40].strip("-")
    return str(request.state.get("name") or f"{stem}-{request.guid[:8]}")


def _outputs(url: Tree) -> dict[str, Tree]:
    parts = urlsplit(reveal_text(to_text(url)))
    return {
        "host": parts.hostname or "",
        "port": parts.port or 6379,
        "username": unquote(parts.username or "") or "default",
        "password": Secret(unquote(parts.password or "")),
        "url": url,
    }

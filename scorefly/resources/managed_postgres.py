"""Postgres of class `managed`: a database and a user on a cluster of Fly Managed Postgres that scorefly makes.

The shared state knows each cluster by name: its id (empty while it is being made), whether it is the environment's own,
and the resources that use it. Every step is saved before the next one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct, field

from scorefly import interruption
from scorefly.fly.managed_postgres import MAJORS, MAX_GB, REGIONS, Cluster, ManagedPostgresApi
from scorefly.fly.prices import MANAGED_POSTGRES, managed_postgres_price
from scorefly.problems import InputError, Problem, external_error
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.provisioner import Outside, Provisioned, ProvisioningContext, Request, Spec
from scorefly.values import Secret, Tree, merge_patch, reveal_text, to_text

TEMPLATE = "template://scorefly/postgres-managed"
URI = "fly://scorefly/postgres-managed"
KEY = "managed_postgres"  # in the shared state
SIZE_GB = 10
_MINUTES = 15  # until a new cluster is ready
_UNKNOWN = Secret(STAND_IN, given=True)


class Wanted(Struct, frozen=True):
    """The cluster that a resource asks for; `named` says that its Score file names it."""

    name: str
    plan: str
    region: str
    size_gb: int
    major: str
    named: bool


def wanted_cluster(request_params: Mapping[str, Tree], default_name: str, region: str) -> Wanted:
    """Return the cluster that params ask for. Raises InputError, without a place, with all that is wrong."""
    problems = []
    plan, size = request_params.get("plan", "basic"), request_params.get("size_gb", SIZE_GB)
    size = int(size) if isinstance(size, str) and size.isdecimal() else size
    major, name = str(request_params.get("version", MAJORS[-1])), request_params.get("cluster")
    region = str(request_params.get("region") or region)
    if plan not in MANAGED_POSTGRES:
        priced = ", ".join(f"{each} (${price:.0f} a month)" for each, price in MANAGED_POSTGRES.items())
        problems.append(Problem(f"params.plan is not a plan: {plan!r}", f"there are: {priced}"))
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_GB:
        problems.append(Problem(f"params.size_gb is not a number from 1 to {MAX_GB}: {size!r}"))
    if major not in MAJORS:
        problems.append(Problem(f"params.version is not a major version: {major!r}", f"there are: {', '.join(MAJORS)}"))
    if region not in REGIONS:
        message = f"Managed Postgres is not in region {region!r}" if region else "the cluster needs a region"
        problems.append(Problem(message, f"set params.region to one of {', '.join(REGIONS)}"))
    if problems:
        raise InputError(*problems)
    size_gb = size if isinstance(size, int) else SIZE_GB
    return Wanted(str(name or default_name), str(plan), region, size_gb, major, bool(name))


def clusters_in(shared: Mapping[str, Tree]) -> Mapping[str, Mapping[str, Tree]]:
    """Return the clusters that the shared state knows, by name."""
    found = shared.get(KEY)
    return {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}


class ManagedPostgres(Struct, frozen=True):
    """Makes what is missing: the cluster, the database, the user. What is there is found again."""

    spec: Spec

    def reaches_out(self, outside: Outside) -> bool:
        """Decide whether this run makes anything."""
        return outside.calls == "provision" and outside.managed is not None

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Make the database, or return what is known of it where this run makes nothing."""
        outside = run_context.outside
        try:
            region = outside.managed.region if outside.managed else REGIONS[0]
            desired = wanted_cluster(request.params, run_context.app_name("postgres"), region)
        except InputError as error:
            located = (Problem(f"{request.uid}: {each.message}", each.hint, request.place) for each in error.problems)
            raise InputError(*located) from error
        if outside.managed is None or outside.calls != "provision":
            return self._known(request, desired, outside)
        return _Making(request, desired, outside.managed, outside).run()

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:
        """Destroy the environment's own cluster with its last database; else delete the user only."""
        api, name = run_context.outside.managed, str(request.state.get("cluster") or "")
        cluster = clusters_in(request.shared).get(name, {})
        id_, users = str(cluster.get("id") or ""), cluster.get("users")
        others = set(users if isinstance(users, dict) else {}) - {request.uid}
        if api is None or not cluster:
            return ()
        if cluster.get("own") and not others:
            for found in [id_] if id_ else [each.id for each in api.find(name)]:
                api.destroy(found)
            request.keep(Provisioned({}, request.state, {KEY: {name: None}}))
            return ()
        if not id_:
            return ()
        user = str(request.state["name"])
        api.delete_user(id_, user)
        request.keep(Provisioned({}, request.state, {KEY: {name: {"users": {request.uid: None}}}}))
        message = f"database {user} stays on the cluster {name}: Fly has no call that drops one"
        hint = f'run `fly mpg connect {id_}`, then DROP DATABASE "{user}"; `fly mpg destroy {id_}` removes the cluster'
        return (Problem(message, hint, severity="warning"),)

    def syntax_problems(self) -> list[Problem]:
        """Return nothing: it has no templates."""
        return []

    def _known(self, request: Request, desired: Wanted, outside: Outside) -> Provisioned:
        known = dict(request.outputs)
        if not known and outside.calls == "known":
            message = f"{request.uid} is not provisioned yet, and this command makes nothing"
            raise InputError(Problem(message, "run deploy first", request.place))
        if cluster := str(request.state.get("cluster") or ""):
            problems = _changed_params(request, desired, cluster)
        elif desired.name not in clusters_in(request.shared) and outside.calls != "never":
            price = managed_postgres_price(desired.plan, desired.size_gb)
            message = (
                f"{request.uid}: deploy makes the Managed Postgres cluster {desired.name} where there is none "
                f"(plan {desired.plan}, {desired.size_gb} GB, {desired.region}), for ${price:.2f} a month"
            )
            problems = (Problem(message, place=request.place, severity="notice"),)
        else:
            problems = ()
        outputs: dict[str, Tree] = {
            **dict.fromkeys(self.spec.expected_outputs, STAND_IN),
            "password": _UNKNOWN,
            **known,
        }
        return Provisioned(outputs, provisional=True, problems=problems)


def _changed_params(request: Request, desired: Wanted, name: str) -> tuple[Problem, ...]:
    """Warn of params that say something else than the cluster that is there."""
    known = clusters_in(request.shared).get(name, {})
    asked = {"plan": desired.plan, "region": desired.region, "size_gb": desired.size_gb, "cluster": desired.name}
    there = {**known, "cluster": name}
    differing = [key for key in asked if there.get(key, asked[key]) != asked[key] and key in request.params]
    if not differing:
        return ()
    message = f"{request.uid}: the cluster {name} stays as it is: params.{', params.'.join(differing)} changed"
    hint = "change it on Fly's dashboard; to move to another cluster, dump the data and restore it"
    return (Problem(message, hint, request.place, "warning"),)


class _Making(Struct):
    """One run of making a database. `shared` is the patch of the shared state so far."""

    request: Request
    desired: Wanted
    api: ManagedPostgresApi
    outside: Outside
    state: dict[str, Tree] = field(default_factory=dict)
    shared: dict[str, Tree] = field(default_factory=dict)

    def run(self) -> Provisioned:
        request = self.request
        plain = request.id.replace(".", "_").replace("-", "_")[:50]
        self.state = {**request.state}
        self.state.setdefault("name", f"{plain}_{request.guid[:8]}")
        # A resource stays on its cluster, whatever its params say later.
        cluster_name = str(self.state.setdefault("cluster", self.desired.name))
        problems = _changed_params(self.request, self.desired, cluster_name)
        id_ = self._cluster_id(cluster_name)
        cluster = self._ready(id_)
        name = str(self.state["name"])
        if name not in self.api.databases(id_):
            self.api.create_database(id_, name)
        if name not in self.api.users(id_):
            self.api.create_user(id_, name)
        url = urlsplit(cluster.url)
        password = Secret(self.api.password(id_, name))
        self.outside.hide([reveal_text(to_text(password))])
        outputs: dict[str, Tree] = {
            "host": url.hostname or "",
            "port": url.port or 5432,
            "name": name,
            "database": name,
            "username": name,
            "password": password,
        }
        return Provisioned(outputs, self.state, self.shared, problems=problems)

    def _cluster_id(self, name: str) -> str:
        """Return the id of the cluster, which is made where there is none. One whose answer was lost is found again."""
        known, desired = clusters_in(self.request.shared).get(name, {}), self.desired
        if id_ := str(known.get("id") or ""):
            self._keep(name, {"users": {self.request.uid: True}})
            return id_
        found = self.api.find(name)
        if found and not known:
            if not desired.named:
                message = f"there is a Managed Postgres cluster {name}, and the state does not know it"
                hint = f"set params.cluster to {name} to put a database on it"
                raise InputError(Problem(f"{self.request.uid}: {message}", hint, self.request.place))
            self._keep(name, {"id": found[0].id, "own": False, "users": {self.request.uid: True}})
            return found[0].id
        asked: dict[str, Tree] = {"plan": desired.plan, "region": desired.region, "size_gb": desired.size_gb}
        self._keep(name, {"id": "", "own": not desired.named, "users": {self.request.uid: True}, **asked})
        new = found[0].id if found else self._create(name)
        self._keep(name, {"id": new})
        return new

    def _create(self, name: str) -> str:
        desired = self.desired
        return self.api.create(name, desired.plan, desired.region, desired.size_gb, desired.major)

    def _keep(self, name: str, changes: Mapping[str, Tree]) -> None:
        self.shared = merge_patch(self.shared, {KEY: {name: dict(changes)}})
        self.request.keep(Provisioned(self.request.outputs, self.state, self.shared, self.request.random))

    def _ready(self, id_: str) -> Cluster:
        """Wait until the cluster is ready. Raises ExternalError when it is not in time."""
        deadline, delay = time.monotonic() + _MINUTES * 60, 0.2
        while True:
            cluster = self.api.cluster(id_)
            if cluster.status == "ready" and cluster.url:
                self.outside.hide([urlsplit(cluster.url).password or "", cluster.url])
                return cluster
            if cluster.status in ("error", "failed"):
                message = f"the Managed Postgres cluster {cluster.name} ({id_}) has status {cluster.status}"
                raise external_error(message, f"look at it with `fly mpg status {id_}`; destroy it, and deploy again")
            if time.monotonic() > deadline:
                message = f"the Managed Postgres cluster {cluster.name} ({id_}) is not ready after {_MINUTES} minutes"
                raise external_error(message, "deploy again: it goes on with that cluster")
            interruption.sleep(delay)
            delay = min(5.0, delay * 2)


def with_user_renamed(shared: Mapping[str, Tree], old: str, new: str) -> Mapping[str, Tree]:
    """Return the shared state in which a resource that uses a cluster has another uid."""
    changes: dict[str, Tree] = {}
    for name, cluster in clusters_in(shared).items():
        users = cluster.get("users")
        if isinstance(users, dict) and old in users:
            changes[name] = {"users": {old: None, new: users[old]}}
    return merge_patch(shared, {KEY: changes}) if changes else shared

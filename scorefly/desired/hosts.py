"""Custom host names: which app serves each of them, from the routes and DNS names of the Score files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.load import Loaded
from scorefly.desired.orphans import is_owner_gone
from scorefly.desired.resolution import Resolution
from scorefly.fly.addresses import has_public
from scorefly.fly.app import App
from scorefly.fly.hostnames import InvalidHostError, is_custom, is_private, normalise_host
from scorefly.problems import Place, Problem
from scorefly.resources.lookup import STAND_IN
from scorefly.score.workload import Workload
from scorefly.state.document import EnvironmentState
from scorefly.values import holds_secret, reveal_text, to_text


class HostClaim(Struct, frozen=True):
    """A host that a workload wants to be reached by, and where its Score file says so."""

    host: str
    workload: str
    what: str
    place: Place
    is_owner: bool


def assign_hosts(
    settings: Settings,
    loaded: Loaded,
    resolution: Resolution,
    state: EnvironmentState,
    apps: Sequence[App],
    problems: list[Problem],
) -> list[App]:
    """Return the apps with the custom hosts that each of them serves. Invalid hosts are added to `problems`."""
    by_workload = {app.workload: app for app in apps if app.workload}
    claims: dict[str, list[HostClaim]] = {}
    for workload in loaded.workloads:
        if workload.name not in by_workload:
            continue
        for claim in _claims(settings, loaded, resolution, workload, problems):
            claims.setdefault(claim.host, []).append(claim)
    hosts: dict[str, list[str]] = {}
    for host, claimants in claims.items():
        first = claimants[0]
        if not settings.custom_domains:
            hint = "set certificates: always to request its certificate in previews, too"
            _note(problems, f"{first.what} is for {host}, which a preview does not use", hint, first)
        elif not settings.requests_certificates:
            app = by_workload[first.workload].name
            hint = f"run `fly certs add {host} -a {app}` after the deploy, and set the DNS records that it shows"
            _note(problems, f"{first.what} is for {host}, and certificates is never", hint, first)
        elif app := _serving_app(settings, loaded, state, by_workload, claimants, problems):
            hosts.setdefault(app, []).append(host)
    return [replace(app, hosts=tuple(hosts[app.name])) if app.name in hosts else app for app in apps]


def _claims(
    settings: Settings, loaded: Loaded, resolution: Resolution, workload: Workload, problems: list[Problem]
) -> Iterator[HostClaim]:
    for name, uid in loaded.graph.uids_of(workload).items():
        node, provisioner = loaded.graph.nodes[uid], loaded.provisioners[uid].spec
        value = resolution.params.get(uid, {}).get("host")
        is_dns = node.type == "dns" and provisioner.built_in
        if value is None or holds_secret(value) or not (node.type == "route" or is_dns):
            continue
        text = reveal_text(to_text(value))
        if not text or STAND_IN in text or (is_dns and node.owner != workload.name):
            continue
        what = f"{node.type} {name!r}"
        place = workload.place("resources", name, "params", "host")
        try:
            host = normalise_host(text)
        except InvalidHostError as error:
            if settings.certificates == "never":
                problems.append(Problem(f"{what}: {error.message}", error.hint, place, severity="warning"))
            else:
                problems.append(Problem(f"{what}: {error.message}", error.hint, place))
            continue
        claim = HostClaim(host, workload.name, what, place, is_owner=is_dns)
        if is_custom(host):
            yield claim
        elif is_private(host):
            hint = "give a public domain name, or leave the host out"
            message = f"{what} is for {host}, which only a private network resolves: no certificate is requested"
            problems.append(Problem(message, hint, place, severity="warning"))
        elif host != f"{settings.app_name(workload.name)}.fly.dev":
            _note(problems, f"{what} is for {host}, which Fly sends to the app of that name only", "", claim)


def _serving_app(
    settings: Settings,
    loaded: Loaded,
    state: EnvironmentState,
    by_workload: dict[str, App],
    claimants: Sequence[HostClaim],
    problems: list[Problem],
) -> str:
    """Return the one app that serves a host, because Fly sends a host to one app; empty where there is none."""
    host = claimants[0].host
    public = [claim for claim in claimants if has_public(by_workload[claim.workload].addresses)]
    for claim in claimants:
        if not public:
            hint = "make a port public, with a route or a service port 80 or 443"
            message = f"{claim.what} is for {host}, and no port of {claim.workload} is public"
            problems.append(Problem(message, hint, claim.place, severity="warning"))
    if not public:
        return ""
    candidates = {by_workload[claim.workload].name for claim in public}
    holder = next((app for app in state.apps.values() if host in app.certificates), None)
    if holder and (holder.name in candidates or not is_owner_gone(settings, loaded, state, holder.owner)):
        # An app of this run that no longer claims the host gives it up.
        here = {app.name for app in by_workload.values()}
        serving = holder.name if holder.name in candidates or holder.name not in here else ""
    else:
        serving = ""
    if not serving:
        owners = [claim for claim in public if claim.is_owner] or public
        serving = by_workload[owners[0].workload].name
    for claim in public:
        if by_workload[claim.workload].name != serving:
            message = f"{claim.what} is for {host}, which {serving} serves: Fly sends a host to one app"
            hint = "use another host, or route by path in the workload that serves it"
            problems.append(Problem(message, hint, claim.place, severity="warning"))
    return serving if serving in candidates else ""


def _note(problems: list[Problem], message: str, hint: str, claim: HostClaim) -> None:
    problems.append(Problem(message, hint, claim.place, severity="notice"))

"""The routes of the simulated Fly: the Machines API, and the other calls of flyctl."""

from __future__ import annotations

import re

from scorefly.rehearsal import (
    certificates,
    execs,
    graphql,
    life,
    machines,
    managed_postgres,
    placements,
    snapshots,
    tokens,
    uiex,
)
from scorefly.rehearsal.handlers import (
    Handler,
    changing,
    delete_app,
    delete_certificate,
    delete_cluster_user,
    delete_machine,
    delete_metadata,
    destroy_cluster,
    list_apps,
    list_events,
    list_org_machines,
    list_org_volumes,
    list_regions,
    list_secrets,
    machine_of,
    metadata_of,
    ok,
    patch_metadata,
    release_address,
    release_lease,
    replace_metadata,
    restart,
    set_metadata,
    show_builder,
    show_lease,
    shown_address,
    shown_app,
    start_machine,
    take_lease,
    wait_for_state,
)
from scorefly.rehearsal.rules import Refused


def handler_of(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """Return what answers a request, and the parts of its path that vary. Raises Refused where nothing does."""
    for known, pattern, handler in _ROUTES:
        if known == method and (match := pattern.fullmatch(path)):
            return handler, match.groups()
    raise Refused(404, f"no such endpoint: {method} {path}")


_APP = "/v1/apps/{app}"
_MACHINE = f"{_APP}/machines/{{machine}}"
_VOLUME = f"{_APP}/volumes/{{volume}}"
_CERTIFICATES = f"{_APP}/certificates"
_CERTIFICATE = f"{_CERTIFICATES}/{{host}}"
_CLUSTER = "/api/v1/postgresv2/{id}"

_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/platform/regions", list_regions),
    ("POST", "/v1/platform/placements", ok(lambda call: placements.simulate(call.world, call.body))),
    ("GET", "/v1/tokens/current", ok(lambda call: tokens.current(call.world, call.token))),
    ("GET", "/v1/apps", list_apps),
    ("POST", "/v1/apps", lambda call: (201, shown_app(call.world.create_app(call.body)))),
    ("GET", _APP, ok(lambda call: shown_app(call.world.app(call.app)))),
    ("DELETE", _APP, delete_app),
    ("GET", f"{_APP}/secrets", list_secrets),
    ("POST", f"{_APP}/secrets", ok(lambda call: call.world.update_secrets(call.app, call.body))),
    (
        "GET",
        f"{_APP}/ip_assignments",
        ok(lambda call: {"ips": [shown_address(each) for each in call.world.app(call.app)["addresses"]]}),
    ),
    ("POST", f"{_APP}/ip_assignments", ok(lambda call: shown_address(call.world.assign_address(call.app, call.body)))),
    ("DELETE", f"{_APP}/ip_assignments/{{ip}}", release_address),
    ("GET", _CERTIFICATES, ok(lambda call: certificates.listed(call.world, call.app, call.query))),
    ("POST", f"{_CERTIFICATES}/acme", lambda call: (201, certificates.request(call.world, call.app, call.body))),
    ("GET", _CERTIFICATE, ok(lambda call: certificates.detail(call.world, call.app, call.item))),
    ("POST", f"{_CERTIFICATE}/check", ok(lambda call: certificates.check(call.world, call.app, call.item))),
    ("DELETE", _CERTIFICATE, delete_certificate),
    ("GET", f"{_APP}/volumes", ok(lambda call: list(call.world.app(call.app)["volumes"].values()))),
    ("POST", f"{_APP}/volumes", ok(lambda call: call.world.create_volume(call.app, call.body))),
    ("GET", _VOLUME, ok(lambda call: call.world.volume(call.app, call.item))),
    ("PUT", _VOLUME, ok(lambda call: call.world.update_volume(call.app, call.item, call.body))),
    ("DELETE", _VOLUME, ok(lambda call: call.world.delete_volume(call.app, call.item))),
    ("GET", f"{_VOLUME}/snapshots", ok(lambda call: snapshots.listed(call.world, call.app, call.item))),
    ("POST", f"{_VOLUME}/snapshots", ok(lambda call: snapshots.create(call.world, call.app, call.item))),
    ("PUT", f"{_VOLUME}/extend", ok(lambda call: call.world.extend_volume(call.app, call.item, call.body))),
    ("GET", "/v1/orgs/{org}/machines", list_org_machines),
    ("GET", "/v1/orgs/{org}/volumes", list_org_volumes),
    ("GET", f"{_APP}/machines", ok(lambda call: machines.listed(call.world, call.app, call.query))),
    ("POST", f"{_APP}/machines", ok(lambda call: machines.create(call.world, call.app, call.body))),
    ("GET", _MACHINE, ok(lambda call: machines.shown(machines.find_or_gone(call.world, call.app, call.item)))),
    ("POST", _MACHINE, ok(lambda call: machines.update(call.world, call.app, call.item, call.body, call.nonce))),
    ("DELETE", _MACHINE, delete_machine),
    ("GET", f"{_MACHINE}/wait", wait_for_state),
    ("GET", f"{_MACHINE}/events", list_events),
    ("GET", f"{_MACHINE}/ps", ok(lambda call: machines.processes(machine_of(call)))),
    ("POST", f"{_MACHINE}/start", start_machine),
    ("POST", f"{_MACHINE}/exec", ok(lambda call: execs.run(call.world, call.app, machine_of(call), call.body))),
    ("POST", f"{_MACHINE}/stop", changing(life.stop)),
    ("POST", f"{_MACHINE}/suspend", changing(lambda machine: life.stop(machine, "suspended"))),
    ("POST", f"{_MACHINE}/restart", changing(restart)),
    ("POST", f"{_MACHINE}/cordon", changing(lambda machine: machine.update(cordoned=True))),
    ("POST", f"{_MACHINE}/uncordon", changing(lambda machine: machine.update(cordoned=False))),
    ("GET", f"{_MACHINE}/lease", show_lease),
    ("POST", f"{_MACHINE}/lease", take_lease),
    ("DELETE", f"{_MACHINE}/lease", release_lease),
    ("GET", f"{_MACHINE}/metadata", ok(metadata_of)),
    ("PUT", f"{_MACHINE}/metadata", replace_metadata),
    ("PATCH", f"{_MACHINE}/metadata", patch_metadata),
    ("POST", f"{_MACHINE}/metadata/{{key}}", set_metadata),
    ("DELETE", f"{_MACHINE}/metadata/{{key}}", delete_metadata),
    ("POST", "/graphql", ok(lambda call: graphql.answer(call.world, call.body))),
    # Beside the Machines API; the first part that varies stands where an app's name does elsewhere.
    ("GET", "/api/v1/organizations/{org}", ok(lambda call: uiex.organization(call.app))),
    ("GET", "/api/v1/organizations/{org}/postgres", ok(lambda call: managed_postgres.listed(call.world, call.app))),
    ("GET", "/api/v1/organizations/{org}/postgresv2/regions", ok(lambda _: managed_postgres.regions())),
    (
        "POST",
        "/api/v1/organizations/{org}/postgresv2",
        lambda call: (201, managed_postgres.create(call.world, call.app, call.body)),
    ),
    ("DELETE", "/api/v1/organizations/{org}/postgresv2/{id}", destroy_cluster),
    ("GET", _CLUSTER, ok(lambda call: managed_postgres.shown(call.world, call.app))),
    ("GET", f"{_CLUSTER}/databases", ok(lambda call: managed_postgres.databases(call.world, call.app))),
    (
        "POST",
        f"{_CLUSTER}/databases",
        lambda call: (201, managed_postgres.create_database(call.world, call.app, call.body)),
    ),
    ("GET", f"{_CLUSTER}/users", ok(lambda call: managed_postgres.users(call.world, call.app))),
    ("POST", f"{_CLUSTER}/users", lambda call: (201, managed_postgres.create_user(call.world, call.app, call.body))),
    (
        "GET",
        f"{_CLUSTER}/users/{{user}}/credentials",
        ok(lambda call: managed_postgres.credentials(call.world, call.app, call.item)),
    ),
    ("DELETE", f"{_CLUSTER}/users/{{user}}", delete_cluster_user),
    ("POST", "/api/v1/builds", ok(lambda call: uiex.build(call.world))),
    ("POST", "/api/v1/builds/finish", ok(lambda call: uiex.build(call.world))),
    ("POST", "/api/v1/builds/depot_builder", show_builder),
    ("POST", "/api/v1/releases", lambda call: (201, uiex.create_release(call.world, call.body))),
    ("PATCH", "/api/v1/releases/{id}", ok(lambda call: uiex.update_release(call.world, call.app, call.body))),
    ("GET", "/api/v1/apps/{app}/releases", ok(lambda call: uiex.releases(call.world, call.app, call.query))),
    ("GET", "/api/v1/apps/{app}/logs", ok(lambda call: uiex.logs(call.world, call.app, call.query))),
)
# `{x}` in a path is one part of it.
_ROUTES = [(method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler) for method, path, handler in _TABLE]

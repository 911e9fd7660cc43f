"""Services of Fly and its partners that scorefly makes resources in, where params accept the cost or the terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from scorefly.problems import Place
from scorefly.resources import managed_postgres, tigris, upstash
from scorefly.resources.provisioner import Provisioner, Spec
from scorefly.values import Plain


class Service(Struct, frozen=True):
    """One service: the built-in template that describes it, the uri of what scorefly makes, and who makes it."""

    template: str
    uri: str
    make: Callable[[Spec], Provisioner]
    is_accepted: Callable[[Mapping[str, Plain]], bool]


def _accepts_cost(params: Mapping[str, Plain]) -> bool:
    return "secret" not in params and params.get("accept_cost") is True


def _accepts_terms(params: Mapping[str, Plain]) -> bool:
    return params.get("accept_terms") is True


SERVICES = (
    Service(managed_postgres.TEMPLATE, managed_postgres.URI, managed_postgres.ManagedPostgres, _accepts_cost),
    Service(tigris.TEMPLATE, tigris.URI, tigris.TigrisBucket, _accepts_terms),
    Service(upstash.TEMPLATE, upstash.URI, upstash.UpstashRedis, _accepts_cost),
)
MANAGED = tuple(service.uri for service in SERVICES)


def made_by_scorefly(provisioner: Provisioner, params: Mapping[str, Plain]) -> Provisioner:
    """Return what makes the resource where its params accept the cost or the terms, else the provisioner itself."""
    spec = provisioner.spec
    for service in SERVICES:
        if spec.built_in and spec.uri == service.template and service.is_accepted(params):
            return service.make(replace(spec, uri=service.uri))
    return provisioner


def maker_of(uri: str, type_: str, place: Place) -> Provisioner | None:
    """Return what made a resource in a service; None for another uri."""
    return next((service.make(Spec(uri, type_, place)) for service in SERVICES if service.uri == uri), None)

"""Buckets of class `tigris` that scorefly makes. Fly shows the keys of a bucket once, when it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from scorefly.fly.addons import AddOnsApi
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.provisioner import Outside, Provisioned, ProvisioningContext, Request, Spec
from scorefly.values import Secret, Tree

TEMPLATE = "template://scorefly/s3-tigris"
URI = "fly://scorefly/s3-tigris"
_SECRETS = ("access_key_id", "aws_access_key_id", "secret_key", "aws_secret_key", "aws_secret_access_key")


class TigrisBucket(Struct, frozen=True):
    """Makes a bucket once, and keeps its keys in the state."""

    spec: Spec

    def reaches_out(self, outside: Outside) -> bool:
        """Decide whether this run may make anything."""
        return outside.calls == "provision" and outside.managed is not None

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Return the bucket with its keys; it is made where state has none."""
        outside, name = run_context.outside, _name(request, run_context)
        if request.state.get("secret_key") and not (request.state.get("pending") and self.reaches_out(outside)):
            problems = _changed_name(request)
            return Provisioned(_outputs(request.state), request.state, random=request.random, problems=problems)
        if outside.managed is None or outside.calls != "provision":
            return self._unknown(request, outside)
        api = AddOnsApi(outside.managed.api, outside.managed.org)
        if request.state.get("secret_key"):
            return self._awaited(request, api, request.state)
        provider = api.provider("tigris")
        organization_id, names = api.organization("tigris")
        if name in names and not request.state.get("begun"):
            message = f"{request.uid}: the organization has a bucket {name}, and the state does not know its keys"
            hint = "take it with params.access_key_id and params.secret_key, or set another params.bucket_name"
            raise InputError(Problem(message, hint, request.place))
        if name in names:
            # The answer with its keys was lost: no one has written to it.
            api.delete("tigris", name)
        begun: dict[str, Tree] = {**request.state, "bucket": name, "begun": True}
        request.keep(Provisioned(request.outputs, begun, random=request.random))
        made = api.create_bucket(organization_id, name)
        outside.hide([made["AWS_SECRET_ACCESS_KEY"], made["AWS_ACCESS_KEY_ID"]])
        state: dict[str, Tree] = {
            "bucket": made["BUCKET_NAME"],
            "endpoint": made["AWS_ENDPOINT_URL_S3"],
            "region": made["AWS_REGION"],
            "access_key_id": Secret(made["AWS_ACCESS_KEY_ID"]),
            "secret_key": Secret(made["AWS_SECRET_ACCESS_KEY"]),
        }
        if provider.asynchronous:
            state["pending"] = True
        terms = f"{request.uid}: the bucket {name} is made under the terms of Tigris, which accept_terms accepts"
        hint = provider.terms and f"read them at {provider.terms}"
        notice = Problem(terms, hint, request.place, severity="notice")
        given = Provisioned(_outputs(state), state, random=request.random, problems=(notice,))
        request.keep(given)
        return self._awaited(request, api, state, notice) if provider.asynchronous else given

    def _awaited(self, request: Request, api: AddOnsApi, state: Mapping[str, Tree], *notices: Problem) -> Provisioned:
        """Wait until a bucket whose keys are known can be used."""
        api.wait("tigris", str(state["bucket"]))
        ready = {key: value for key, value in state.items() if key != "pending"}
        return Provisioned(_outputs(ready), ready, random=request.random, problems=notices)

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:
        """Delete the bucket. Raises ExternalError where it is not empty: the resource stays, with its keys."""
        managed, name = run_context.outside.managed, str(request.state.get("bucket") or "")
        if managed is None or not name:
            return ()
        api = AddOnsApi(managed.api, managed.org)
        if name not in api.organization("tigris")[1]:
            return ()
        try:
            api.delete("tigris", name)
        except ExternalError as error:
            hint = f"empty the bucket {name}, then run it again; `resources deprovision --forget` keeps it"
            raise ExternalError(Problem(f"{request.uid}: {error.problems[0].message}", hint, request.place)) from error
        return ()

    def syntax_problems(self) -> list[Problem]:
        """Return nothing: it has no templates."""
        return []

    def _unknown(self, request: Request, outside: Outside) -> Provisioned:
        if outside.calls == "known":
            message = f"{request.uid} is not provisioned yet, and this command makes nothing"
            raise InputError(Problem(message, "run deploy first", request.place))
        unknown = dict.fromkeys(_SECRETS, Secret(STAND_IN, given=True))
        outputs: dict[str, Tree] = {
            **dict.fromkeys(self.spec.expected_outputs, STAND_IN),
            **unknown,
            **request.outputs,
        }
        return Provisioned(outputs, provisional=True, open_outputs=True)


def _changed_name(request: Request) -> tuple[Problem, ...]:
    """Warn of a param that names another bucket than the one that is there."""
    bucket, asked = str(request.state["bucket"]), str(request.params.get("bucket_name") or "")
    if not asked or asked == bucket:
        return ()
    message = f"{request.uid}: the bucket stays {bucket}: params.bucket_name changed"
    hint = f"set it back to {bucket}; for another bucket, use a new resource and copy the data over"
    return (Problem(message, hint, request.place, "warning"),)


def _name(request: Request, run_context: ProvisioningContext) -> str:
    """Return the name of the bucket, which no other bucket of Tigris has."""
    stem = re.sub(r"[^a-z0-9-]", "-", run_context.app_name(request.id.replace(".", "-")).lower())[:50]
    name = str(request.state.get("bucket") or request.params.get("bucket_name") or f"{stem}-{request.guid[:8]}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        message = f"{request.uid}: params.bucket_name is made of 3 to 63 small letters, digits, `.` and `-`"
        raise InputError(Problem(message, place=request.place))
    return name


def _outputs(state: Mapping[str, Tree]) -> dict[str, Tree]:
    key, secret = state["access_key_id"], state["secret_key"]
    return {
        "endpoint": state["endpoint"],
        "region": state["region"],
        "bucket": state["bucket"],
        "access_key_id": key,
        "aws_access_key_id": key,
        "secret_key": secret,
        "aws_secret_key": secret,
        "aws_secret_access_key": secret,
    }

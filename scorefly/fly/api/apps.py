"""Apps: look them up, create and delete them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from scorefly.fly.api.client import FlyClient, in_network
from scorefly.fly.api.errors import ForbiddenError, malformed, reason_of
from scorefly.http import Answer, MalformedAnswerError, mapping, objects, text
from scorefly.problems import Problem

NEW_APP_TIMEOUT = 60.0  # seconds; as Fly's own client


class AppView(Struct, frozen=True):
    """An app as Fly has it. `id` is never given to another app, also not to one of the same name."""

    id: str
    name: str
    organization: str
    status: str


class AppCalls(FlyClient):
    """The calls about apps."""

    def app(self, name: str) -> AppView | None:
        """The app, or None when there is none of that name. Raises ExternalError when it is somebody else's."""

        def refused(status: int) -> None:
            if status == 403:
                raise ForbiddenError(
                    Problem(
                        f"the app name {name!r} belongs to somebody else, or the token may not see it",
                        "choose another app-prefix, or use a token of the app's organization (`fly tokens create org`)",
                    )
                )

        return self.read("GET", f"/apps/{name}", _app_or_none, accept=(404, 403), refused=refused)

    def org_apps(self, organization: str) -> frozenset[str]:
        """The names of all apps of an organization, whatever Fly calls that one elsewhere."""

        def names(data: Any) -> frozenset[str]:
            return frozenset(text(each, "name", "") for each in objects(mapping(data).get("apps") or [], "apps"))

        return self.read("GET", "/apps", names, params={"org_slug": organization})

    def create_app(self, name: str, organization: str, network: str = "") -> AppView:
        """Makes the app, in a private network where one is named.

        A name that is taken is refused, unless a lost answer hid that we just made it.
        """
        answer = self.call(
            "POST",
            "/apps",
            params={"wait": "true"},
            json={"name": name, "org_slug": organization, **in_network(network)},
            repeat=True,
            accept=(400, 409, 422),
        )
        if answer.status_code < 300:
            self._wait_for_app(name)
            # The specification promises no answer here, and Fly's own client reads an app.
            if not answer.content.strip():
                return AppView("", name, organization, "")
            try:
                return answer.read(lambda data: _app({"name": name, **mapping(data or {})}))
            except MalformedAnswerError as error:
                raise malformed("POST", "/apps", error) from error
        found = self.app(name) if _is_name_taken(answer) else None
        if found is None:
            raise self.error(answer, f"app {name!r} cannot be made")
        return found

    def _wait_for_app(self, name: str) -> None:
        """Wait until Fly knows a new app everywhere: until then it may answer 404 and even 401."""
        waited = 0.0
        while True:
            answer = self.call("GET", f"/apps/{name}", accept=(401, 404))
            if answer.status_code < 300:
                return
            if waited >= NEW_APP_TIMEOUT:
                raise self.error(answer, f"the new app {name!r} did not appear within {NEW_APP_TIMEOUT:.0f} s")
            delay = min(4.0, max(0.25, waited))
            self.sleep(delay)
            waited += delay

    def delete_app(self, name: str) -> None:
        """Destroys the app with all it has; one that is gone is fine."""
        self.delete(f"/apps/{name}")


def _is_name_taken(answer: Answer) -> bool:
    try:
        data = answer.json()
    except MalformedAnswerError:
        data = None
    code = data.get("status") if isinstance(data, dict) else None
    return code == "name_taken" or "taken" in reason_of(answer).lower()


def _app(data: Any) -> AppView:
    data = mapping(data)
    organization = mapping(data.get("organization") or {}, "organization")
    return AppView(
        str(data.get("id", "")), text(data, "name"), text(organization, "slug", ""), text(data, "status", "")
    )


def _app_or_none(data: Any) -> AppView | None:
    return _app(data)

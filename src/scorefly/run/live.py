"""Lists the Machines that run: of the whole organization, or of single apps where the token may not see more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from scorefly.fly.api import FlyApi, ForbiddenError, MachineView
from scorefly.run.settings import Settings
from scorefly.run.situation import by_app


def list_machines(settings: Settings, api: FlyApi, apps: Iterable[str]) -> Mapping[str, Sequence[MachineView]]:
    """Return the Machines by app. A deploy token of one app may not list the organization: the app itself is asked.

    Raises OutsideError.
    """
    try:
        return by_app(api.org_machines(settings.org))
    except ForbiddenError as error:
        try:
            return {name: api.machines(name) for name in apps if api.app(name) is not None}
        except ForbiddenError:
            raise error from None

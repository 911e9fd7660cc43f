"""The secrets that a unit of the tree gets, and its Fly API token."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scorefly.config.settings import Settings
from scorefly.config.tree_file import parse_access
from scorefly.project.tree import Project, Tree

ORG_TOKEN = "FLY_API_TOKEN_"  # noqa: S105 - the beginning of a variable's name


def granted_secrets(
    settings: Settings, project: Project, sources: Collection[str], local: Iterable[str]
) -> dict[str, frozenset[str]]:
    """Return the names of secrets by workload, for those that do not get all of them."""
    limit = project.granted
    granted = {}
    for name in (*sources, *local):
        named = settings.config(name).secrets
        names = limit if named is None else frozenset(named) if limit is None else limit & frozenset(named)
        if names is None and name in sources:
            names = frozenset()
        if names is not None:
            granted[name] = names
    return granted


def access_secrets(tree: Tree) -> frozenset[str]:
    """Return the names of the secrets with credentials for repositories, which no Score file gets."""
    value = tree.projects[0].file.value("access")
    keys = parse_access(value) if value else ()
    return frozenset(name for each in keys for name in (each.token, each.ssh_key, each.known_hosts) if name)


def fly_token_of(settings: Settings) -> str:
    """Return the Fly token for the unit's organization: `FLY_API_TOKEN_ORG` where it is set, else the run's."""
    name = f"{ORG_TOKEN}{settings.org.upper().replace('-', '_')}"
    return settings.environ.get(name) or settings.fly_api_token


def secrets_of(settings: Settings, environment: str, without: Collection[str]) -> dict[str, str]:
    """Return the secrets of an environment: `PRODUCTION__NAME` takes the place of `NAME` in production."""
    prefix = f"{environment.upper().replace('-', '_').replace('.', '_')}__"
    own = {name.removeprefix(prefix): each for name, each in settings.secrets.items() if name.startswith(prefix)}
    secrets = {**settings.secrets, **{name: value for name, value in own.items() if name}}
    return {name: value for name, value in secrets.items() if name not in without}

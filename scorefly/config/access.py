"""Credentials for git repositories: the section `access` of scorefly.yaml with the secrets that it names."""

from __future__ import annotations

from scorefly.config.project_file import ProjectFile
from scorefly.config.settings import Settings
from scorefly.config.tree_file import parse_access
from scorefly.problems import InputError, Problem
from scorefly.sources.access import Entry


def access_entries(settings: Settings, file: ProjectFile) -> list[Entry]:
    """Return the credentials by prefix. Raises InputError for secrets that are not given."""
    value = file.value("access")
    problems: list[Problem] = []
    entries = []
    for keys in parse_access(value) if value else ():
        missing = [name for name in (keys.token, keys.ssh_key) if name and not settings.secrets.get(name)]
        for name in missing:
            hint = f"pass it in secrets, or set the environment variable SCOREFLY_SECRETS with {name}"
            problems.append(Problem(f"access: secret {name} is not set", hint, keys.place))
        hosts = keys.known_hosts
        entries.append(
            Entry(
                keys.prefix,
                settings.secrets.get(keys.token, ""),
                keys.username or "x-access-token",
                settings.secrets.get(keys.ssh_key, ""),
                settings.secrets.get(hosts, hosts),
                keys.place,
            )
        )
    if problems:
        raise InputError(*problems)
    host = settings.trigger.server.partition("://")[2]
    if settings.github_token and not any(each.prefix == host for each in entries):
        entries.append(Entry(host, settings.github_token))
    return entries

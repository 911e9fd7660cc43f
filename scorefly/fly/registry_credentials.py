"""Credentials of image registries: Docker's configuration, and Fly's own registry."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scorefly.confined import read_file
from scorefly.problems import InputError, Place

if TYPE_CHECKING:
    pass

from scorefly.fly.registry import ALIASES, DOCKER_HUB, FLY


def registry_credentials(environ: Mapping[str, str], fly_token: str) -> dict[str, tuple[str, str]]:
    """Return the credentials that are configured: Fly's own registry, Docker Hub's variables, and Docker's file."""
    found = _docker_config(environ)
    user, password = environ.get("DOCKER_HUB_USERNAME", ""), environ.get("DOCKER_HUB_PASSWORD", "")
    if user and password:
        found[DOCKER_HUB] = (user, password)
    if fly_token:
        found[fly_registry(environ)] = ("x", registry_password(fly_token))
    return found


def fly_registry(environ: Mapping[str, str]) -> str:
    """Return the host of Fly's registry; flyctl reads the same variable."""
    return environ.get("FLY_REGISTRY_HOST") or FLY


def registry_password(fly_token: str) -> str:
    """Return the password that a Fly token is at Fly's registry: without the scheme before it."""
    return fly_token.removeprefix("FlyV1 ").removeprefix("Bearer ")


def _docker_config(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Read the logins in Docker's config.json; those that a credential helper keeps are left to Docker."""
    home = environ.get("HOME", "")
    folder = Path(environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else ""))
    if not folder.is_absolute():
        return {}
    found = {}
    try:
        auths = json.loads(read_file(folder, "config.json", Place("config.json"))).get("auths") or {}
        for address, entry in auths.items():
            user, colon, password = b64decode(entry.get("auth") or "").decode().partition(":")
            if colon and password:
                host = re.sub("^https?://", "", address).partition("/")[0].lower()
                found[ALIASES.get(host, host)] = (user, password)
    except (InputError, ValueError, AttributeError, TypeError):
        return {}
    return found

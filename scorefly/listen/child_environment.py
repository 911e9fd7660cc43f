"""The environment of a child: what its unit needs, and no secret of the listener or of another environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

_KEPT = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|(?:HTTPS?|ALL|NO)_PROXY|(?:https?|all|no)_proxy|SSL_CERT_(?:FILE|DIR)"
    r"|SSH_AUTH_SOCK|XDG_CONFIG_HOME|GITHUB_TOKEN|GH_TOKEN|FLY_\w+|SCOREFLY_\w+|COV\w+|PYTHON\w+"
)
# Of the listener alone. FLY_APP_NAME and the like describe its own Machine.
_OWN = re.compile(
    r"SCOREFLY_(?:WEBHOOK_SECRET_\w+|READ_TOKEN|ACT_TOKEN|NOTIFY\w*|GITHUB_APP_\w+|FLY_ACCESS_UNTIL)"
    r"|FLY_(?:APP_NAME|MACHINE_\w+|ALLOC_ID|IMAGE_REF|PUBLIC_IP|PRIVATE_IP|PROCESS_GROUP|VM_\w+|SSH|REGION)"
)
_SECRET_NAME = re.compile(r"TOKEN|SECRET|KEY|PASSWORD")


def child_environment(environ: Mapping[str, str], environment: str, others: Iterable[str]) -> dict[str, str]:
    """Return the variables of a child that deploys `environment`.

    A secret called `PRODUCTION__NAME`, and a Fly token called so, is for the environment `production` alone. The
    SCOREFLY_SECRETS object is filtered in the same way.
    """
    kept = {name: value for name, value in environ.items() if _KEPT.fullmatch(name) and not _OWN.fullmatch(name)}
    foreign = [_prefix(other) for other in others if other != environment]
    secrets = kept.get("SCOREFLY_SECRETS", "")
    if secrets and foreign:
        kept["SCOREFLY_SECRETS"] = _filtered(secrets, foreign)
    return {name: value for name, value in kept.items() if not name.startswith(tuple(foreign))}


def _filtered(secrets: str, foreign: list[str]) -> str:
    try:
        data = json.loads(secrets)
    except (ValueError, RecursionError):
        return secrets  # the child says what is wrong with it
    if not isinstance(data, dict):
        return secrets
    return json.dumps({name: value for name, value in data.items() if not name.startswith(tuple(foreign))})


def _prefix(environment: str) -> str:
    return re.sub(r"\W", "_", environment).upper() + "__"


def secret_texts(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield all secrets of an environment, to hide them from logs."""
    for name, value in environ.items():
        if not _SECRET_NAME.search(name) or not value:
            continue
        if name == "SCOREFLY_SECRETS":
            yield from _leaves(value)
        yield from value.split() if name.startswith("SCOREFLY_WEBHOOK_SECRET_") else (value,)


def _leaves(secrets: str) -> Iterator[str]:
    try:
        data = json.loads(secrets)
    except (ValueError, RecursionError):
        return
    if isinstance(data, dict):
        yield from (value for value in data.values() if isinstance(value, str) and value)

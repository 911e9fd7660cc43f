"""`repos --webhook`: webhooks of a listener in the repositories of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from scorefly.commands.repos import RepositoryRow
from scorefly.config.settings import Settings
from scorefly.github.api import GitHubApi
from scorefly.problems import ScoreflyError, input_error, option_place

SECRET = "SCOREFLY_WEBHOOK_SECRET_GITHUB"  # noqa: S105 - the name of a variable


class WebhookRow(Struct, frozen=True):
    """A repository, and whether it has the webhook: `present`, `added` or `missing`, with the reason."""

    repository: str
    webhook: str
    reason: str = ""

    @property
    def is_there(self) -> bool:
        """Decide whether the repository has the webhook now."""
        return self.webhook != "missing"

    def __str__(self) -> str:
        return f"{self.webhook}: {self.reason}" if self.reason else self.webhook

    def json(self) -> dict[str, Any]:
        """Return the row as JSON data."""
        return {"repository": self.repository, "webhook": self.webhook, "reason": self.reason}


def add_webhooks(settings: Settings, rows: Sequence[RepositoryRow], url: str) -> list[WebhookRow]:
    """Add the webhook to every repository on GitHub that lacks it, where the token allows. Raises InputError."""
    place = option_place("webhook")
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise input_error(f"{url!r} is not an https:// URL", "write https://HOST/hooks/github", place)
    secret = (settings.environ.get(SECRET, "").split() or [""])[0]
    if not secret:
        raise input_error("the webhook has no secret", f"set {SECRET} as for the listener", place)
    host = settings.trigger.server.partition("://")[2] or "github.com"
    own = [f"{host}/{settings.repository}"] if settings.repository else []
    keys = dict.fromkeys([*own, *(row.repository for row in rows if row.repository)])
    return [_add(settings, key, host, url, secret) for key in keys]


def _add(settings: Settings, key: str, host: str, url: str, secret: str) -> WebhookRow:
    if not key.startswith(f"{host}/"):
        return WebhookRow(key, "missing", f"add {url} at its host: it is not on {host}")
    base = settings.environ.get("GITHUB_API_URL") or "https://api.github.com"
    try:
        with GitHubApi(settings.github_token, key.removeprefix(f"{host}/"), base) as api:
            if url in api.webhook_urls():
                return WebhookRow(key, "present")
            api.create_webhook(url, secret)
    except ScoreflyError as error:
        return WebhookRow(key, "missing", error.problems[0].message)
    return WebhookRow(key, "added")

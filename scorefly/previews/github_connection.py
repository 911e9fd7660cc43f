"""The way to the repository on GitHub."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.github.api import GitHubApi


def connect_github(settings: Settings) -> GitHubApi:
    """A client for the repository of this run, on the server that its workflow runs on."""
    base_url = settings.environ.get("GITHUB_API_URL") or "https://api.github.com"
    return GitHubApi(settings.github_token, settings.environ.get("GITHUB_REPOSITORY") or settings.repository, base_url)

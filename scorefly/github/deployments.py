"""A preview as GitHub shows it: deployments to an environment of its own, one of them live at a time."""

from __future__ import annotations

from collections.abc import Iterable

from scorefly.github.api import DeploymentView, GitHubApi


def begin(api: GitHubApi, environment: str, commit: str, description: str, log_url: str) -> DeploymentView:
    """A deployment of the commit that is under way."""
    deployment = api.create_deployment(environment, commit, description)
    api.set_deployment_state(deployment.id, "in_progress", log_url=log_url)
    return deployment


def retire(api: GitHubApi, earlier: Iterable[DeploymentView]) -> None:
    """Marks deployments, given newest first, as inactive: GitHub does not do so for transient environments.

    They are marked from the oldest on, so that behind an inactive one all are: looking ends at the first.
    """
    live = []
    for deployment in earlier:
        if api.deployment_state(deployment.id) == "inactive":
            break
        live.append(deployment)
    for deployment in reversed(live):
        api.set_deployment_state(deployment.id, "inactive")


def retire_environment(api: GitHubApi, environment: str, *, delete: bool) -> bool:
    """Marks all deployments of an environment as inactive, and deletes it. False when the token may not delete."""
    made = list(api.deployments(environment))
    retire(api, made)
    return not made or not delete or api.delete_environment(environment)

"""The surroundings of provisioners in a run: workloads, secrets, and whether commands and servers are called."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.config.settings import Settings
from scorefly.desired.flycast import flycast_workloads
from scorefly.desired.load import Loaded
from scorefly.desired.public_names import workload_names
from scorefly.fly.api import FlyApi
from scorefly.report.progress import Progress
from scorefly.resources.provisioner import (
    Calls,
    Outside,
    ProvisioningContext,
    WorkloadView,
)
from scorefly.state.document import EnvironmentState


def calls_of_run(settings: Settings, trial: bool) -> Calls:
    """Return what this run may call commands and servers for."""
    if trial:
        return "never"
    if settings.dry_run or settings.command == "plan":
        return "plan"
    return "provision" if settings.command in ("generate", "deploy", "preview") else "known"


def workload_views(settings: Settings, loaded: Loaded, state: EnvironmentState) -> dict[str, WorkloadView]:
    """The workloads of this run, and those that state remembers of the environment."""
    flycast = flycast_workloads(loaded, state)
    remembered = {
        app.workload: WorkloadView(app.workload, app.name, app.ports, app.flycast)
        for app in state.apps.values()
        if app.workload
    }
    present = {
        workload.name: WorkloadView(
            workload.name,
            settings.app_name(workload.name),
            {name: (port.port, port.target_port) for name, port in workload.ports.items()},
            workload.name in flycast,
        )
        for workload in loaded.workloads
    }
    return remembered | present


def provisioning_context(
    settings: Settings,
    workloads: Mapping[str, WorkloadView],
    progress: Progress,
    *,
    calls: Calls,
    trial: bool = False,
    api: FlyApi | None = None,
) -> ProvisioningContext:
    """Return what provisioners see of a run, and what they are called with."""
    from scorefly.desired.shared_servers import server_name
    from scorefly.fly.managed_postgres import ManagedPostgresApi
    from scorefly.fly.names import resource_app_name
    from scorefly.resources.own_tokens import own_secrets

    progress.publish(workload_names(workloads))
    own = own_secrets(
        settings.secrets,
        fly_api_token=settings.fly_api_token,
        github_token=settings.github_token,
        state_key=settings.state_key,
    )
    return ProvisioningContext(
        environment=settings.stage or settings.environment,
        variables=settings.variables,
        secrets={name: value for name, value in settings.secrets.items() if name not in own},
        workloads=workloads,
        app_name=lambda stem: resource_app_name(settings.app_prefix, stem, settings.app_suffix),
        outside=Outside(
            calls=calls,
            rehearsal=settings.rehearse,
            workspace=settings.workspace,
            environ=settings.environ,
            hide=progress.hide,
            output=progress.output,
            managed=ManagedPostgresApi(api, settings.org, settings.region) if api else None,
        ),
        trial=trial,
        own_secrets=own,
        replaced=frozenset(settings.replace),
        custom_domains=settings.custom_domains,
        previews_app=lambda kind: server_name(settings, kind),
    )

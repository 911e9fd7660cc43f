"""Volumes and addresses that scorefly.yaml states about a workload, in the place of what its Score file means."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from scorefly.config.workloads import WorkloadConfig
from scorefly.fly.addresses import has_public
from scorefly.fly.app import App, volume_claims
from scorefly.problems import Problem, nearest


def with_stated(app: App, config: WorkloadConfig, problems: list[Problem]) -> App:
    """Return the app with the stated sizes of its volumes, and with the stated addresses and no others."""
    if config.volumes:
        mounts = app.config.get("mounts")
        tables: list[dict[str, Any]] = [dict(each) for each in mounts] if isinstance(mounts, list) else []
        names = {str(each.get("source")) for each in tables}
        for name, spec in config.volumes.items():
            if name not in names:
                hint = nearest(name, names) or "mount it in the Score file"
                message = f"volumes: {app.workload} mounts no volume {name!r}"
                problems.append(Problem(message, hint, config.place("volumes", name)))
            for table in tables:
                if table.get("source") == name and spec.size_gb:
                    table["initial_size"] = f"{spec.size_gb}gb"
                if table.get("source") == name and spec.snapshot_retention:
                    table["snapshot_retention"] = spec.snapshot_retention
        changed = {**app.config, "mounts": tables} if tables else app.config
        app = replace(app, config=changed, volumes=volume_claims(tables))
    if config.addresses is not None:
        url = app.url if has_public(config.addresses) else ""
        app = replace(app, addresses=config.addresses, url=url)
    return app

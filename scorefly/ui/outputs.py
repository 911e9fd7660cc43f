"""The Action's outputs, as the contract names them.

`apps` has every app of the run, those that resources bring too, with an empty `workload`; after `generate`, which
deploys nothing, their `status` is empty. In a dry run every output, `changed` too, tells what would be.
"""

from __future__ import annotations

import json
from typing import Any

from scorefly.report.certificates import dns_records_json
from scorefly.report.plan import matrix_json
from scorefly.report.report import AppReport, Report


def outputs(report: Report) -> dict[str, str]:
    """Every output by name; JSON is compact."""
    urls = {app.workload: app.url for app in report.apps if app.workload and app.url}
    changed = report.named("created", "deployed", "destroyed") or any(app.secrets_removed for app in report.apps)
    changed = changed or any(each.outcome == "removed" for each in report.findings)
    return {
        "environment": report.environment,
        "apps": _json([app_json(app) for app in report.apps]),
        "urls": _json(urls),
        "url": next(iter(urls.values()), ""),
        "deployed": _json(report.named("created", "deployed")),
        "unchanged": _json(report.named("unchanged")),
        "failed": _json(report.named("failed")),
        "destroyed": _json(report.named("destroyed")),
        "drifted": _json(tuple(app.app for app in report.apps if app.drift)),
        "changed": "true" if changed else "false",
        "artefacts": report.artefacts,
        "plan": report.plan_path,
        "matrix": _json(_matrix(report)),
        "dns_records": _json(dns_records_json(report.certificates)),
    }


def _matrix(report: Report) -> dict[str, Any]:
    """Return what a workflow gives to strategy.matrix: jobs for workloads, or of a tree for units that change."""
    if report.plan:
        return matrix_json(report.plan)
    return {
        "include": [
            {"unit": unit.environment, "project": unit.project, "environment": unit.stage}
            for unit in report.units
            if unit.plan and any(app.action != "keep" for app in unit.plan.apps)
        ]
    }


def app_json(app: AppReport) -> dict[str, Any]:
    """Return the outcome of an app as JSON data."""
    return {
        "workload": app.workload,
        "app": app.app,
        "status": "" if app.status == "generated" else app.status,
        "url": app.url,
        "image": app.image,
        "artefact": app.artefact,
        "secrets_set": list(app.secrets_set),
        "secrets_removed": list(app.secrets_removed),
        "seconds": app.seconds,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

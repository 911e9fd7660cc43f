"""What people really wrote, deployed in the rehearsal: from nothing, unchanged, and changed."""

from __future__ import annotations

from typing import Any

import yaml

from workspaces import DATA, Workspace

APPLICATION = DATA / "score/real/apps/onlineboutique"


def statuses(workspace: Workspace) -> dict[str, str]:
    result = workspace.run("deploy", "*.yaml", "--rehearse")
    assert result.code == 0, result.err
    return dict(line.split()[:2] for line in result.out.splitlines()[1:-2])


def change(workspace: Workspace, name: str) -> dict[str, Any]:
    """One of the application's Score files, to be changed and written again."""
    for path in workspace.path.glob("*.yaml"):
        document: dict[str, Any] = yaml.safe_load(path.read_text())
        if document["metadata"]["name"] == name:
            return document | {"_path": path}
    raise LookupError(name)


def save(document: dict[str, Any]) -> None:
    path = document.pop("_path")
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def test_only_what_changed_is_deployed_and_the_machine_is_what_the_file_says(workspace: Workspace) -> None:
    for path in APPLICATION.glob("*.yaml"):
        workspace.write(path.name, path.read_text())
    assert set(statuses(workspace).values()) == {"created"}
    assert set(statuses(workspace).values()) == {"unchanged"}

    ad = change(workspace, "ad")
    container = next(iter(ad["containers"].values()))
    gone = next(iter(container["variables"]))
    del container["variables"][gone]
    save(ad)
    currency = change(workspace, "currency")
    port = next(iter(currency["service"]["ports"].values()))
    port["targetPort"] = 7777
    save(currency)
    frontend = change(workspace, "frontend")
    probing = next(each for each in frontend["containers"].values())
    probing["readinessProbe"] = {"httpGet": {"path": "/changed", "port": 8080}}
    save(frontend)

    found = statuses(workspace)
    changed = {name for name, status in found.items() if status == "deployed"}
    assert {"ad", "frontend"} <= changed
    # Whoever reads where `currency` answers is another app now, too.
    assert changed <= {"ad", "currency", "frontend", "checkout"}
    apps = workspace.world["apps"]
    [machine, *_] = apps["ad"]["machines"].values()
    assert gone not in machine["config"]["env"]
    checks = [
        check["path"]
        for machine in apps["frontend"]["machines"].values()
        for service in machine["config"]["services"]
        for check in service["checks"]
    ]
    assert set(checks) == {"/changed"}

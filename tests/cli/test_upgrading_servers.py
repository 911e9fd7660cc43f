"""`resources upgrade`: a server is moved to the newest release of its line, after a snapshot, and never by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Fault, Rehearsal
from scorefly.resources.engines import ENGINES
from workspaces import REPOSITORY, Workspace

UID = "postgres.default#web.db"
RESOURCES = "resources: {db: {type: postgres}}\n"
BUILT_IN = REPOSITORY / "scorefly/resources/builtin"


def with_older_release(workspace: Workspace, name: str, newest: str, older: str) -> Path:
    """Replace a built-in provisioner by one whose default is an older release, as an earlier scorefly had it."""
    text = (BUILT_IN / f"{name}.provisioners.yaml").read_text()
    assert f"'{newest}'" in text
    return workspace.write(f".scorefly/{name}.provisioners.yaml", text.replace(f"'{newest}'", f"'{older}'"))


def deploy_older(workspace: Workspace, **given: str) -> None:
    """Deploy a Postgres of an older release, with an earlier scorefly."""
    workspace.workload("web", RESOURCES)
    file = with_older_release(workspace, "postgres", "17.11", "17.6")
    result = workspace.run("deploy", *(() if given else ("--rehearse",)), **given)
    assert result.code == 0, result.err
    file.unlink()


def test_plan_names_the_newer_release_and_the_command(workspace: Workspace) -> None:
    deploy_older(workspace)
    plan = workspace.run("plan", "--rehearse")
    assert (plan.code, "0 to change" in plan.out or "unchanged" in plan.out) == (0, True), plan.out
    assert f"{UID} runs Postgres 17.6, and there is 17.11" in plan.err
    assert f"scorefly resources upgrade '{UID}'" in plan.err


def test_upgrade_takes_a_snapshot_and_replaces_the_server_only(workspace: Workspace) -> None:
    deploy_older(workspace)
    before = workspace.world["apps"]
    result = workspace.run("resources", "upgrade", UID, "--yes", "--rehearse")
    assert result.code == 0, result.err
    after = workspace.world["apps"]
    snapshots = after["web-db"]["snapshots"]
    assert {name: len(each) for name, each in snapshots.items()} == dict.fromkeys(before["web-db"]["volumes"], 1)
    images = {machine["config"]["image"] for machine in after["web-db"]["machines"].values()}
    assert images == {"postgres:17.11-bookworm"}
    assert after["web"] == before["web"]
    assert after["web-db"]["secrets"] == before["web-db"]["secrets"]
    again = workspace.run("deploy", "--rehearse")
    assert (again.code, again.out.endswith(": 2 unchanged\n")) == (0, True), again.out
    newest = workspace.run("resources", "upgrade", UID, "--yes", "--rehearse")
    assert (newest.code, newest.out) == (0, f"{UID} runs the newest release of its line\n")


def test_dry_run_of_an_upgrade_changes_nothing(workspace: Workspace) -> None:
    deploy_older(workspace)
    before = workspace.world["apps"]
    result = workspace.run("resources", "upgrade", UID, "--dry-run", "--rehearse")
    assert (result.code, workspace.world["apps"]) == (0, before), result.err


@pytest.mark.parametrize("class_", ["default", "shared"])
def test_server_without_a_version_in_state_keeps_what_was_deployed(workspace: Workspace, class_: str) -> None:
    text = (BUILT_IN / "postgres.provisioners.yaml").read_text()
    lines = [line for line in text.splitlines(keepends=True) if "version or" not in line and line != "  shared:\n"]
    older = re.sub(r"postgres:\{\{ \S+ \}\}", "postgres:17.6", "".join(lines))
    file = workspace.write(".scorefly/postgres.provisioners.yaml", older)
    workspace.workload("web", f"resources: {{db: {{type: postgres, class: {class_}}}}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    file.unlink()
    again = workspace.run("deploy", "--rehearse")
    assert (again.code, again.out.endswith(": 2 unchanged\n")) == (0, True), again.out
    upgraded = workspace.run("resources", "upgrade", f"postgres.{class_}#web.db", "--yes", "--rehearse")
    assert (upgraded.code, ": 1 deployed" in upgraded.out) == (0, True), upgraded.out


@pytest.mark.parametrize(
    ("resource", "uid", "words"),
    [
        ("{type: postgres, params: {version: '17.6'}}", UID, "stated in a Score file: 17.6"),
        ("{type: dns}", "dns.default#web.db", "has no database server that scorefly made"),
        ("{type: postgres}", "postgres.default#web.other", "state has no resource"),
    ],
)
def test_what_cannot_be_upgraded_is_refused(workspace: Workspace, resource: str, uid: str, words: str) -> None:
    workspace.workload("web", f"resources: {{db: {resource}}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    result = workspace.run("resources", "upgrade", uid, "--yes", "--rehearse")
    assert (result.code, words in result.err) == (2, True), result.err


def test_another_major_is_refused_with_the_way(workspace: Workspace) -> None:
    workspace.workload("web", RESOURCES)
    file = with_older_release(workspace, "postgres", "17.11", "16.4")
    assert workspace.run("deploy", "--rehearse").code == 0
    file.unlink()
    result = workspace.run("resources", "upgrade", UID, "--yes", "--rehearse")
    assert (result.code, "dump the data and restore it" in result.err) == (2, True), result.err


def test_upgrade_moves_the_server_of_all_who_share_it(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {one: {type: mysql, class: shared}, two: {type: mysql, class: shared}}\n")
    file = with_older_release(workspace, "mysql", "8.4.11", "8.4.8")
    assert workspace.run("deploy", "--rehearse").code == 0
    file.unlink()
    plan = workspace.run("plan", "--rehearse")
    assert plan.err.count("runs MySQL 8.4.8, and there is 8.4.11") == 1
    result = workspace.run("resources", "upgrade", "mysql.shared#web.two", "--yes", "--rehearse")
    assert result.code == 0, result.err
    assert workspace.toml("shared-mysql")["build"]["image"] == "mysql:8.4.11"
    assert workspace.run("deploy", "--rehearse").out.endswith(": 2 unchanged\n")


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("POST", "/v1/apps/web-db/volumes/VOLUME/snapshots"),
        Deadly("GET", "/v1/apps/web-db/volumes/VOLUME/snapshots", times=2),
        Deadly("DELETE", "/v1/apps/web-db/machines/MACHINE/metadata/scorefly_digest"),
    ],
    ids=["snapshot begun", "snapshot awaited", "Machine forgotten"],
)
def test_a_killed_upgrade_goes_on_and_has_its_snapshot(workspace: Workspace, tmp_path: Path, deadly: Deadly) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        deploy_older(workspace, **given)
        app = fly.world.data["apps"]["web-db"]
        volume, machine = next(iter(app["volumes"])), next(iter(app["machines"]))
        method, path = deadly.deadly
        path = path.replace("VOLUME", volume).replace("MACHINE", machine)
        killed(workspace, fly, given, f"resources upgrade {UID} --yes", Deadly(method, path, times=deadly.times))
        again = workspace.run("resources", "upgrade", UID, "--yes", **given)
        assert again.code == 0, again.err
        app = fly.world.data["apps"]["web-db"]
        assert len(app["snapshots"][volume]) >= 1
        assert [each["config"]["image"] for each in app["machines"].values()] == ["postgres:17.11-bookworm"]
        assert list(app["volumes"]) == [volume]
        deployed = workspace.run("deploy", **given)
        assert (deployed.code, deployed.out.endswith(": 2 unchanged\n")) == (0, True), deployed.err


def test_a_failed_upgrade_goes_on_when_it_is_run_again(workspace: Workspace, tmp_path: Path) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        deploy_older(workspace, **given)
        app = fly.world.data["apps"]["web-db"]
        (machine,) = app["machines"]
        fly.faults.append(Fault("POST", f"/v1/apps/web-db/machines/{machine}", 500, times=9))
        failed = workspace.run("resources", "upgrade", UID, "--yes", **given)
        assert failed.code == 1, failed.out
        assert [each["config"]["image"] for each in app["machines"].values()] == ["postgres:17.6-bookworm"]
        fly.faults.clear()
        again = workspace.run("resources", "upgrade", UID, "--yes", **given)
        assert (again.code, "1 deployed" in again.out) == (0, True), again.out + again.err
        assert [each["config"]["image"] for each in app["machines"].values()] == ["postgres:17.11-bookworm"]
        newest = workspace.run("resources", "upgrade", UID, "--yes", **given)
        assert newest.out == f"{UID} runs the newest release of its line\n"


def test_newest_releases_are_those_that_new_servers_get() -> None:
    texts = [path.read_text() for path in BUILT_IN.glob("*.provisioners.yaml")]
    for uri, engine in ENGINES.items():
        entry = next(part for text in texts for part in text.split("\n- uri: ") if part.startswith(f"{uri}\n"))
        default = re.search(r"version or '([^']+)'", entry)
        assert default is not None, uri
        if engine.newest:
            assert engine.newest[engine.line(default[1])] == default[1]

"""`scorefly destroy --rehearse`: everything of an environment, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from flyctl_programs import environment
from workspaces import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A web workload with a Redis, deployed."""
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\nresources: {cache: {type: redis}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    return workspace


def files(workspace: Workspace) -> list[str]:
    return sorted(name for name in workspace.tree() if "rehearsal" in name)


def test_everything_is_gone_afterwards(shop: Workspace) -> None:
    result = shop.run("destroy", "--rehearse", "--yes")
    assert (result.code, result.out.splitlines()[-1]) == (
        0,
        "local (rehearsed: nothing was deployed to Fly): 2 destroyed, 1 resource removed",
    )
    assert shop.world["apps"] == {}
    assert files(shop) == [".scorefly/rehearsal/world.json"]


def test_what_uses_something_goes_before_it(shop: Workspace) -> None:
    rows = shop.run("destroy", "--rehearse", "--yes").out.splitlines()
    assert [row.split()[0] for row in rows[1:3]] == ["web", "web-cache"]


def test_twice_is_once(shop: Workspace) -> None:
    shop.run("destroy", "--rehearse", "--yes")
    again = shop.run("destroy", "--rehearse", "--yes")
    assert (again.code, again.out) == (0, "local (rehearsed: nothing was deployed to Fly): nothing to do\n")


def test_a_new_deploy_afterwards_begins_from_nothing(shop: Workspace) -> None:
    def password() -> str:
        return shop.run("resources", "outputs", "redis.default#web.cache", "--reveal", "--rehearse").out

    before = password()
    shop.run("destroy", "--rehearse", "--yes")
    assert shop.run("deploy", "--rehearse").code == 0
    assert json.loads(password())["password"] != json.loads(before)["password"]


def test_a_dry_run_tells_and_destroys_nothing(shop: Workspace) -> None:
    before = shop.tree()
    result = shop.run("destroy", "--rehearse", "--dry-run")
    assert "would be: 2 destroyed, 1 resource removed" in result.out
    assert shop.tree() == before


def test_where_nobody_can_be_asked_yes_is_needed(shop: Workspace) -> None:
    before = shop.tree()
    result = shop.run("destroy", "--rehearse")
    assert (result.code, result.problems) == (
        2,
        ["--yes: Destroy environment local with all its data? (add --yes: there is no terminal to ask on)"],
    )
    assert shop.tree() == before


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 1, ["web", "web-cache"]), ("local", 0, [])])
def test_on_a_terminal_it_shows_what_would_go_and_asks(
    shop: Workspace, answer: str, code: int, left: list[str]
) -> None:
    keyboard, terminal = os.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "scorefly", "destroy", "--rehearse"],
        cwd=shop.path,
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "web-cache  destroyed" in done.stdout
    assert "Destroy environment local with all its data? Type local to confirm: " in done.stderr
    assert sorted(shop.world["apps"]) == left


def test_neither_score_files_nor_provisioner_files_are_needed(shop: Workspace) -> None:
    shop.write("web.score.yaml", "broken: [")
    shop.write(".scorefly/x.provisioners.yaml", "broken: [")
    assert shop.run("destroy", "--rehearse", "--yes").code == 0
    assert shop.world["apps"] == {}


def test_the_action_asks_nobody_and_reports(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.action({"rehearse": "true"})
    result = workspace.action({"rehearse": "true", "command": "destroy"})
    assert (result.code, result.outputs["destroyed"], result.outputs["changed"]) == (0, '["web"]', "true")
    assert "## Simulated destroy of <code>production</code>" in result.summary
    assert workspace.world["apps"] == {}


def test_an_app_of_another_environment_stays(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse", "--environment", "other", "--app-prefix", "other-")
    shop.run("destroy", "--rehearse", "--yes")
    assert sorted(shop.world["apps"]) == ["other-web", "other-web-cache"]


def test_an_app_that_somebody_made_anew_stays_and_is_forgotten(shop: Workspace) -> None:
    world = shop.world
    world["apps"]["web"] |= {"id": "theirs", "machines": {}}
    (shop.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    result = shop.run("destroy", "--rehearse", "--yes")
    assert result.code == 0
    assert "warning: the app 'web' was not made by scorefly for this environment" in result.err
    assert list(shop.world["apps"]) == ["web"]
    assert shop.run("destroy", "--rehearse", "--yes").out.endswith("nothing to do\n")


@pytest.mark.parametrize(("repository", "left"), [("acme/shop", []), ("", ["web", "web-cache"])])
def test_what_carries_our_mark_goes_though_the_state_is_lost(shop: Workspace, repository: str, left: list[str]) -> None:
    """Without a repository another project's environment may have the same name: its apps are not touched."""
    shop.run("deploy", "--rehearse", "--force", GITHUB_REPOSITORY=repository)
    for path in shop.path.glob(".scorefly/rehearsal/local.state*"):
        path.unlink()
    assert shop.run("destroy", "--rehearse", "--yes", "--new-state", GITHUB_REPOSITORY=repository).code == 0
    assert sorted(shop.world["apps"]) == left


def test_a_half_created_environment_goes_too(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n", image="rehearsal.invalid/crashing:1")
    assert workspace.run("deploy", "--rehearse").code == 1
    assert workspace.run("destroy", "--rehearse", "--yes").code == 0
    assert workspace.world["apps"] == {}


def test_after_a_failure_the_next_run_goes_on(shop: Workspace) -> None:
    """Against an API that refuses one deletion: the rest goes, the state keeps what stayed."""
    from scorefly.rehearsal.server import Fault, Rehearsal

    with Rehearsal(None) as fly:
        real = environment(shop.path, fly)
        assert shop.run("deploy", **real).code == 0
        fly.faults.append(Fault("DELETE", "/v1/apps/web-cache", 403, times=1))
        failed = shop.run("destroy", "--yes", **real)
        assert failed.code == 1
        assert "web-cache could not be destroyed" in failed.err
        assert list(fly.world.data["apps"]) == ["web-cache"]
        rest = shop.run("destroy", "--yes", **real)
        assert (rest.code, rest.out.splitlines()[-1]) == (0, "local: 1 destroyed")
        assert fly.world.data["apps"] == {}
    assert list((shop.path / ".scorefly/state").iterdir()) == []


QUEUES = """\
- uri: cmd://sh#queue
  type: queue
  rehearse: true
  args:
    - -c
    - |
      echo "$SCORE_PROVISIONER_MODE $(grep -o 'web[.][a-z]*' | head -n1)" >>log
      test ! -e fail || exit 1
      echo '{"values": {"name": "queue"}}'
"""


@pytest.fixture
def queues(workspace: Workspace) -> Workspace:
    """Two queues, one made with what the other gave, by a program."""
    workspace.write(".scorefly/x.provisioners.yaml", QUEUES)
    workspace.workload(
        "web", "resources: {one: {type: queue}, two: {type: queue, params: {a: '${resources.one.name}'}}}\n"
    )
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    (workspace.path / "log").unlink()
    return workspace


def calls(workspace: Workspace) -> list[str]:
    path = workspace.path / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_what_made_a_resource_takes_it_away_in_reverse_order(queues: Workspace) -> None:
    assert queues.run("plan", "--rehearse").code == 0
    assert queues.run("destroy", "--rehearse", "--dry-run").code == 0
    assert calls(queues) == []
    assert queues.run("destroy", "--rehearse", "--yes").code == 0
    assert calls(queues) == ["deprovision web.two", "deprovision web.one"]


def test_what_could_not_be_taken_away_stays_with_what_it_needs(queues: Workspace) -> None:
    queues.write("fail", "")
    result = queues.run("destroy", "--rehearse", "--yes")
    assert result.code == 1
    assert calls(queues) == ["deprovision web.two"]
    assert "queue.default#web.one stays, for a resource that needs it could not be removed" in result.err
    assert queues.world["apps"] == {}
    (queues.path / "fail").unlink()
    assert queues.run("destroy", "--rehearse", "--yes").code == 0
    assert calls(queues)[1:] == ["deprovision web.two", "deprovision web.one"]


def test_an_orphan_is_taken_away_by_what_made_it_when_cleaning_up(queues: Workspace) -> None:
    queues.workload("web", "resources: {one: {type: queue}}\n")
    assert queues.run("cleanup", "--rehearse").code == 0
    assert calls(queues) == ["deprovision web.two"]

"""A listener follows a real repository: by webhook, by polling, through kills, and over trees that change."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_servers import git, http_server
from listeners import ACT, READ, Environments, Listener, children, listening, push_payload, signed, standin_tree
from scorefly.listen.orphans import process_started


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments.create(tmp_path / "git", standin_tree("staging"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def deploys(data: Path) -> list[str]:
    log = data.parent / "deploys"
    return log.read_text().splitlines() if log.exists() else []


def calls(data: Path) -> list[list[str]]:
    return [json.loads(line) for line in (data.parent / "deploys.calls").read_text().splitlines()]


def hook(listener: Listener, environments: Environments) -> int:
    return listener.post("github", *signed("github", push_payload("github", environments.url))).status


def test_a_push_is_deployed_by_webhook_and_a_burst_runs_once(environments: Environments, data: Path) -> None:
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("apps"))
        commit = environments.push()
        assert {hook(listener, environments) for _ in range(100)} == {202}
        listener.wait_for_commit("staging", commit)
        unit = listener.units()["staging"]
        assert (unit["state"], unit["apps"][0]["status"], unit["pending"]) == ("ok", "deployed", [])
    assert len(deploys(data)) == 2
    assert [call[0] for call in calls(data)].count("sync") == 2


def test_a_push_is_found_by_polling(environments: Environments, data: Path) -> None:
    with listening(environments.url, data, "--poll=1s") as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("apps"))
        listener.wait_for_commit("staging", environments.push())


def test_a_push_while_the_listener_was_away_is_found_at_the_start(environments: Environments, data: Path) -> None:
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("apps"))
        assert listener.end() == 0
    commit = environments.push()
    with listening(environments.url, data) as listener:
        listener.wait_for_commit("staging", commit)
    assert len(deploys(data)) == 2


def test_nothing_is_deployed_again_after_a_restart(environments: Environments, data: Path) -> None:
    for _ in range(2):
        with listening(environments.url, data) as listener:
            listener.wait(lambda: listener.get("/readyz").status == 200)
            listener.wait(lambda: listener.units().get("staging", {}).get("state") == "ok")
            listener.end()
    assert len(calls(data)) == 2


def test_runs_end_before_a_listener_ends(tmp_path: Path, data: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging", runs={"staging": {"seconds": 1}}))
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "running")
        listener.process.send_signal(signal.SIGTERM)
        listener.wait(lambda: any("ending" in line for line in listener.lines))
        assert hook(listener, environments) == 503
        assert listener.get("/readyz").status == 503
        assert listener.process.wait(30) == 0
    assert len(deploys(data)) == 1


def test_a_run_that_takes_too_long_is_interrupted_and_resumed(tmp_path: Path, data: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging", runs={"staging": {"seconds": 600}}))
    with listening(environments.url, data, "--kill-timeout=1s") as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "running")
        assert listener.end() == 0
    environments.push(standin_tree("staging"))
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "ok")
        assert [line["result"] for line in listener.history() if line["kind"] == "run"] == ["ok", "interrupted"]


def test_a_killed_listener_loses_nothing_and_its_child_is_ended(tmp_path: Path, data: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging"))
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("apps"))
        commit = environments.push(standin_tree("staging", runs={"staging": {"seconds": 600}}))
        assert hook(listener, environments) == 202
        listener.wait(lambda: listener.units()["staging"]["state"] == "running")
        child = listener.wait(lambda: children(listener.process.pid))[0]
        listener.end(signal.SIGKILL)
    fixed = environments.push(standin_tree("staging"))
    with listening(environments.url, data) as listener:
        assert process_started(child) == 0
        listener.wait_for_commit("staging", fixed)
    assert [line.split()[1] == commit for line in deploys(data)] == [False, False]


def test_a_killed_run_is_run_again(tmp_path: Path, data: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging", runs={"staging": {"seconds": 600}}))
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "running")
        environments.push(standin_tree("staging"))
        os.kill(listener.wait(lambda: children(listener.process.pid))[0], signal.SIGKILL)
        listener.wait(lambda: listener.units()["staging"]["state"] == "failed")
        assert "SIGKILL" in listener.units()["staging"]["last_run"]["reason"]
        assert listener.request("POST", "/api/sync", headers={"Authorization": f"Bearer {ACT}"}).status == 202
        listener.wait(lambda: listener.units()["staging"]["state"] == "ok")


def test_a_failed_unit_waits_and_says_why(tmp_path: Path, data: Path) -> None:
    runs = {"staging": {"exit": 1, "problem": "Fly said no"}, "production": {}}
    environments = Environments.create(tmp_path / "git", standin_tree("staging", "production", runs=runs))
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "failed")
        unit = listener.units()["staging"]
        assert unit["last_run"]["reason"] == "scorefly.yaml:1:1: Fly said no"
        assert unit["retry_at"] > unit["last_run"]["ended"] + 5
        listener.wait(lambda: listener.units()["production"]["state"] == "ok")


def test_invalid_input_waits_for_another_commit(tmp_path: Path, data: Path) -> None:
    runs = {"staging": {"exit": 2, "problem": "no such key"}}
    environments = Environments.create(tmp_path / "git", standin_tree("staging", runs=runs))
    with listening(environments.url, data, "--poll=1s") as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "invalid")
        assert listener.units()["staging"]["retry_at"] == 0
        commit = environments.push(standin_tree("staging"))
        hook(listener, environments)
        listener.wait_for_commit("staging", commit)


def test_units_and_sources_follow_the_tree(tmp_path: Path, data: Path) -> None:
    source = Environments.create(tmp_path / "source", {"score.yaml": "x"})
    tree = standin_tree("staging", "production")
    environments = Environments.create(tmp_path / "git", tree)
    with listening(environments.url, data, "--poll=1s") as listener:
        listener.wait(lambda: len([u for u in listener.units().values() if u["state"] == "ok"]) == 2)
        units = [{"name": "staging", "environment": "staging"}]
        followed = {"repository": source.url, "ref": "main", "kind": "branch", "units": units}
        environments.push({"standin.json": json.dumps({"repositories": [followed]})})
        hook(listener, environments)
        listener.wait(lambda: list(listener.units()) == ["staging"])
        listener.wait(lambda: listener.units()["staging"]["sources"][0]["commit"])
        listener.wait(lambda: listener.units()["staging"]["state"] == "ok")
        runs = len(calls(data))
        commit = source.push()
        other = {"repository": source.url, "ref": "refs/heads/topic"}
        assert listener.post("generic", *signed("generic", other)).json() == {"result": "nothing to do"}
        pushed = {"repository": source.url, "ref": "refs/heads/main"}
        assert listener.post("generic", *signed("generic", pushed)).json() == {"result": "accepted"}
        listener.wait(lambda: listener.units()["staging"]["sources"][0]["commit"] == commit)
        listener.wait(lambda: len(calls(data)) == runs + 1)


def test_a_broken_tree_is_reported_and_the_last_good_one_stays(environments: Environments, data: Path) -> None:
    with listening(environments.url, data, "--poll=1s") as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "ok")
        environments.push(standin_tree("staging", problem="scorefly.yaml:3:1: unknown key 'x'"))
        hook(listener, environments)
        page = listener.wait(
            lambda: text if "unknown key" in (text := listener.get("/").body.decode()) else "", "the problem is shown"
        )
        assert "staging" in page
        assert listener.get("/readyz").status == 200


def test_a_repository_that_is_gone_keeps_the_listener_unready(tmp_path: Path, data: Path) -> None:
    with listening(str(tmp_path / "missing.git"), data) as listener:
        error = listener.wait(lambda: listener.get("/api/repositories").json()[0]["error"])
        assert "cannot be read" in error
        assert listener.get("/readyz").status == 503
        assert listener.get("/healthz").status == 200


def test_a_child_gets_the_secrets_of_its_unit_and_none_of_the_listener(tmp_path: Path, data: Path) -> None:
    lines = ["own $STAGING__DB other $PRODUCTION__DB hook $SCOREFLY_WEBHOOK_SECRET_GITHUB read $SCOREFLY_READ_TOKEN"]
    environments = Environments.create(
        tmp_path / "git", standin_tree("staging", "production", runs={"staging": {"lines": [*lines, "$FLY_API_TOKEN"]}})
    )
    variables: dict[str, Any] = {"FLY_API_TOKEN": "fly-token-canary-123", "FLY_APP_NAME": "listener"}
    secrets: dict[str, Any] = {
        "SCOREFLY_SECRETS": json.dumps({"STAGING__DB": "canary-staging-1", "PRODUCTION__DB": "canary-prod-22"})
    }
    with listening(environments.url, data, **variables, **secrets) as listener:
        run = listener.wait(lambda: listener.units().get("staging", {}).get("last_run"))
        listener.wait(lambda: listener.get(f"/api/runs/{run['id']}").json()["ended"])
        log = listener.get(f"/api/runs/{run['id']}").json()["log"]
        assert "hook $SCOREFLY_WEBHOOK_SECRET_GITHUB read $SCOREFLY_READ_TOKEN" in log
        assert "***" in log
        assert "fly-token-canary-123" not in log
        assert READ not in "\n".join(listener.lines)


@pytest.fixture
def running(environments: Environments, data: Path) -> Iterator[Listener]:
    with listening(environments.url, data) as listener:
        listener.wait(lambda: listener.units().get("staging", {}).get("state") == "ok")
        yield listener


def test_a_second_listener_of_the_same_folder_is_refused(
    running: Listener, environments: Environments, data: Path
) -> None:
    with pytest.raises(AssertionError):
        with listening(environments.url, data) as second:
            assert second.port
    with listening(environments.url, data.with_name("other")) as third:
        assert third.port


def test_a_host_that_is_down_is_shown_with_its_next_attempt_and_a_renamed_repository_is_followed(
    tmp_path: Path,
) -> None:
    with http_server(tmp_path / "served", token="") as server:
        source = Environments.create(tmp_path / "served/acme", {"score.yaml": "x"})
        Path(source.url).rename(tmp_path / "served/acme/shop.git")
        git(source.clone, "remote", "set-url", "origin", str(tmp_path / "served/acme/shop.git"))
        units = [{"name": "staging", "environment": "staging"}]
        url = f"{server.url}/acme/old.git"
        followed: dict[str, Any] = {"repository": url, "url": url, "ref": "main", "kind": "branch", "units": units}
        followed |= {"readable": False, "problem": "HTTP 503"}  # as `scorefly repos` sees it
        server.renamed = {"/acme/old.git": "/acme/shop.git"}
        server.faults = [("/acme/", 503)]
        tree = {"standin.json": json.dumps({"repositories": [followed]})}
        with listening(Environments.create(tmp_path / "git", tree).url, tmp_path / "data") as listener:
            key = f"{server.url.partition('://')[2]}/acme/old"

            def repository() -> dict[str, Any]:
                return next(each for each in listener.get("/api/repositories").json() if each["key"] == key)

            listener.wait(lambda: any(each["error"] for each in listener.get("/api/repositories").json()))
            assert repository()["next_look"] > repository()["looked_at"] + 9
            assert "HTTP 503" in listener.get("/").body.decode()
            assert listener.get("/readyz").status == 200
            headers = {"Authorization": f"Bearer {ACT}"}
            assert listener.request("POST", "/api/sync", headers=headers).status == 202
            listener.wait(lambda: repository()["moved_to"].endswith("/acme/shop.git"))
            assert "The repository moved to" in listener.get("/").body.decode()
            commit = source.push()
            pushed = {"repository": f"{server.url}/acme/shop", "ref": "refs/heads/main"}
            assert listener.post("generic", *signed("generic", pushed)).json() == {"result": "accepted"}
            listener.wait(lambda: listener.units()["staging"]["sources"][0]["commit"] == commit)

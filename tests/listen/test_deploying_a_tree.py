"""From a push to a real repository to apps of the rehearsal, through the real commands."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from git_servers import git
from listeners import Environments, Listener, listening, push_payload, signed

COMMAND = (sys.executable, "-m", "scorefly", "listen")
PROJECT = "app-prefix: acme-\nenvironments:\n  staging: {app-suffix: -st}\n  production: {region: ams}\n"


def score(name: str, tag: str) -> str:
    return (
        f"apiVersion: score.dev/v1b1\nmetadata: {{name: {name}}}\ncontainers: {{main: {{image: 'nginx:{tag}'}}}}\n"
        "service: {ports: {web: {port: 80, targetPort: 8080}}}\n"
    )


def statuses(listener: Listener, unit: str) -> dict[str, str]:
    return {app["app"]: app["status"] for app in listener.units()[unit]["apps"]}


def deployed(listener: Listener, commit: str) -> bool:
    units = listener.units().values()
    return bool(units) and all(
        unit["state"] == "ok" and commit in (unit["last_run"] or {}).get("commits", {}).values() for unit in units
    )


def test_a_push_reaches_every_environment_within_seconds(tmp_path: Path) -> None:
    files = {"web/score.yaml": score("web", "1.27"), "worker/score.yaml": score("worker", "1.27")}
    environments = Environments.create(tmp_path / "git", {"scorefly.yaml": PROJECT, **files})
    first = git(environments.clone, "rev-parse", "HEAD")
    data = tmp_path / "data"
    with listening(environments.url, data, "--rehearse", argv=COMMAND) as listener:
        listener.wait(lambda: deployed(listener, first))
        assert statuses(listener, "staging") == {"acme-web-st": "created", "acme-worker-st": "created"}
        began = time.monotonic()
        second = environments.push({"web/score.yaml": score("web", "1.28")})
        listener.post("github", *signed("github", push_payload("github", environments.url)))
        listener.wait(lambda: deployed(listener, second))
        assert time.monotonic() - began < 15  # three seconds, on a machine that does nothing else
        assert statuses(listener, "production") == {"acme-web": "deployed", "acme-worker": "unchanged"}
        assert "acme-web" in listener.get("/").body.decode()
        assert listener.end() == 0


def test_a_mistake_in_the_project_is_shown_with_its_place(tmp_path: Path) -> None:
    files = {"scorefly.yaml": PROJECT, "web/score.yaml": score("web", "1.27")}
    environments = Environments.create(tmp_path / "git", files)
    with listening(environments.url, tmp_path / "data", "--rehearse", argv=COMMAND) as listener:
        listener.wait(lambda: {unit["state"] for unit in listener.units().values()} == {"ok"})
        environments.push({"scorefly.yaml": PROJECT + "colour: red\n"})
        listener.post("github", *signed("github", push_payload("github", environments.url)))
        listener.wait(lambda: "scorefly.yaml:5:1" in listener.get("/").body.decode(), "the place is on the page")


def test_what_is_pending_is_shown_as_a_diff_while_a_unit_waits(tmp_path: Path) -> None:
    project = PROJECT.replace("{region: ams}", "{region: ams, after: staging}")
    project += "workloads: {worker: {suspended: until the queue is moved}}\n"
    files = {"web/score.yaml": score("web", "1.27"), "worker/score.yaml": score("worker", "1.27")}
    environments = Environments.create(tmp_path / "git", {"scorefly.yaml": project, **files})
    with listening(environments.url, tmp_path / "data", "--rehearse", argv=COMMAND) as listener:
        listener.wait(lambda: {unit["state"] for unit in listener.units().values()} == {"ok"})
        suspended = {app["workload"]: app["suspended"] for app in listener.units()["staging"]["apps"]}
        assert suspended == {"web": None, "worker": "until the queue is moved"}
        broken = score("web", "1.27").replace("nginx:1.27", "rehearsal.invalid/crashing:2")
        environments.push({"web/score.yaml": broken})
        listener.post("github", *signed("github", push_payload("github", environments.url)))
        plan = listener.wait(lambda: listener.units()["production"]["plan"], "a plan of the unit that waits")
        assert [(app["app"], app["action"]) for app in plan["apps"]] == [("acme-web", "change")]
        assert "+image = 'rehearsal.invalid/crashing:2'" in " ".join(plan["apps"][0]["diff"]).replace('"', "'")
        listener.wait(lambda: b"Waits for staging." in listener.get("/units/production").body, "what it waits for")
        text = listener.get("/units/production").body.decode()
        for words in ("<del>", "<ins>", "rehearsal.invalid/crashing:2"):
            assert words in text
        environments.push({"web/score.yaml": score("web", "1.28")})
        listener.post("github", *signed("github", push_payload("github", environments.url)))
        listener.wait(lambda: {unit["state"] for unit in listener.units().values()} == {"ok"})
        assert [unit["plan"] for unit in listener.units().values()] == [None, None]


def test_a_listener_does_not_deploy_its_own_app_and_goes_on_with_the_rest(tmp_path: Path) -> None:
    files = {"web/score.yaml": score("web", "1.27"), "listener/score.yaml": score("listener", "1.27")}
    environments = Environments.create(tmp_path / "git", {"scorefly.yaml": PROJECT, **files})
    with listening(
        environments.url, tmp_path / "data", "--rehearse", argv=COMMAND, FLY_APP_NAME="acme-listener"
    ) as listener:
        listener.wait(lambda: {unit["state"] for unit in listener.units().values()} == {"ok"})
        apps = {app["workload"]: app for unit in listener.units().values() for app in unit["apps"] if app["app"]}
        own = listener.units()["production"]["apps"][-1]
        assert (own["app"], own["status"], own["workload"]) == ("", "suspended", "listener")
        assert statuses(listener, "staging") == {"acme-web-st": "created", "acme-listener-st": "created"}
        assert set(apps) == {"web", "listener"}
        run = listener.units()["production"]["last_run"]["id"]
        log = listener.get(f"/api/runs/{run}").json()["log"]
        assert "the app acme-listener is not deployed: this is the listener itself" in log
        assert "acme-web created" in log

"""`scorefly deploy --rehearse`, as a user meets it."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A web workload with a Redis, and a worker that connects to it."""
    workspace.workload(
        "web",
        """\
            variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"}
        service: {ports: {http: {port: 80, targetPort: 8080}}}
        resources: {cache: {type: redis}}
        """,
    )
    workspace.workload(
        "worker",
        """\
            variables: {WEB: "http://${resources.web.hostname}:${resources.web.port}"}
        resources: {web: {type: service-port, params: {workload: web, port: http}}}
        """,
    )
    return workspace


def statuses(out: str) -> dict[str, str]:
    """The first two columns of the table, which an empty line ends."""
    rows = out.partition("\n\n")[0].splitlines()[1:]
    return {row.split()[0]: row.split()[1] for row in rows}


def test_everything_is_created_each_app_after_those_it_needs(shop: Workspace) -> None:
    result = shop.run("deploy", "--rehearse")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()[1:4]] == ["web-cache", "web", "worker"]
    assert statuses(result.out) == {"web-cache": "created", "web": "created", "worker": "created"}


def test_the_workload_gets_the_password_its_redis_was_given(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse")
    redis = json.loads(shop.run("resources", "outputs", "redis.default#web.cache", "--reveal", "--rehearse").out)
    exported = shop.run("export-secrets", "--app", "web", "--rehearse").out
    assert exported == f"CACHE='redis://:{redis['password']}@web-cache.internal'\n"


def test_a_second_run_changes_nothing_and_says_so(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse")
    before = shop.world
    result = shop.run("deploy", "--rehearse")
    assert set(statuses(result.out).values()) == {"unchanged"}
    assert "3 unchanged" in result.out
    assert shop.world == before


def test_only_the_app_that_changed_is_deployed(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse")
    shop.workload("worker", '    variables: {WEB: "elsewhere"}\n')
    assert statuses(shop.run("deploy", "--rehearse").out) == {
        "web-cache": "unchanged",
        "web": "unchanged",
        "worker": "deployed",
    }


def test_force_deploys_what_has_not_changed(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse")
    assert set(statuses(shop.run("deploy", "--rehearse", "--force").out).values()) == {"deployed"}


def test_a_dry_run_tells_and_changes_nothing_on_fly(shop: Workspace) -> None:
    result = shop.run("deploy", "--rehearse", "--dry-run")
    assert "would be: 3 created" in result.out
    assert not (shop.path / ".scorefly/rehearsal/world.json").exists()


def test_when_an_app_fails_what_needs_it_is_skipped_and_the_rest_goes_on(shop: Workspace) -> None:
    shop.workload("web", "service: {ports: {http: {port: 80}}}\n", image="rehearsal.invalid/crashing:1")
    shop.workload("other")
    result = shop.run("deploy", "--rehearse")
    assert result.code == 1
    assert statuses(result.out) == {"other": "created", "web": "failed", "worker": "skipped"}
    assert "web keeps crashing" in result.err


def test_an_app_that_does_not_become_healthy_fails_in_time(workspace: Workspace) -> None:
    probe = "    readinessProbe: {httpGet: {port: 80, path: /}}\n"
    workspace.workload("web", probe, image="rehearsal.invalid/unhealthy:1")
    result = workspace.run("deploy", "--rehearse", "--wait-timeout", "1s")
    assert result.code == 1
    assert "was not healthy within 1 s: readiness is critical: connection refused" in result.err


def test_a_name_that_belongs_to_somebody_else_is_said_clearly(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("deploy", "--rehearse", "--app-prefix", "taken-")
    assert result.code == 1
    assert "the app name 'taken-web' belongs to somebody else" in result.err


def test_after_a_failure_the_next_run_goes_on_where_it_stopped(shop: Workspace) -> None:
    shop.workload("worker", image="rehearsal.invalid/crashing:1")
    shop.run("deploy", "--rehearse")
    shop.workload("worker")
    assert statuses(shop.run("deploy", "--rehearse").out) == {
        "web-cache": "unchanged",
        "web": "unchanged",
        "worker": "deployed",
    }


def test_going_back_after_a_failed_deploy_is_a_deploy(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse")
    workspace.workload("web", image="rehearsal.invalid/crashing:1")
    workspace.run("deploy", "--rehearse")
    workspace.workload("web")
    assert statuses(workspace.run("deploy", "--rehearse").out) == {"web": "deployed"}


def test_an_environment_has_its_own_passwords(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse", "--environment", "one")
    shop.run("deploy", "--rehearse", "--environment", "two", "--app-prefix", "two-")
    secrets = [
        shop.run("export-secrets", "--app", "web", "--rehearse", "--environment", name).out for name in ("one", "two")
    ]
    assert secrets[0] != secrets[1]


def test_workloads_that_name_each_other_are_deployed_too(workspace: Workspace) -> None:
    for name, other in (("ping", "pong"), ("pong", "ping")):
        workspace.workload(
            name,
            f'    variables: {{OTHER: "${{resources.{other}.name}}"}}\nresources: {{{other}: {{type: service}}}}\n',
        )
    assert statuses(workspace.run("deploy", "--rehearse").out) == {"ping": "created", "pong": "created"}


def test_a_volume_is_made_once_and_extended_when_more_is_asked(workspace: Workspace) -> None:
    body = '    volumes: {{/data: {{source: "${{resources.disk}}"}}}}\nresources: {{disk: {{type: volume, params: {{size_gb: {}}}}}}}\n'
    workspace.workload("db", body.format(2))
    workspace.run("deploy", "--rehearse")
    workspace.workload("db", body.format(5))
    workspace.run("deploy", "--rehearse")
    volumes = list(workspace.world["apps"]["db"]["volumes"].values())
    assert [(each["name"], each["size_gb"]) for each in volumes] == [("disk", 5)]
    assert volumes[0]["attached_machine_id"] in workspace.world["apps"]["db"]["machines"]


def test_a_public_app_gets_addresses_and_a_private_one_none(shop: Workspace) -> None:
    shop.run("deploy", "--rehearse")
    counts = {name: len(app["addresses"]) for name, app in shop.world["apps"].items()}
    assert counts == {"web-cache": 0, "web": 2, "worker": 0}


def test_without_a_token_nothing_but_a_message_happens(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("deploy")
    assert result.code == 2
    assert "--fly-api-token: there is no Fly API token" in result.err


def test_a_rehearsal_is_never_taken_for_the_real_environment(workspace: Workspace) -> None:
    workspace.workload("web")
    state = str(workspace.path / "one.state")
    workspace.run("deploy", "--rehearse", "--state", f"file:{state}")
    result = workspace.run("generate", "--state", f"file:{state}")
    assert result.code == 2
    assert "this is the state of 'rehearsal of local', not of 'local'" in result.err

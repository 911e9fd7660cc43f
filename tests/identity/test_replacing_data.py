"""An edit that would leave data behind is named before it happens, and a database is replaced only when that is meant."""

from __future__ import annotations

import json

import pytest

from workspaces import Result, Workspace


def use(workspace: Workspace, *lines: str, name: str = "web") -> None:
    """A workload with one resource `db` of its own, described by `lines`."""
    workspace.workload(name, f"resources: {{db: {{{', '.join(lines)}}}}}\n", file="score.yaml")


def run(workspace: Workspace, *arguments: str, code: int = 0) -> Result:
    result = workspace.run(*arguments, "--rehearse")
    assert result.code == code, result.out + result.err
    return result


def test_another_type_under_the_same_key_is_refused_until_it_is_meant(workspace: Workspace) -> None:
    use(workspace, "type: postgres")
    run(workspace, "deploy")
    before = workspace.world
    use(workspace, "type: mysql")
    for command in ("plan", "deploy"):
        refused = run(workspace, command, code=2)
        assert "data risk: mysql.default#web.db takes the place of postgres.default#web.db" in refused.err
        assert "app web-db (volume data, 1 GB)" in refused.err
    assert workspace.world == before
    assert "data risk: " in run(workspace, "validate").err
    done = run(workspace, "deploy", "--replace", "postgres.default#web.db")
    assert "resources deprovision 'postgres.default#web.db'" in done.err
    assert sorted(workspace.world["apps"]) == ["web", "web-db", "web-db-mysql"]
    image = next(iter(workspace.world["apps"]["web-db"]["machines"].values()))["config"]["image"]
    assert image.startswith("postgres:")
    assert "data risk" not in run(workspace, "deploy").err
    run(workspace, "cleanup")
    assert "postgres.default#web.db" in run(workspace, "resources", "list").out


def test_an_id_that_leads_to_the_same_app_is_refused(workspace: Workspace) -> None:
    use(workspace, "type: postgres", "id: main")
    run(workspace, "deploy")
    use(workspace, "type: redis", "id: main")
    assert "redis.default#main takes the place of postgres.default#main" in run(workspace, "deploy", code=2).err


def test_another_class_is_refused(workspace: Workspace) -> None:
    use(workspace, "type: postgres")
    run(workspace, "deploy")
    use(workspace, "type: postgres", "class: shared")
    assert "takes the place of postgres.default#web.db" in run(workspace, "deploy", code=2).err


def test_a_cache_without_data_is_replaced_without_a_word(workspace: Workspace) -> None:
    use(workspace, "type: dns")
    run(workspace, "deploy")
    use(workspace, "type: redis")
    assert "data risk" not in run(workspace, "deploy").err


def test_an_id_given_to_a_database_is_named_and_the_database_can_be_moved(workspace: Workspace) -> None:
    use(workspace, "type: postgres")
    run(workspace, "deploy")
    use(workspace, "type: postgres", "id: main")
    old, new = "postgres.default#web.db", "postgres.default#main"
    planned = run(workspace, "plan")
    assert f"resources move '{old}' '{new}'" in planned.err
    plan = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())
    assert any(old in risk for risk in plan["risks"])
    run(workspace, "resources", "move", old, new)
    assert "data risk" not in run(workspace, "deploy").err
    assert sorted(workspace.world["apps"]) == ["web", "web-db"]
    assert "is asked for by no" not in run(workspace, "deploy").err


def test_a_renamed_workload_and_prefix_name_what_holds_the_old_data(workspace: Workspace) -> None:
    use(workspace, "type: postgres")
    run(workspace, "deploy")
    prefixed = run(workspace, "plan", "--app-prefix", "new-")
    assert "data risk: the data of postgres.default#web.db stays in app web-db (volume data, 1 GB)" in prefixed.err
    use(workspace, "type: postgres", name="shop")
    renamed = run(workspace, "deploy")
    assert "postgres.default#shop.db takes the place of postgres.default#web.db" in renamed.err
    assert "app web-db (volume data, 1 GB)" in renamed.err


def test_a_resource_is_not_moved_onto_another_one(workspace: Workspace) -> None:
    use(workspace, "type: postgres")
    run(workspace, "deploy")
    old = "postgres.default#web.db"
    assert "did you mean" in run(workspace, "resources", "move", "postgres.default#web.dp", old, code=2).err
    assert "is of type" in run(workspace, "resources", "move", old, "mysql.default#web.db", code=2).err
    assert "type.class#id" in run(workspace, "resources", "move", old, "main", code=2).err


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('params: {version: "17"}', 'params: {version: "16"}', "is lowered, from postgres:17-bookworm to postgres:16"),
        ('params: {version: "15"}', 'params: {version: "17"}', "is raised, from postgres:15-bookworm to postgres:17"),
        ('params: {version: "15"}', "", ""),
    ],
)
def test_a_changed_version_is_named_and_a_dropped_one_kept(
    workspace: Workspace, before: str, after: str, told: str
) -> None:
    use(workspace, "type: postgres", before)
    run(workspace, "deploy")
    use(workspace, "type: postgres", *filter(None, [after]))
    planned = run(workspace, "plan")
    assert told in planned.err
    assert ("data risk" in planned.err) is bool(told)
    if not told:
        assert "2 unchanged" in run(workspace, "deploy").out


def test_a_lowered_size_is_named_and_deploys_nothing(workspace: Workspace) -> None:
    use(workspace, "type: postgres", "params: {size_gb: 3}")
    run(workspace, "deploy")
    use(workspace, "type: postgres", "params: {size_gb: 2}")
    done = run(workspace, "deploy")
    assert "volume data of web-db stays at 3 GB instead of 2 GB" in done.err
    assert "2 unchanged" in done.out


def test_another_bucket_is_named(workspace: Workspace) -> None:
    use(workspace, "type: s3", "params: {bucket_name: photos}")
    run(workspace, "deploy")
    use(workspace, "type: s3", "params: {bucket_name: pictures}")
    assert (
        "uses bucket 'pictures' from now on, which is empty; its data stays in 'photos'" in run(workspace, "plan").err
    )


QUEUE = """
- uri: template://acme/{uri}
  type: queue
  {state}
  apps:
    server:
      build: {{image: "{image}"}}
      mounts: [{{source: data, destination: /data, initial_size: 1gb}}]
  {more}
"""


def queue(
    workspace: Workspace, uri: str = "queue", image: str = "acme/queue:1", state: str = "", more: str = ""
) -> None:
    state = state or 'secrets: {password: "{{ random_password(32) }}"}'
    text = QUEUE.format(uri=uri, image=image, state=state, more=more)
    workspace.write(".scorefly/queue.provisioners.yaml", text)


def test_a_changed_maker_engine_and_password_are_named(workspace: Workspace) -> None:
    use(workspace, "type: queue")
    queue(workspace)
    run(workspace, "deploy")
    queue(workspace, uri="other")
    assert "is made by template://acme/other from now on" in run(workspace, "plan").err
    queue(workspace, image="acme/stack:1")
    refused = run(workspace, "deploy", code=2)
    assert "would run acme/stack:1 on the volume data of app web-db, which acme/queue:1 wrote" in refused.err
    run(workspace, "plan", "--replace", "queue.default#web.db")
    queue(
        workspace,
        state='state: {secret: "{{ state.secret or random_password(32) }}"}\n  secrets: {password: "{{ state.secret }}"}',
    )
    assert "queue.default#web.db gets another password" in run(workspace, "plan").err


def test_an_app_keeps_its_name_when_its_template_gets_another_app(workspace: Workspace) -> None:
    use(workspace, "type: queue")
    queue(workspace)
    run(workspace, "deploy")
    text = (workspace.path / ".scorefly/queue.provisioners.yaml").read_text()
    workspace.write(".scorefly/queue.provisioners.yaml", f"{text}    admin:\n      build: {{image: 'acme/admin:1'}}\n")
    assert "data risk" not in run(workspace, "deploy").err
    assert sorted(workspace.world["apps"]) == ["web", "web-db", "web-db-admin"]

"""The built-in resources: what each gives, and the app it brings, in the rehearsal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scorefly.resources.files import built_in_provisioners
from workspaces import DATA, REPOSITORY, Workspace

# By resource: what it asks for, its outputs that anybody may see, and its secret ones.
RESOURCES: dict[str, tuple[str, set[str], set[str]]] = {
    "own-pg": ("{type: postgres}", {"host", "port", "name", "database", "username"}, {"password"}),
    "one-pg": ("{type: postgres, class: shared}", {"host", "port", "name", "database", "username"}, {"password"}),
    "instance": ("{type: postgres-instance}", {"host", "port", "username"}, {"password"}),
    "own-my": ("{type: mysql}", {"host", "port", "name", "database", "username"}, {"password"}),
    "one-my": ("{type: mysql, class: shared}", {"host", "port", "name", "database", "username"}, {"password"}),
    "docs": ("{type: mongodb}", {"host", "port", "name", "username"}, {"password", "connection"}),
    "own-mq": ("{type: amqp}", {"host", "port", "vhost", "username"}, {"password"}),
    "one-mq": ("{type: amqp, class: shared}", {"host", "port", "vhost", "username"}, {"password"}),
    "bucket": (
        "{type: s3}",
        {"endpoint", "host", "port", "region", "bucket", "access_key_id", "aws_access_key_id"},
        {"secret_key", "aws_secret_key", "aws_secret_access_key"},
    ),
    "topic": ("{type: kafka-topic}", {"host", "port", "name", "num_partitions"}, set()),
    "search": ("{type: elasticsearch}", {"host", "port", "username"}, {"password"}),
    "server": (
        "{type: mssql}",
        {"server", "host", "port", "database", "username"},
        {"password", "connection"},
    ),
    "cache": ("{type: redis}", {"host", "port", "username"}, {"password"}),
}


def uid(name: str) -> str:
    asked = RESOURCES[name][0]
    type_, class_ = re.search(r"type: ([\w-]+)", asked), re.search(r"class: (\w+)", asked)
    assert type_
    return f"{type_[1]}.{class_[1] if class_ else 'default'}#web.{name}"


def outputs(workspace: Workspace, of: str, *options: str) -> dict[str, Any]:
    result = workspace.run("resources", "outputs", of, "--rehearse", *options)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def placeholders(name: str) -> str:
    return " ".join(f"${{resources.{name}.{output}}}" for output in sorted(RESOURCES[name][1] | RESOURCES[name][2]))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workload that asks for everything and reads every output, deployed once."""
    workspace = Workspace(tmp_path_factory.mktemp("everything"))
    variables = "".join(f'\n      ALL_{index}: "{placeholders(name)}"' for index, name in enumerate(RESOURCES))
    resources = "".join(f"\n  {name}: {asked}" for name, (asked, _, _) in RESOURCES.items())
    workspace.workload("web", f"    variables:{variables}\nresources:{resources}\n")
    result = workspace.run("deploy", "--rehearse", "--region", "ams")
    assert result.code == 0, result.err
    return workspace


@pytest.fixture(scope="module")
def revealed(deployed: Workspace) -> dict[str, dict[str, Any]]:
    """The outputs of every resource, secrets and all."""
    return {name: outputs(deployed, uid(name), "--reveal") for name in RESOURCES}


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_gives_its_outputs_and_hides_the_secret_ones(
    deployed: Workspace, revealed: dict[str, dict[str, Any]], name: str
) -> None:
    _, plain, secret = RESOURCES[name]
    shown = outputs(deployed, uid(name))
    assert {key for key, value in shown.items() if value != "***"} == plain
    assert {key for key, value in shown.items() if value == "***"} == secret
    assert all(revealed[name].values())


@pytest.mark.parametrize("name", RESOURCES)
def test_it_runs_as_one_private_pinned_and_checked_app_with_a_volume(
    deployed: Workspace, revealed: dict[str, dict[str, Any]], name: str
) -> None:
    given = revealed[name]
    app = str(given.get("host") or given["server"]).removesuffix(".internal")
    toml = deployed.toml(app)
    assert re.search(r":[\w.-]*\d[\w.-]*$", toml["build"]["image"])
    assert "services" not in toml
    assert "http_service" not in toml
    assert [check["port"] for check in toml["checks"].values()] == [given["port"]]
    assert len(toml["mounts"]) == 1
    live = deployed.world["apps"][app]
    assert len(live["machines"]) == len(live["volumes"]) == 1


def test_no_password_is_in_an_artefact_which_has_the_command_lines_of_the_servers(
    deployed: Workspace, revealed: dict[str, dict[str, Any]]
) -> None:
    secrets = [str(revealed[name][key]) for name, (_, _, secret) in RESOURCES.items() for key in secret]
    assert len(secrets) > len(RESOURCES)
    artefacts = [text.decode() for name, text in deployed.tree().items() if "/out/" in name]
    assert not [secret for secret in secrets for text in artefacts if secret in text]


def test_a_second_deploy_changes_nothing(deployed: Workspace) -> None:
    before = deployed.world
    result = deployed.run("deploy", "--rehearse", "--region", "ams")
    assert f"{len(before['apps'])} unchanged" in result.out
    assert deployed.world == before


def test_the_connection_url_of_mongodb_is_whole(revealed: dict[str, dict[str, Any]]) -> None:
    given = revealed["docs"]
    assert given["connection"] == (
        f"mongodb://{given['username']}:{given['password']}@web-docs.internal:27017/{given['name']}?authSource=admin"
    )


def two_shops(workspace: Workspace) -> None:
    body = '    variables: {{DB: "${{resources.db.password}}"}}\nresources: {{db: {}}}\n'
    workspace.workload("books", body.format("{type: postgres, class: shared, params: {size_gb: 2}}"))
    workspace.workload("films", body.format("{type: postgres, class: shared, params: {size_gb: 7}}"))


def databases(workspace: Workspace) -> list[str]:
    exported = workspace.run("export-secrets", "--app", "shared-postgres", "--rehearse").out
    return re.findall(r"(\w+) \w{32}", exported)


def test_databases_of_class_shared_are_on_one_server_each_with_its_own_password(workspace: Workspace) -> None:
    two_shops(workspace)
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0
    assert sorted(workspace.world["apps"]) == ["books", "films", "shared-postgres"]
    given = [outputs(workspace, f"postgres.shared#{shop}.db", "--reveal") for shop in ("books", "films")]
    assert databases(workspace) == [each["name"] for each in given]
    assert {each["host"] for each in given} == {"shared-postgres.internal"}
    assert len({each["password"] for each in given}) == 2
    assert workspace.toml("shared-postgres")["mounts"][0]["initial_size"] == "7gb"


def test_a_run_for_one_of_its_users_leaves_the_shared_server_as_it_is(workspace: Workspace) -> None:
    two_shops(workspace)
    workspace.run("deploy", "--rehearse")
    before = databases(workspace)
    for shop in ("films", "books"):
        assert "2 unchanged" in workspace.run("deploy", "--rehearse", f"{shop}.score.yaml").out
        assert databases(workspace) == before


def test_another_user_of_the_shared_server_brings_its_database(workspace: Workspace) -> None:
    workspace.workload("books", "resources: {db: {type: postgres, class: shared}}\n")
    workspace.run("deploy", "--rehearse")
    before = databases(workspace)
    workspace.workload("albums", "resources: {db: {type: postgres, class: shared}}\n")
    result = workspace.run("deploy", "--rehearse", "albums.score.yaml")
    assert "1 created, 1 deployed" in result.out
    assert set(before) < set(databases(workspace))


def test_the_last_of_its_users_takes_the_shared_server_away(workspace: Workspace) -> None:
    two_shops(workspace)
    workspace.run("deploy", "--rehearse")
    for shop, left in (("books", ["shared-postgres"]), ("films", [])):
        result = workspace.run("resources", "deprovision", f"postgres.shared#{shop}.db", "--yes", "--rehearse")
        assert result.code == 0, result.err
        assert [app for app in workspace.world["apps"] if app.startswith("shared")] == left


def test_a_database_that_went_leaves_the_shared_server_at_the_next_deploy(workspace: Workspace) -> None:
    two_shops(workspace)
    workspace.run("deploy", "--rehearse")
    (workspace.path / "films.score.yaml").unlink()
    workspace.run("resources", "deprovision", "postgres.shared#films.db", "--yes", "--rehearse")
    assert workspace.run("deploy", "--rehearse").code == 0
    assert databases(workspace) == [outputs(workspace, "postgres.shared#books.db")["name"]]


def test_a_workload_called_like_a_shared_server_is_told_of(workspace: Workspace) -> None:
    workspace.workload("shared-postgres", "resources: {db: {type: postgres, class: shared}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2
    assert "two apps would be called 'shared-postgres'" in result.problems[0]


def test_params_size_the_machine_the_volume_and_the_image(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {db: {type: mysql, params: {memory: 3gb, size_gb: 20, version: '8.0.40'}}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    toml = workspace.toml("web-db")
    assert toml["vm"] == [{"memory": "3072mb", "size": "shared-cpu-2x"}]
    assert toml["mounts"][0]["initial_size"] == "20gb"
    assert toml["build"]["image"] == "mysql:8.0.40"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("{memory: lots}", "memory is 'lots' (write 512mb or 2gb)"),
        ("{memory: 900gb}", "the largest Machine is performance-16x"),
        ("{size_gb: many}", "params.size_gb 'many' is not a whole number"),
        ("{size_gb: 501}", "params.size_gb 501 is not a whole number"),
    ],
)
def test_params_fly_has_nothing_for_are_refused_where_they_are_asked(
    workspace: Workspace, params: str, words: str
) -> None:
    workspace.workload("web", f"resources:\n  db: {{type: postgres, params: {params}}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2
    assert result.problems[0].startswith("web.score.yaml:7:3: ")
    assert words in result.problems[0]


def test_a_param_nobody_reads_is_told_of(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {db: {type: postgres, params: {storage: 10Gi}}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0
    assert "reads no param 'storage' of resource 'db' (it reads: size_gb, memory, version)" in result.err


def test_managed_postgres_is_taken_from_its_connection_url(workspace: Workspace) -> None:
    names = ("host", "port", "name", "database", "username", "password")
    values = " ".join(f"${{resources.db.{name}}}" for name in names)
    resources = "resources: {db: {type: postgres, class: managed, params: {secret: PG}}}\n"
    workspace.workload("web", f"    variables: {{ALL: '{values}'}}\n{resources}")
    assert workspace.run("validate").code == 0
    url = "postgres://fly%2Dapp:p%40ss-p%40ss@pgbouncer.abc.flympg.net/fly-db"
    result = workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"PG": url}))
    assert result.code == 0, result.err
    assert set(outputs(workspace, "postgres.managed#web.db").values()) == {"***"}
    kept = outputs(workspace, "postgres.managed#web.db", "--reveal").values()
    assert all("not kept in state" in value for value in kept)
    exported = workspace.run("export-secrets", "--rehearse", SCOREFLY_SECRETS=json.dumps({"PG": url}))
    assert "pgbouncer.abc.flympg.net 5432 fly-db fly-db fly-app p@ss-p@ss" in exported.out, exported.err


@pytest.mark.parametrize("url", ["nothing-like-it", "http://[::1", "postgres://host:port/name"])
def test_what_is_no_connection_url_is_refused_without_being_shown(workspace: Workspace, url: str) -> None:
    workspace.workload("web", "resources: {db: {type: postgres, class: managed, params: {secret: PG}}}\n")
    result = workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps({"PG": url}))
    assert result.code == 2
    assert "a URL is wanted" in result.problems[0]
    assert url not in result.err


def test_a_tigris_bucket_is_taken_from_its_keys(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {files: {type: s3, class: tigris, params: {bucket_name: acme-files}}}\n")
    secrets = {"AWS_ACCESS_KEY_ID": "tid_1234", "AWS_SECRET_ACCESS_KEY": "tsec_1234"}
    assert workspace.run("deploy", "--rehearse", SCOREFLY_SECRETS=json.dumps(secrets)).code == 0
    given = outputs(workspace, "s3.tigris#web.files", "--reveal")
    assert "not kept in state" in given["aws_secret_access_key"]
    assert (given["endpoint"], given["region"], given["bucket"]) == (
        "https://fly.storage.tigris.dev",
        "auto",
        "acme-files",
    )


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("{type: postgres, class: managed}", "make one with `fly mpg create`"),
        ("{type: s3, class: tigris}", "make one with `fly storage create`"),
        ("{type: s3, params: {bucket_name: Films}}", "params.bucket_name is made of"),
        ("{type: s3, params: {bucket_name: ../x}}", "params.bucket_name is made of"),
        ("{type: kafka-topic, params: {name: a b}}", "params.name is made of"),
        ("{type: kafka-topic, params: {num_partitions: none}}", "params.num_partitions is a number above 0"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(workspace: Workspace, resource: str, words: str) -> None:
    workspace.workload("web", f"resources: {{it: {resource}}}\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert words in result.problems[0]


def test_names_that_are_asked_for_are_used(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        "resources: {orders: {type: kafka-topic, params: {name: Shop.orders_1, num_partitions: 6}}, "
        "files: {type: s3, params: {bucket_name: shop-files.1}}}\n",
    )
    assert workspace.run("deploy", "--rehearse").code == 0
    topic = outputs(workspace, "kafka-topic.default#web.orders")
    assert (topic["name"], topic["num_partitions"]) == ("Shop.orders_1", 6)
    assert outputs(workspace, "s3.default#web.files")["bucket"] == "shop-files.1"
    assert workspace.toml("shared-kafka")["env"]["TOPICS"] == "Shop.orders_1 6\n\n"


def test_monitor_of_kubernetes_changes_nothing_and_gives_a_warning(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {monitor: {type: service-monitor, params: {port: http}}}\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0
    assert "changes nothing on Fly" in result.err
    assert list(workspace.world["apps"]) == ["web"]


def table(path: Path, heading: str) -> list[list[str]]:
    """The rows of the first table behind a heading, cell by cell."""
    lines = path.read_text(encoding="utf-8").partition(heading)[2].splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([\w-]+)`", cell))


def test_outputs_are_those_other_implementations_declare() -> None:
    rows = table(DATA / "score/declared-outputs.md", "# Outputs")
    declared = {names(row[0]).pop(): names(row[5]) for row in rows}
    given = {
        asked.removeprefix("{type: ").rstrip("}").split(",")[0]: plain | secret
        for asked, plain, secret in RESOURCES.values()
    }
    assert given.keys() <= declared.keys()
    assert not {type_: declared[type_] - found for type_, found in given.items() if declared[type_] - found}


def test_the_documentation_has_every_built_in_resource_with_its_params_and_outputs() -> None:
    rows = {(row[0], row[1]): row for row in table(REPOSITORY / "docs/provisioners.md", "## Built in")}
    specs = [provisioner.spec for provisioner in built_in_provisioners()]
    assert set(rows) == {(f"`{spec.type}`", f"`{spec.class_}`" if spec.class_ else "") for spec in specs}
    for spec in specs:
        row = rows[f"`{spec.type}`", f"`{spec.class_}`" if spec.class_ else ""]
        assert names(row[2]) == set(spec.supported_params or ())
        assert set(spec.expected_outputs) <= names(row[3])


@pytest.mark.parametrize("name", RESOURCES)
def test_the_documentation_has_the_outputs_it_really_gives(revealed: dict[str, dict[str, Any]], name: str) -> None:
    type_, class_ = uid(name).partition("#")[0].split(".")
    rows = {(row[0], row[1]): row for row in table(REPOSITORY / "docs/provisioners.md", "## Built in")}
    cell = rows[f"`{type_}`", "" if class_ == "default" else f"`{class_}`"][3]
    _, plain, secret = RESOURCES[name]
    assert set(revealed[name]) == names(cell)
    assert set(re.findall(r"\*`(\w+)`\*", cell)) == secret
    assert names(cell) - set(re.findall(r"\*`(\w+)`\*", cell)) == plain


REAL = DATA / "score/real"
WITH_SERVERS = (
    "single/astromechza__demo-app__three-databases.yaml",
    "single/score-spec__score-compose__elasticsearch.yaml",
    "single/score-spec__score-compose__kafka-route-named-port.yaml",
    "single/score-spec__score-compose__mssql.yaml",
    "single/score-spec__score-compose__two-s3-unused-second.yaml",
    "apps/voting-app",
)


@pytest.mark.parametrize("path", WITH_SERVERS)
def test_real_score_files_deploy_without_a_provisioner_of_their_own(workspace: Workspace, path: str) -> None:
    source = REAL / path
    for index, file in enumerate(sorted(source.glob("*.yaml")) if source.is_dir() else [source]):
        workspace.write(f"part{index}.score.yaml", file.read_text(encoding="utf-8"))
    result = workspace.run("deploy", "--rehearse", "--images", "registry.example/app:1")
    assert (result.code, result.problems) == (0, [])
    assert "unchanged" in workspace.run("deploy", "--rehearse", "--images", "registry.example/app:1").out

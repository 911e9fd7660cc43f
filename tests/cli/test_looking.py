"""Commands that look: nothing on Fly changes."""

from __future__ import annotations

import json
import stat
import subprocess

import pytest

from workspaces import REPOSITORY, Workspace


def test_init_writes_samples_that_work_and_keeps_what_is_there(workspace: Workspace) -> None:
    workspace.write("scorefly.yaml", "app-prefix: mine-\n")
    result = workspace.run("init")
    assert result.code == 0
    assert "scorefly.yaml is there already" in result.out
    assert (workspace.path / "scorefly.yaml").read_text() == "app-prefix: mine-\n"
    assert (workspace.path / ".github/workflows/scorefly.yml").is_file()
    assert workspace.run("deploy", "--rehearse").code == 0
    assert list(workspace.world["apps"]) == ["mine-hello"]


@pytest.mark.parametrize("example", sorted(path.parent.name for path in REPOSITORY.glob("examples/*/score.yaml")))
def test_every_example_is_valid_and_deploys(workspace: Workspace, example: str) -> None:
    subprocess.run(["cp", "-rT", REPOSITORY / "examples" / example, workspace.path], check=True)
    values = {"SCOREFLY_SECRETS": '{"SMTP_PASSWORD": "s3cret-s3cret"}', "SCOREFLY_VAR_LOG_LEVEL": "debug"}
    assert workspace.run("validate").code == 0
    result = workspace.run("deploy", "--rehearse", **values)
    assert result.code == 0, result.err


def test_validate_needs_neither_secrets_nor_variables_nor_images(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        """\
            variables: {A: "${resources.one.value}", B: "${resources.env.NAME}"}
        resources: {one: {type: secret, params: {name: X}}, env: {type: environment}}
        """,
        image=".",
    )
    before = workspace.tree()
    result = workspace.run("validate")
    assert result.code == 0
    assert "no variable 'NAME' is given" in result.err
    assert workspace.tree() == before


def test_generate_writes_the_same_bytes_every_time(workspace: Workspace) -> None:
    workspace.workload("web", "    variables: {B: b, A: a}\nresources: {cache: {type: redis}}\n")
    workspace.run("generate")
    first = {name: text for name, text in workspace.tree().items() if "/out/" in name}
    workspace.run("generate")
    assert first == {name: text for name, text in workspace.tree().items() if "/out/" in name}
    assert sorted(first) == [".scorefly/out/local/web-cache/fly.toml", ".scorefly/out/local/web/fly.toml"]


def test_files_that_are_no_longer_mounted_leave_the_artefact(workspace: Workspace) -> None:
    workspace.workload("web", "    files: {/etc/a: {content: a}, /etc/b: {content: b}}\n")
    workspace.run("generate")
    workspace.workload("web", "    files: {/etc/b: {content: b}}\n")
    workspace.run("generate")
    assert [name for name in workspace.tree() if "/files/" in name] == [".scorefly/out/local/web/files/etc/b"]


@pytest.mark.parametrize("value", ['it\'s "$HOME" `x`\\', "two\nlines", "it's\ntwo $lines\r", "#!=", " "])
def test_exported_secrets_are_a_file_only_the_owner_reads_and_a_shell_understands(
    workspace: Workspace, value: str
) -> None:
    workspace.workload(
        "web", '    variables: {A: "${resources.one.value}"}\nresources: {one: {type: secret, params: {name: X}}}\n'
    )
    result = workspace.run("export-secrets", "--file", "env", SCOREFLY_SECRETS=json.dumps({"X": value}))
    assert result.code == 0
    assert stat.S_IMODE((workspace.path / "env").stat().st_mode) == 0o600
    shell = subprocess.run(["sh", "-c", '. ./env; printf %s "$A"'], cwd=workspace.path, capture_output=True, check=True)
    assert shell.stdout.decode() == value


def test_provisioners_are_listed_in_the_order_in_which_they_are_asked(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/mine.provisioners.yaml", "- {uri: static://mine/dns, type: dns, outputs: {host: here}}\n"
    )
    lines = workspace.run("provisioners", "list").out.splitlines()
    dns = [line.split()[3] for line in lines if line.startswith("dns ")]
    assert dns == ["static://mine/dns", "template://scorefly/dns"]


def test_the_list_says_which_provisioner_is_never_asked(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/mine.provisioners.yaml",
        """\
        - {uri: static://mine/special, type: dns, class: special, supported_params: [a], expected_outputs: [host], outputs: {host: h}}
        - {uri: static://mine/any, type: dns, description: ours}
        - {uri: static://mine/late, type: dns, id: late}
        """,
    )
    rows = json.loads(workspace.run("provisioners", "list", "--format", "json").out)
    dns = [row for row in rows if row["type"] == "dns"]
    assert dns[0] == {
        "uri": "static://mine/special",
        "type": "dns",
        "class": "special",
        "id": None,
        "description": "",
        "params": ["a"],
        "outputs": ["host"],
        "from": ".scorefly/mine.provisioners.yaml:1:3",
        "hidden_by": None,
    }
    assert [row["hidden_by"] for row in dns[1:]] == [None, "static://mine/any", "static://mine/any"]
    assert (dns[1]["params"], dns[1]["description"]) == (None, "ours")


def test_resources_are_listed_for_programs_too(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}, name: {type: dns}}\n")
    workspace.run("generate")
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    cache, name = json.loads(workspace.run("resources", "list", "--format", "json").out)[::-1]
    assert cache == {
        "uid": "redis.default#web.cache",
        "provisioner": "template://scorefly/redis",
        "workloads": ["web"],
        "provisioned": True,
        "orphaned": False,
        "apps": ["web-cache"],
    }
    assert (name["uid"], name["orphaned"]) == ("dns.default#web.name", True)
    assert "orphaned" in workspace.run("resources", "list").out


def test_the_first_provisioner_that_matches_wins(workspace: Workspace) -> None:
    workspace.write(
        ".scorefly/mine.provisioners.yaml",
        """\
        - {uri: static://mine/special, type: dns, class: special, outputs: {host: special.example}}
        - {uri: static://mine/other, type: dns, id: shared, outputs: {host: shared.example}}
        """,
    )
    workspace.workload(
        "web",
        """\
            variables: {A: "${resources.r1.host}", B: "${resources.r2.host}", C: "${resources.r3.host}"}
        resources: {r1: {type: dns, class: special}, r2: {type: dns, id: shared}, r3: {type: dns}}
        """,
    )
    workspace.run("generate")
    assert workspace.toml("web")["env"] == {"A": "special.example", "B": "shared.example", "C": "web.fly.dev"}


def test_resources_show_what_state_has_and_hide_secrets(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    assert workspace.run("resources", "list").out.splitlines()[1].split()[-1] == "no"
    workspace.run("generate")
    assert workspace.run("resources", "list").out.splitlines()[1].split()[-1] == "yes"
    outputs = json.loads(workspace.run("resources", "outputs", "redis.default#web.cache").out)
    assert outputs == {"host": "web-cache.internal", "password": "***", "port": 6379, "username": "default"}


def test_an_unknown_resource_is_met_with_the_nearest(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    workspace.run("generate")
    result = workspace.run("resources", "outputs", "redis.default#web.cash")
    assert result.code == 2
    assert "did you mean 'redis.default#web.cache'?" in result.err


def test_a_new_key_is_one_that_state_takes(workspace: Workspace) -> None:
    workspace.workload("web")
    key = workspace.run("state", "new-key").out
    assert workspace.run("generate", "--state-key", key).code == 0
    other = workspace.run("generate", SCOREFLY_STATE_KEY=workspace.run("state", "new-key").out)
    assert other.code == 2
    assert "encrypted with another key" in other.err


def test_precedence_is_option_then_environment_then_file_then_default(workspace: Workspace) -> None:
    workspace.workload("web")

    def region(*options: str, **variables: str) -> str:
        workspace.run("generate", *options, **variables)
        return str(workspace.toml("web").get("primary_region", ""))

    assert region() == ""
    workspace.write("scorefly.yaml", "region: ams\n")
    assert region() == "ams"
    assert region(FLY_REGION="cdg") == "cdg"
    assert region("--region", "lhr", FLY_REGION="cdg") == "lhr"


def test_overrides_change_one_score_file(workspace: Workspace) -> None:
    workspace.workload("web", "    variables: {A: a, B: b}\n")
    workspace.write("more.yaml", "containers: {main: {variables: {A: null, C: c}}}\n")
    result = workspace.run(
        "generate",
        "--overrides-file",
        "more.yaml",
        "--override-property",
        "containers.main.variables.D=d",
        "web.score.yaml",
    )
    assert result.code == 0
    assert workspace.toml("web")["env"] == {"B": "b", "C": "c", "D": "d"}


@pytest.mark.parametrize(
    "command", ["generate", "deploy", "validate", "provisioners list", "resources list", "export-secrets"]
)
def test_help_of_every_command_shows_an_option_of_its_own(workspace: Workspace, command: str) -> None:
    result = workspace.run(*command.split(), "--help")
    assert (result.code, "--environment" in result.out) == (0, True)


def test_version(workspace: Workspace) -> None:
    from scorefly import __version__

    assert workspace.run("--version").out == f"scorefly, version {__version__}\n"

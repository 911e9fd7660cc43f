"""The pages for those who come from another tool: their commands, run in order on that tool's files, end in a deploy."""

from __future__ import annotations

import json
import re
import shlex

import yaml

from workspaces import REPOSITORY, Result, Workspace

PASSWORD = "pw-4f1d8a2c9e"


def blocks(page: str, language: str) -> list[str]:
    text = (REPOSITORY / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def walk(workspace: Workspace, page: str) -> Result:
    """Run the first block of commands of a page, in order; the result of the last one."""
    result = None
    for line in blocks(page, "sh")[0].splitlines():
        program, *arguments = shlex.split(line)
        assert program == "scorefly"
        result = workspace.run(*arguments)
        assert result.code == 0, (line, result.err)
    assert result
    return result


def test_score_flyio_keeps_passwords_and_provisioners(workspace: Workspace) -> None:
    workspace.write(
        ".score-flyio/state.yaml",
        yaml.safe_dump(
            {
                "workloads": {
                    "web": {
                        "spec": {
                            "apiVersion": "score.dev/v1b1",
                            "metadata": {"name": "web"},
                            "containers": {"main": {"image": "nginx:1.27"}},
                        },
                        "file": "score.yaml",
                    }
                },
                "resources": {
                    "queue.default#web.jobs": {
                        "guid": "8b1a9953-c461-4e04-8f1f-6d0bbd1a4a3d",
                        "type": "queue",
                        "class": "default",
                        "id": "web.jobs",
                        "metadata": {},
                        "params": {},
                        "source_workload": "web",
                        "provisioner": "queue-by-program",
                        "state": {"password": PASSWORD},
                        "outputs": {"host": "queue.example"},
                    }
                },
                "shared_state": {},
                "app_prefix": "acme-",
                "provisioners": [
                    {
                        "id": "queue-by-program",
                        "resource_type": "queue",
                        "cmd": {"binary": "python3", "args": ["queue.py", "$SCORE_PROVISIONER_MODE"]},
                    },
                    {"id": "zone", "resource_type": "zone", "static": {"name": "acme.example"}},
                ],
            }
        ),
    )
    workspace.write(
        "queue.py",
        """\
        import json, sys
        given = json.load(sys.stdin)
        password = given["state"]["password"]
        json.dump({"state": given["state"], "values": {"host": "queue.example"}, "secrets": {"password": password}}, sys.stdout)
        """,
    )
    workspace.workload(
        "web",
        """\
            variables: {ZONE: "${resources.zone.name}", JOBS: "${resources.jobs.host}"}
        service: {ports: {http: {port: 80}}}
        resources: {zone: {type: zone}, jobs: {type: queue}}
        """,
        file="score.yaml",
    )
    result = walk(workspace, "from-score-flyio.md")
    assert "acme-web" in result.out
    assert PASSWORD not in result.out + result.err
    assert workspace.toml("acme-web")["env"]["ZONE"] == "acme.example"

    # A simulated run calls the program, which gets its state, where its entry says so.
    provisioners = workspace.path / ".scorefly/score-flyio.provisioners.yaml"
    entries = yaml.safe_load(provisioners.read_text())
    entries[0]["rehearse"] = True
    provisioners.write_text(yaml.safe_dump(entries))
    again = workspace.run("deploy", "--rehearse", "--app-prefix", "acme-")
    assert again.code == 0, again.err
    outputs = workspace.run("resources", "get-outputs", "queue.default#web.jobs", "--reveal", "--rehearse")
    assert json.loads(outputs.out)["password"] == PASSWORD, outputs.err


def test_fly_pr_review_apps_ends_in_a_simulated_preview(workspace: Workspace) -> None:
    workspace.write(
        "fly.toml",
        """\
        app = "acme-shop"
        primary_region = "ams"

        [build]
          image = "nginx:1.27"

        [http_service]
          internal_port = 80
          force_https = true
        """,
    )
    result = walk(workspace, "from-fly-pr-review-apps.md")
    assert "acme-shop-pr-7" in result.out
    settings = yaml.safe_load(blocks("from-fly-pr-review-apps.md", "yaml")[1])
    workspace.write("scorefly.yaml", yaml.safe_dump(settings))
    assert workspace.run("validate").code == 0
    variables = yaml.safe_load(blocks("from-fly-pr-review-apps.md", "yaml")[2])["variables"]
    workspace.workload(
        "web", f"    variables: {json.dumps(variables)}\nresources: {{db: {{type: postgres}}}}\n", file="score.yaml"
    )
    deployed = workspace.run("deploy", "--rehearse", "--environment", "pr-8", "--app-suffix=-pr-8")
    assert deployed.code == 0, deployed.err
    assert "acme-web-pr-8" in deployed.out


def test_every_input_of_fly_pr_review_apps_has_a_row() -> None:
    text = (REPOSITORY / "docs/from-fly-pr-review-apps.md").read_text()
    for name in (
        "name",
        "image",
        "config",
        "dockerfile",
        "region",
        "org",
        "path",
        "postgres",
        "update",
        "vm_size",
        "vm_memory",
    ):
        assert re.search(rf"^\| .*`{name}\b.* \|", text, re.MULTILINE), name


def test_a_score_compose_project_deploys_beside_its_old_files(workspace: Workspace) -> None:
    workspace.write(".score-compose/state.yaml", "workloads: {}\nresources: {}\n")
    theirs, ours = blocks("from-score-compose.md", "yaml")
    workspace.write(".score-compose/acme.provisioners.yaml", theirs)
    workspace.write("compose.yaml", "services: {web-main: {image: nginx:1.27}}\n")
    workspace.workload(
        "web",
        """\
            variables: {DB: "${resources.db.host}"}
        service: {ports: {http: {port: 80}}}
        resources: {db: {type: postgres}}
        """,
        file="score.yaml",
    )
    before = workspace.tree()
    result = walk(workspace, "from-score-compose.md")
    assert "acme-web-db" in result.out
    after = workspace.tree()
    assert {name: after[name] for name in before} == before

    workspace.workload(
        "mailer",
        'variables: {QUEUE: "${resources.jobs.url}"}\nresources: {jobs: {type: queue}}\n'.replace(
            "variables", "    variables"
        ),
    )
    workspace.write(".scorefly/acme.provisioners.yaml", theirs)
    refused = workspace.run("validate")
    assert refused.code == 2
    assert "score-compose" in refused.err
    workspace.write(".scorefly/acme.provisioners.yaml", ours)
    deployed = workspace.run("deploy", "--rehearse")
    assert deployed.code == 0, deployed.err
    assert "acme-mailer-jobs" in deployed.out

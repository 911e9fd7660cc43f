"""`convert`: trees of FlyCD become Score files and scorefly.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tree_repositories import tree_workspace
from workspaces import Workspace

APP = """
app: &app shop-web
org: &org acme
primary_region: &region arn
source: {type: local}
env: {ENV: development}
services:
  - internal_port: 80
    protocol: tcp
    auto_stop_machines: true
    auto_start_machines: true
    min_machines_running: 0
    concurrency: {type: requests, soft_limit: 200, hard_limit: 250}
    ports:
      - {handlers: [http], port: 80, force_https: true}
      - {handlers: [tls, http], port: 443}
vm_size: &size shared-cpu-2x
launch_params: [--ha=false, --auto-confirm, --now, --copy-config, --name, *app, --region, *region, --org, *org]
deploy_params: [--ha=false, --vm-size, *size, --strategy, rolling, --no-cache]
"""

EVERYTHING = """
app: shop-api
org: acme
primary_region: arn
extra_regions: [ams]
kill_timeout: 30
source: {type: inline-docker-file, inline: "FROM nginx:1.27\\n"}
machines: {count: 2, count_per_region: {ams: 1}, ram_mb: 1024, cpu_cores: 2, cpu_type: shared}
volumes: [{name: data, size_gb: 10, count: 2}]
mounts: [{source: data, destination: /mnt/data}]
secrets:
  - {name: TOKEN, type: env}
  - {name: DATABASE_URL, type: env, env: API_DATABASE_URL}
network:
  ips: [{v: v4, shared: true}, {v: v6, private: true, network: inner}]
  auto_prune_ips: true
"""


@pytest.fixture
def project(workspace: Workspace) -> dict[str, Any]:
    workspace.write("web/app.yaml", APP)
    workspace.write("web/Dockerfile", "FROM nginx:1.27\n")
    workspace.write("api/app.yaml", EVERYTHING)
    result = workspace.run("convert", ".")
    assert result.code == 0, result.err
    read: dict[str, Any] = yaml.safe_load((workspace.path / "scorefly.yaml").read_text())
    return {"file": read, "err": result.err}


def test_a_tree_converts_and_deploys_in_a_simulation(workspace: Workspace, project: dict[str, Any]) -> None:
    secrets = '{"TOKEN": "t-1-secret-value", "API_DATABASE_URL": "postgres://user:pass@host/db"}'
    result = workspace.run("deploy", "--rehearse", "--secrets", secrets)
    assert result.code == 0, result.err
    assert set(workspace.world["apps"]) == {"shop-web", "shop-api"}
    assert set(workspace.world["apps"]["shop-api"]["secrets"]) == {"TOKEN", "DATABASE_URL"}
    regions = sorted(each["region"] for each in workspace.world["apps"]["shop-api"]["machines"].values())
    assert regions == ["ams", "arn", "arn"]


def test_keys_of_flycd_become_settings_of_the_workload(workspace: Workspace, project: dict[str, Any]) -> None:
    assert project["file"] == {
        "org": "acme",
        "workloads": {
            "shop-web": {"deploy-args": ["--no-cache"]},
            "shop-api": {"regions": {"arn": 2, "ams": 1}},
        },
    }
    api = yaml.safe_load((workspace.path / "api/score.yaml").read_text())
    assert api["metadata"]["annotations"] == {"scorefly/region": "arn", "scorefly/kill-timeout": "30s"}
    assert api["containers"]["main"]["resources"] == {"limits": {"cpu": "2", "memory": "1024Mi"}}
    assert api["containers"]["main"]["variables"] == {
        "TOKEN": "${resources.token.value}",
        "DATABASE_URL": "${resources.database-url.value}",
    }
    assert api["resources"]["data"] == {"type": "volume", "params": {"name": "data", "size_gb": 10}}
    assert (workspace.path / "api/Dockerfile").read_text() == "FROM nginx:1.27\n"
    web = yaml.safe_load((workspace.path / "web/score.yaml").read_text())
    assert web["metadata"]["annotations"]["scorefly/strategy"] == "rolling"
    assert web["containers"]["main"]["resources"]["limits"]["cpu"] == "2"


def test_what_cannot_be_carried_is_named_with_its_place(project: dict[str, Any]) -> None:
    for line in (
        "web/app.yaml:17:1: vm_size left out",
        "api/app.yaml:9:37: volumes.count is left out",
        "`fly ips allocate-v6 --private --network inner -a shop-api`",
        "api/app.yaml:16:3: network.auto_prune_ips is left out",
    ):
        assert line in project["err"]


def test_defaults_overrides_and_substitutions_are_applied(workspace: Workspace) -> None:
    workspace.write(
        "project.yaml",
        """\
        project: shop
        source: {type: local, path: apps}
        common:
          app_defaults: {primary_region: ams, env: {A: default, B: default}, source: {type: local}}
          app_overrides: {env: {C: always}}
          substitutions: {"@(\\\\w+)@": "acme-$1"}
        """,
    )
    workspace.write("apps/web/app.yaml", 'app: "@web@"\nbuild: {image: "nginx:1.27"}\nenv: {B: own, C: own}\n')
    result = workspace.run("convert", ".")
    assert result.code == 0, result.err
    score = yaml.safe_load((workspace.path / "apps/web/score.yaml").read_text())
    assert score["metadata"] == {"name": "acme-web", "annotations": {"scorefly/region": "ams"}}
    assert score["containers"]["main"]["variables"] == {"A": "default", "B": "own", "C": "always"}


def test_apps_and_projects_of_other_repositories_become_sources(workspace: Workspace) -> None:
    source = "source: {type: git, repo: 'https://git.example/acme/web', ref: {branch: main, tag: v1}}\n"
    secrets = "secrets: [{name: TOKEN, type: env, env: WEB_TOKEN}]\n"
    workspace.write("web/app.yaml", f"app: web\nprimary_region: ams\nmerge_cfg: {{all: true}}\n{source}{secrets}")
    workspace.write("web/nginx.conf", "server {}\n")
    workspace.write(
        "more/project.yaml", "project: more\nsource: {type: git, repo: 'git@git.example:acme/more.git', path: deploy}\n"
    )
    result = workspace.run("convert", ".")
    assert result.code == 0, result.err
    assert "more/project.yaml:2:1: project 'more' is in another repository" in result.err
    assert yaml.safe_load((workspace.path / "scorefly.yaml").read_text()) == {
        "workloads": {
            "web": {
                "source": {"repo": "https://git.example/acme/web", "tag": "v1"},
                "score-file": "scorefly.score.yaml",
                "add": {"scorefly.score.yaml": "web/web.workload.yaml", "nginx.conf": "web/nginx.conf"},
                "secrets": ["WEB_TOKEN"],
            }
        },
        "include": [{"source": {"repo": "git@git.example:acme/more.git", "path": "deploy"}}],
    }


def test_an_app_of_another_repository_is_deployed_by_sync(tmp_path: Path) -> None:
    with tree_workspace(tmp_path) as tree:
        url = tree.repositories.url("web")
        tree.repositories.commit("web", {"Dockerfile": "FROM nginx:1.27\n", "index.html": "hello\n"})
        source = f"source: {{type: git, repo: '{url}', ref: {{branch: main}}}}\n"
        services = "services: [{internal_port: 80, protocol: tcp, ports: [{port: 80, handlers: [http]}]}]\n"
        include = "merge_cfg: {include: [nginx.conf]}\n"
        tree.workspace.write("web/app.yaml", f"app: web\nprimary_region: ams\n{source}{services}{include}")
        tree.workspace.write("web/nginx.conf", "server {}\n")
        assert tree.workspace.run("convert", ".").code == 0
        tree.project((tree.workspace.path / "scorefly.yaml").read_text())
        assert tree.statuses() == {"web": "created"}
        assert tree.statuses() == {"web": "unchanged"}
        tree.repositories.commit("web", {"index.html": "good-bye\n"})
        assert tree.statuses() == {"web": "deployed"}
        assert "web: belongs to local already" in tree.sync("web", command="adopt").out


def test_an_app_yaml_comes_before_the_fly_toml_that_it_was_made_of(workspace: Workspace) -> None:
    workspace.write("app.yaml", "app: web\nprimary_region: ams\nsource: {type: local}\nbuild: {image: nginx}\n")
    workspace.write("fly.toml", 'app = "web"\nprimary_region = "cdg"\n')
    assert workspace.run("convert", ".").code == 0
    assert "scorefly/region: ams" in (workspace.path / "score.yaml").read_text()


def test_a_projects_folder_hides_what_is_beside_it_as_in_flycd(workspace: Workspace) -> None:
    for folder in ("projects/a", "b"):
        app = f"app: app-{folder[-1]}\nprimary_region: ams\nsource: {{type: local}}\nbuild: {{image: nginx}}\n"
        workspace.write(f"{folder}/app.yaml", app)
    assert workspace.run("convert", ".").code == 0
    assert [path for path in workspace.tree() if path.endswith("score.yaml")] == ["projects/a/score.yaml"]


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("app: web\nsource: {type: local}\n", "app.yaml:1:1: primary_region is missing"),
        ("app: web\nprimary_region: ams\n", "app.yaml:1:1: source is missing"),
        ("app: web\nprimary_region: ams\nsource: {type: git}\n", "app.yaml:3:1: source.repo is missing"),
        ("app: web\nprimary_region: ams\nsource: {type: svn}\n", "app.yaml:3:10: source.type is 'svn'"),
        (
            "app: web\nprimary_region: ams\nsource: {type: local}\nsecrets: [{name: A, type: raw, raw: s3cret}]\n",
            "app.yaml:4:32: secret 'A' has its value in the file",
        ),
        (
            "app: web\nprimary_region: ams\nsource: {type: local}\nservices: [{internal_port: 0, protocol: tcp}]\n",
            "app.yaml:4:13: services[0].internal_port is 0",
        ),
    ],
)
def test_what_flycd_or_fly_refuses_is_refused_at_its_place(workspace: Workspace, app: str, problem: str) -> None:
    workspace.write("app.yaml", app)
    result = workspace.run("convert", ".")
    assert result.code == 2
    assert problem in result.err
    assert "s3cret" not in result.err
    assert list(workspace.tree()) == ["app.yaml"]


def test_an_app_that_is_there_twice_is_refused(workspace: Workspace) -> None:
    for folder in ("a", "b"):
        workspace.write(f"{folder}/app.yaml", "app: web\nprimary_region: ams\nsource: {type: local}\n")
    result = workspace.run("convert", ".")
    assert result.code == 2
    assert "b/app.yaml:1:1: two apps are called 'web': the other one is a/app.yaml:1:1" in result.err


def test_addresses_and_organizations_of_apps_are_kept(tmp_path: Path) -> None:
    text = "app: {name}\norg: {org}\nprimary_region: ams\nsource: {{type: local}}\nbuild: {{image: nginx}}\n"
    workspace = Workspace(tmp_path)
    workspace.write("web/app.yaml", text.format(name="web", org="acme"))
    ips = "network: {ips: [{v: v4, region: ams}, {v: v6, private: true}]}\n"
    workspace.write("billing/app.yaml", text.format(name="billing", org="finance") + ips)
    result = workspace.run("convert", ".")
    assert result.code == 0, result.err
    assert yaml.safe_load((tmp_path / "scorefly.yaml").read_text())["workloads"] == {
        "web": {"org": "acme"},
        "billing": {"org": "finance", "addresses": [{"type": "v4", "region": "ams"}, {"type": "private_v6"}]},
    }
    result = workspace.run("sync", "--rehearse")
    assert result.code == 0, result.err

"""`convert`: fly.ENVIRONMENT.toml files beside each other are one workload, with what differs by environment."""

from __future__ import annotations

import tomllib

import pytest

from scorefly.unconvert.meaning import meaning
from scorefly.unconvert.reading import read_as_flyctl
from workspaces import Workspace

PRODUCTION = """
app = "shop"
primary_region = "ams"
build.image = "nginx:1.27"

[env]
  MODE = "production"
  ONLY = "here"

[http_service]
  internal_port = 8080
  force_https = true
  auto_stop_machines = "off"
  auto_start_machines = true
  min_machines_running = 2

[[vm]]
  size = "performance-2x"

[checks.up]
  type = "tcp"
  port = 8080
"""

STAGING = """
app = "shop-staging"
primary_region = "cdg"
build.image = "nginx:1.28"

[env]
  MODE = "staging"

[http_service]
  internal_port = 8080
  auto_stop_machines = "stop"
  auto_start_machines = true
  [[http_service.checks]]
    path = "/"

[[vm]]
  memory = "512mb"

[checks.other]
  type = "tcp"
  port = 9090
"""


def same(workspace: Workspace, app: str, environment: str, text: str) -> None:
    result = workspace.run("generate", "--environment", environment)
    assert result.code == 0, result.err
    generated = workspace.toml(app, environment)
    assert meaning(generated) == meaning({**read_as_flyctl(tomllib.loads(text)).document, "app": app})


@pytest.mark.parametrize("base", ["fly.toml", "fly.production.toml"])
def test_each_environment_gets_its_own_fly_toml_back(workspace: Workspace, base: str) -> None:
    workspace.write(base, PRODUCTION)
    workspace.write("fly.staging.toml", STAGING)
    converted = workspace.run("convert", ".")
    assert converted.code == 0, converted.err
    assert "  scorefly adopt shop --environment production\n" in converted.out
    assert "  scorefly adopt shop-staging --environment staging\n" in converted.out
    assert [path for path in workspace.tree() if path.endswith("score.yaml")] == ["score.yaml"]
    same(workspace, "shop-staging", "staging", STAGING)
    same(workspace, "shop", "production", PRODUCTION)


def test_two_environments_without_a_common_file_share_a_workload_name(workspace: Workspace) -> None:
    workspace.write("fly.prod.toml", PRODUCTION.replace('"shop"', '"shop-prod"'))
    workspace.write("fly.dev.toml", STAGING.replace("shop-staging", "shop-dev"))
    assert workspace.run("convert", ".").code == 0
    assert "name: shop\n" in (workspace.path / "score.yaml").read_text()
    same(workspace, "shop-prod", "prod", PRODUCTION)
    same(workspace, "shop-dev", "dev", STAGING)


def test_other_apps_beside_each_other_are_workloads_of_their_own(workspace: Workspace) -> None:
    for name in ("web", "worker"):
        workspace.write(f"fly.{name}.toml", f'app = "acme-{name}"\nbuild.image = "nginx:1.27"\n')
    assert workspace.run("convert", ".").code == 0
    assert {path for path in workspace.tree() if path.endswith("score.yaml")} == {
        "acme-web.score.yaml",
        "acme-worker.score.yaml",
    }
    assert workspace.run("generate").code == 0


def test_files_of_other_environments_that_are_left_out_are_named(workspace: Workspace) -> None:
    workspace.write("fly.toml", PRODUCTION)
    workspace.write("fly.staging.toml", STAGING)
    result = workspace.run("convert", "fly.toml")
    assert result.code == 0
    assert "fly.toml:1:1: fly.staging.toml beside it is not converted (convert the folder)" in result.err


def test_the_app_of_an_environment_is_adopted_by_its_own_name(workspace: Workspace) -> None:
    workspace.write("fly.toml", PRODUCTION)
    workspace.write("fly.staging.toml", STAGING)
    workspace.run("convert", ".")
    result = workspace.run("adopt", "shop", "--rehearse", "--environment", "staging")
    assert "no Score file describes the app 'shop' in staging (did you mean 'shop-staging'?)" in result.err
    workspace.run("deploy", "--rehearse", "--environment", "staging")
    result = workspace.run("adopt", "shop-staging", "--rehearse", "--environment", "staging")
    assert (result.code, result.out.splitlines()[0]) == (0, "shop-staging: belongs to staging already")


def test_a_file_without_an_app_is_named_after_its_folder(workspace: Workspace) -> None:
    workspace.write("api/fly.toml", 'build.image = "nginx:1.27"\n')
    workspace.write("x/fly.toml", 'app = "x"\nbuild.image = "nginx:1.27"\n')
    assert workspace.run("convert", ".").code == 0
    assert workspace.run("generate").code == 0
    assert workspace.toml("api")["app"] == "api"
    assert workspace.toml("x")["app"] == "x"

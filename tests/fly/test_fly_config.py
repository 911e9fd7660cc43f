"""fly.toml, names, and flyctl's command line, as data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.fly.app import App, Build, VolumeClaim
from scorefly.fly.config import dump
from scorefly.fly.flyctl_arguments import DeployOptions, build_arguments, deploy_arguments
from scorefly.fly.flyctl_failures import explain
from scorefly.fly.names import app_name_problem, resource_app_name, secret_name_problem, volume_name_problem

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
values = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(texts, max_size=3)
tables = st.recursive(
    st.dictionaries(texts, values, max_size=3),
    lambda inner: st.dictionaries(texts, values | inner | st.lists(inner, min_size=1, max_size=2), max_size=3),
    max_leaves=8,
)


@given(tables)
def test_every_value_comes_back_byte_for_byte(config: dict[str, Any]) -> None:
    assert tomllib.loads(dump(config)) == config


@given(st.dictionaries(texts, texts, max_size=5))
def test_the_order_of_variables_does_not_matter(env: dict[str, str]) -> None:
    assert dump({"env": env}) == dump({"env": dict(reversed(env.items()))})


def test_it_reads_as_people_write_it() -> None:
    config = {
        "vm": [{"size": "shared-cpu-1x"}],
        "http_service": {"internal_port": 80, "checks": [{"path": "/", "headers": {"A": "b"}}]},
        "env": {"B": "2", "A": "1"},
        "app": "web",
        "checks": {"live": {"type": "tcp"}},
    }
    assert dump(config, "from here") == (
        '# from here\napp = "web"\n\n[env]\nA = "1"\nB = "2"\n\n[http_service]\ninternal_port = 80\n\n'
        '[[http_service.checks]]\npath = "/"\n\n[http_service.checks.headers]\nA = "b"\n\n'
        '[checks.live]\ntype = "tcp"\n\n[[vm]]\nsize = "shared-cpu-1x"\n'
    )


def app(**changes: Any) -> App:
    return App(**{"name": "web", "owner": "web", "config": {}, "image": "nginx:1", "size": "", **changes})


def test_the_command_line_of_an_image() -> None:
    options = DeployOptions(wait_timeout=90, ha=False, strategy="canary", extra=("--vm-gpus", "1"))
    assert deploy_arguments(app(region="ams"), "/a/fly.toml", options) == (
        "deploy", "--config", "/a/fly.toml", "--app", "web", "--yes", "--image", "nginx:1", "--primary-region", "ams",
        "--ha=false", "--strategy", "canary", "--wait-timeout", "90s", "--no-public-ips", "--deploy-retries", "0",
        "--dns-checks=false", "--vm-gpus", "1",
    )  # fmt: skip


@pytest.mark.parametrize("strategy", ["canary", "bluegreen", "rolling", "immediate"])
def test_an_app_with_a_volume_is_not_deployed_by_a_strategy_flyctl_refuses(strategy: str) -> None:
    command = deploy_arguments(app(volumes=(VolumeClaim("data", 1),)), "f", DeployOptions(strategy=strategy))
    used = command[command.index("--strategy") + 1]
    assert used == ("immediate" if strategy == "immediate" else "rolling")


def test_the_command_line_of_a_build() -> None:
    build = Build("web", "web/docker/Dockerfile")
    options = DeployOptions(build_args={"A": "b c"}, extra=("--max-unavailable", "1", "--no-cache"))
    assert build_arguments(app(), build, "/a/fly.toml", Path("/w/web"), "scorefly-1", options) == (
        "deploy", "--config", "/a/fly.toml", "--app", "web", "--yes", "--build-only", "--push", "--remote-only",
        "--dockerfile", "/w/web/docker/Dockerfile", "--build-arg", "A=b c", "--image-label", "scorefly-1", "--no-cache",
    )  # fmt: skip


def test_the_command_line_of_a_stated_build_leaves_the_dockerfile_to_fly_toml() -> None:
    options = DeployOptions(build_args={"A": "b c"}, extra=("--image-label=own",))
    command = build_arguments(app(), Build("web", "Dockerfile", stated=True), "f", Path("/w/web"), "x", options)
    assert not {"--dockerfile", "--build-arg", "--image-label"} & set(command)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Error: timeout reached waiting for health checks to pass for machine 1", "did not become healthy in time"),
        ("Error: smoke checks for 1 failed: the app appears to be crashing", "keeps crashing"),
        ('Error: could not find image "x"', "cannot find the image"),
        ("Error: failed to get lease on VM 1: lease currently held by x", "another deploy of the app is under way"),
        ("Error: failed to launch VM: insufficient resources", "no room in this region"),
        ("Error: something (status 401)", "token is not accepted"),
        ("Error: nobody has seen this before", "flyctl ended with 1: Error: nobody has seen this before"),
    ],
)
def test_failures_of_flyctl_are_told_apart(line: str, words: str) -> None:
    assert words in str(explain("web", 1, ["==> Verifying", line, ""]))


@given(st.text(max_size=70))
def test_app_names_are_labels(name: str) -> None:
    import re

    assert (app_name_problem(name) is None) == bool(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name))


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,80}[a-z0-9]", fullmatch=True),
)
def test_names_of_resource_apps_are_always_names(prefix: str, stem: str) -> None:
    name = resource_app_name(prefix, stem, "")
    assert app_name_problem(name) is None
    assert name == resource_app_name(prefix, stem, "")


def test_names_that_are_cut_stay_apart() -> None:
    assert resource_app_name("", "x" * 80 + "1", "") != resource_app_name("", "x" * 80 + "2", "")


@pytest.mark.parametrize("name", ["", "A", "a-b", "x" * 31, "ä", "a\n"])
def test_volume_names_that_fly_refuses(name: str) -> None:
    assert volume_name_problem(name) is not None


@pytest.mark.parametrize("name", ["", "1A", "A-B", "Ä", "A\n", "A=B"])
def test_secret_names_that_no_environment_holds(name: str) -> None:
    assert secret_name_problem(name) is not None

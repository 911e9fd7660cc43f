"""The arguments of flyctl: to build an image, and to deploy an app."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from scorefly.fly.app import App, Build
from scorefly.fly.deploy_flags import build_flags
from scorefly.fly.strategy import effective_strategy


class DeployOptions(Struct, frozen=True):
    """The options of a deploy that a user can choose. Times are seconds.

    `attempt_timeout` is how long flyctl may go on without output; 0 means that output does not matter.
    """

    wait_timeout: float = 300.0
    attempt_timeout: float = 0.0
    ha: bool | None = None
    strategy: str = ""
    extra: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)


def build_arguments(
    app: App, build: Build, fly_toml: str, folder: Path, label: str, options: DeployOptions
) -> tuple[str, ...]:
    """Return flyctl's arguments to build and push an image, running in the context `folder`. Nothing of them is secret.

    A Dockerfile is passed as an absolute path where fly.toml names none: flyctl would take that one first.
    """
    command = ["deploy", "--config", fly_toml, "--app", app.name, "--yes", "--build-only", "--push", "--remote-only"]
    if not build.stated:
        command += ["--dockerfile", str(folder / build.dockerfile_in_context), *_build_args(options.build_args)]
    elif build.container and not build.builder:
        dockerfile = os.path.normpath(folder / build.dockerfile_in_context)
        command += ["--dockerfile", dockerfile, *_build_args(dict(build.args))]
        command += ["--build-target", build.target] if build.target else []
    flags = build_flags((*options.extra, *app.deploy_args))
    if not any(each.partition("=")[0] == "--image-label" for each in flags):
        command += ["--image-label", label]
    return (*command, *flags)


def deploy_arguments(app: App, fly_toml: str, options: DeployOptions) -> tuple[str, ...]:
    """Return flyctl's arguments to deploy an app from its fly.toml. Nothing of them is secret."""
    command = ["deploy", "--config", fly_toml, "--app", app.name, "--yes", "--image", str(app.image)]
    if app.region:
        command += ["--primary-region", app.region]
    # Where the number of Machines is stated, all but the first are created after the deploy.
    ha = False if app.counts else options.ha
    if ha is not None:
        command.append(f"--ha={str(ha).lower()}")
    if strategy := effective_strategy(options.strategy, has_volumes=bool(app.volumes)):
        command += ["--strategy", strategy]
    command += ["--wait-timeout", f"{options.wait_timeout:.0f}s"]
    # Addresses are allocated before; retries of flyctl's own would be another code path, which no one checks.
    command += ["--no-public-ips", "--deploy-retries", "0", "--dns-checks=false"]
    return (*command, *options.extra, *app.deploy_args)


def _build_args(arguments: Mapping[str, str]) -> list[str]:
    return [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]

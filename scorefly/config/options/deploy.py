"""Options of how apps are deployed: tokens, artefacts, Machines, certificates and builds."""

from __future__ import annotations

from scorefly.config.option import Option
from scorefly.config.options.commands import CONVERTING, DEPLOYING, FLY, PLANNING, ROLLING, STATEFUL, UPGRADE

DEPLOY_OPTIONS: tuple[Option, ...] = (
    Option(
        "fly-api-token", "text", "Fly API token.", variables=("FLY_API_TOKEN",), private=True, group="Fly", commands=FLY
    ),
    Option(
        "github-token",
        "text",
        "GitHub token for state on git, comments and deployments.",
        variables=("GITHUB_TOKEN",),
        private=True,
        group="GitHub",
        commands=STATEFUL,
    ),
    Option(
        "artefacts",
        "text",
        "Folder for the artefacts.",
        ".scorefly/out",
        group="Output",
        flags=("--output", "-o"),
        commands=("sync", "generate", *ROLLING, UPGRADE),
    ),
    Option(
        "max-parallel",
        "count",
        "How many apps to deploy at the same time.",
        "4",
        group="Fly",
        commands=(*DEPLOYING, "cleanup", "destroy", "rollback", UPGRADE),
    ),
    Option(
        "wait-timeout",
        "duration",
        "How long to wait for each app to become healthy, e.g. 90s or 5m.",
        "5m",
        group="Fly",
        commands=(*DEPLOYING, "rollback", UPGRADE),
    ),
    Option(
        "ha",
        "optional_flag",
        "Create spare Machines for availability. Fly's default if not set.",
        group="Fly",
        commands=ROLLING,
    ),
    Option(
        "auto-stop",
        "choice",
        "What Fly does with idle public Machines: off, stop or suspend. Default: off, in previews stop.",
        choices=("off", "stop", "suspend"),
        group="Fly",
        commands=CONVERTING,
    ),
    Option(
        "isolate-previews",
        "flag",
        "Create the apps of a new preview in a private network of their own.",
        "true",
        commands=("plan", *DEPLOYING),
    ),
    Option(
        "certificates",
        "choice",
        "Certificates for custom hosts of routes and dns: auto (not in previews), always, never.",
        "auto",
        choices=("auto", "always", "never"),
        group="Fly",
        commands=CONVERTING,
    ),
    Option(
        "wait-for-certificates",
        "flag",
        "Wait up to wait-timeout until the certificates of custom hosts are active.",
        "false",
        group="Fly",
        commands=DEPLOYING,
    ),
    Option(
        "strategy",
        "choice",
        "How Machines are replaced. Fly's default if not set. With a volume, canary and bluegreen become rolling.",
        choices=("rolling", "immediate", "canary", "bluegreen"),
        group="Fly",
        commands=(*CONVERTING, "rollback"),
    ),
    Option(
        "deploy-args",
        "lines",
        "Additional flags for `flyctl deploy`, one per line. Flags that scorefly sets itself are refused.",
        group="Fly",
        commands=ROLLING,
    ),
    Option(
        "build-args",
        "pairs",
        "Lines NAME=VALUE for images built from a Dockerfile.",
        group="Fly",
        commands=("validate", *PLANNING),
    ),
    Option(
        "builder",
        "choice",
        "Where images are built: depot (Fly's builder, through flyctl) or docker (docker buildx on this machine).",
        "depot",
        choices=("depot", "docker"),
        group="Fly",
        commands=PLANNING,
    ),
    Option(
        "build-secrets",
        "pairs",
        "Lines NAME=VALUE, secret, for images built from a Dockerfile. Needs builder: docker.",
        private=True,
        group="Fly",
        commands=("validate", *PLANNING),
    ),
    Option(
        "build-secret-files",
        "pairs",
        "Lines NAME=PATH of files whose content is a build secret. Needs builder: docker.",
        private=True,
        group="Fly",
        commands=("validate", *PLANNING),
    ),
)

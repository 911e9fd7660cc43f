"""The options: one table from which the CLI, the Action's inputs, `scorefly.yaml` and the docs come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",
    "flag",
    "count",
    "duration",
    "lines",
    "pairs",
    "json",
    "images",
    "choice",
    "words",
    "optional_flag",
]


@dataclass(frozen=True, slots=True)
class Option:
    """One option or input.

    `default` is the text the contract's table shows and what is used when nobody says otherwise; `cli_default`
    differs only where the contract says so. `variables` are environment variables that may give it, beside
    SCOREFLY_<NAME>. A `private` one may not stand in `scorefly.yaml`.
    """

    name: str
    kind: Kind
    help: str
    default: str = ""
    cli_default: str | None = None
    variables: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    private: bool = False
    commands: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """Its name in Settings."""
        return self.name.replace("-", "_")

    @property
    def all_variables(self) -> tuple[str, ...]:
        """The environment variables asked, in order."""
        return (f"SCOREFLY_{self.field.upper()}", *self.variables)


DEPROVISION = "resources deprovision"
LOADING = (
    "sync",
    "repos",
    "validate",
    "generate",
    "plan",
    "deploy",
    "preview",
    "export-secrets",
    "remove-unused-secrets",
    "resources list",
    "resources outputs",
    "provisioners list",
    "cleanup",
    "destroy",
)
STATE = ("state show", "state unlock", "state rotate-key", "state rebind", "state import", "resources move")
CONVERTING = ("sync", "generate", "plan", "deploy", "preview", "export-secrets", "remove-unused-secrets", "validate")
FLY = ("sync", "deploy", "plan", "preview", "cleanup", "destroy", "remove-unused-secrets", DEPROVISION, "state import")
DEPLOYING = ("sync", "deploy", "preview")
STATEFUL = (
    *CONVERTING,
    "resources list",
    "resources outputs",
    DEPROVISION,
    *STATE,
    "cleanup",
    "destroy",
)
OPTIONS: tuple[Option, ...] = (
    Option(
        "score-files",
        "lines",
        "Score files: paths or globs, relative to the workspace, one a line.",
        "score.yaml and *.score.yaml in any folder",
        commands=LOADING,
    ),
    Option(
        "config",
        "text",
        "Project file; one that is named must exist.",
        "scorefly.yaml",
        private=True,
        commands=(*LOADING, *STATE, DEPROVISION),
    ),
    Option(
        "environment",
        "text",
        "Names the state, and what provisioners see.",
        "production",
        cli_default="local",
        commands=(*LOADING, *STATE, DEPROVISION),
    ),
    Option(
        "org",
        "text",
        "Fly organization slug; `personal` is yours alone.",
        "personal",
        variables=("FLY_ORG",),
        commands=FLY,
    ),
    Option("region", "text", "Primary region, such as ams.", variables=("FLY_REGION",), commands=CONVERTING),
    Option(
        "app-prefix",
        "text",
        "Put before the workload name, to make the globally unique Fly app name.",
        commands=LOADING,
    ),
    Option("app-suffix", "text", "Put behind the workload name.", commands=LOADING),
    Option(
        "images",
        "images",
        "One reference for every container whose image is `.`, or lines workload=ref or workload.container=ref.",
        commands=CONVERTING,
    ),
    Option("overrides-file", "text", "A Score fragment merged into the Score file.", commands=LOADING),
    Option(
        "override-property",
        "lines",
        "Lines path=value that change the Score file; `path=` removes.",
        commands=LOADING,
    ),
    Option(
        "secrets",
        "json",
        "JSON object of GitHub secrets, each listed by name; 131,071 bytes at most in the Action.",
        private=True,
        commands=(*CONVERTING, DEPROVISION),
    ),
    Option(
        "variables",
        "json",
        "JSON object of GitHub variables, as toJSON(vars) gives it.",
        commands=(*CONVERTING, DEPROVISION),
    ),
    Option(
        "provisioners",
        "lines",
        "Provisioner files, or pinned uris of them; the first match wins, before the built-in ones.",
        ".scorefly/*.provisioners.yaml",
        commands=(*LOADING, DEPROVISION),
    ),
    Option(
        "state",
        "text",
        "Where state is kept: git, file or file:PATH.",
        "git",
        cli_default="file",
        commands=STATEFUL,
    ),
    Option(
        "state-key",
        "text",
        "Fernet key(s) that encrypt the state, one a line; the first one encrypts.",
        variables=(),
        private=True,
        commands=STATEFUL,
    ),
    Option(
        "new-state",
        "flag",
        "Go on with a state that does not know the environment's running apps: databases get new passwords.",
        "false",
        private=True,
        commands=("plan", *DEPLOYING, "cleanup", "destroy", "remove-unused-secrets"),
    ),
    Option(
        "lock-timeout",
        "duration",
        "How long to wait for another run of the environment, such as 90s or 5m.",
        "5m",
        commands=(
            *CONVERTING,
            *("state rotate-key", "state rebind", "state import", "resources move", "cleanup", "destroy"),
        ),
    ),
    Option("fly-api-token", "text", "Fly API token.", variables=("FLY_API_TOKEN",), private=True, commands=FLY),
    Option(
        "github-token",
        "text",
        "GitHub token, for the state ref, comments and deployments.",
        variables=("GITHUB_TOKEN",),
        private=True,
        commands=STATEFUL,
    ),
    Option(
        "artefacts",
        "text",
        "Folder for artefacts.",
        ".scorefly/out",
        commands=("sync", "generate", "plan", "deploy", "preview"),
    ),
    Option("max-parallel", "count", "Apps deployed at a time.", "4", commands=DEPLOYING),
    Option(
        "wait-timeout",
        "duration",
        "For one app to become healthy, such as 90s or 5m.",
        "5m",
        commands=DEPLOYING,
    ),
    Option("ha", "optional_flag", "Spare Machines; Fly's default when not given.", commands=DEPLOYING),
    Option(
        "auto-stop",
        "choice",
        "What Fly does with public Machines nobody asks for; off when not given, stop in previews.",
        choices=("off", "stop", "suspend"),
        commands=CONVERTING,
    ),
    Option(
        "strategy",
        "choice",
        "How Machines are replaced; Fly's default when not given. Apps with a volume roll for canary and bluegreen.",
        choices=("rolling", "immediate", "canary", "bluegreen"),
        commands=DEPLOYING,
    ),
    Option(
        "deploy-args",
        "lines",
        "Further flags for flyctl deploy, one per line; those that scorefly decides are refused.",
        commands=DEPLOYING,
    ),
    Option("build-args", "pairs", "Lines NAME=VALUE for images built from a Dockerfile.", commands=DEPLOYING),
    Option(
        "build-secrets",
        "pairs",
        "Lines NAME=VALUE, secret, for images built from a Dockerfile.",
        private=True,
        commands=DEPLOYING,
    ),
    Option(
        "unused-secrets",
        "choice",
        "Removed after a deploy: managed (set by scorefly, no longer wanted), all (anything not wanted), keep (none).",
        "managed",
        choices=("managed", "all", "keep"),
        commands=("plan", *DEPLOYING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "keep-secrets",
        "lines",
        "Globs of secret names that are never removed.",
        commands=("plan", *DEPLOYING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "preview-ttl",
        "duration",
        "For cleanup: destroy previews idle longer than this, such as 14d.",
        commands=("cleanup",),
    ),
    Option(
        "cleanup",
        "words",
        "Which parts cleanup does.",
        "secrets,previews,resources",
        choices=("secrets", "previews", "resources", "volumes"),
        commands=("cleanup",),
    ),
    Option(
        "comment",
        "flag",
        "Keep one comment on the pull request up to date (plan, preview).",
        "true",
        commands=("plan", "preview"),
    ),
    Option(
        "allow-forks",
        "flag",
        "Deploy pull requests from forks too: their code runs with the secrets that are given here.",
        "false",
        private=True,
        commands=("preview",),
    ),
    Option(
        "subtrees",
        "lines",
        "For sync: projects, environments, units (PROJECT.ENVIRONMENT) or folders, one per line. Default: all.",
        private=True,
        commands=(),
    ),
    Option(
        "prune",
        "flag",
        "Destroy the apps of workloads that were removed from the tree; their volumes are kept.",
        "false",
        commands=("sync",),
    ),
    Option(
        "prune-limit",
        "count",
        "The largest share of a unit's apps that one sync may destroy, in percent; one app is always allowed.",
        "33",
        commands=("sync",),
    ),
    Option(
        "source-cache",
        "text",
        "Folder for copies of the repositories of workloads, kept between runs. Default: below ~/.cache.",
        commands=("sync", "plan", "validate", "repos"),
    ),
    Option(
        "unsupported",
        "choice",
        "What a Score feature that Fly cannot give means.",
        "error",
        choices=("error", "warn"),
        commands=CONVERTING,
    ),
    Option("force", "flag", "Deploy even what has not changed.", "false", commands=("plan", *DEPLOYING)),
    Option(
        "replace",
        "lines",
        "Uids of resources that hold data and may be replaced by empty ones, one per line. The old data stays.",
        private=True,
        commands=("generate", "plan", *DEPLOYING),
    ),
    Option(
        "dry-run",
        "flag",
        "Say what would be done.",
        "false",
        commands=("sync", "deploy", "cleanup", "destroy", "remove-unused-secrets", "preview"),
    ),
    Option(
        "rehearse",
        "flag",
        "Do everything against the embedded rehearsal of Fly: no token, no network.",
        "false",
        commands=(*CONVERTING, *STATE, "resources list", "cleanup", "destroy", DEPROVISION),
    ),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}

"""The options: one table from which the CLI, the Action's inputs, `scorefly.yaml` and the docs come."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.config.option import Option

# Commands by what they do; an option lists the commands that use it, and the others refuse it.
DEPROVISION = "resources deprovision"
CONVERTING = (
    *("sync", "validate", "generate", "plan", "deploy", "preview"),
    *("export-secrets", "remove-unused-secrets", "cleanup"),
)
LOADING = (*CONVERTING, "resources list", "adopt")
TREE = ("repos", "pin")
AFTER = ("status", "logs", "open", "history", "rollback", "doctor")
STATE = ("state show", "state unlock", "state rotate-key", "state rebind", "state import", "resources move")
FLY = (
    *("sync", "deploy", "plan", "preview", "cleanup", "destroy", "remove-unused-secrets"),
    *(DEPROVISION, "state import", "adopt", *AFTER),
)
DEPLOYING = ("sync", "deploy", "preview")
PLANNING = ("plan", *DEPLOYING)
ROLLING = (*PLANNING, "rollback")
REMOVING = ("destroy", DEPROVISION)
STATEFUL = (*LOADING, *TREE, "resources outputs", *REMOVING, *STATE, *AFTER)
ALL = (*STATEFUL, "provisioners list")
OPTIONS: tuple[Option, ...] = (
    Option(
        "score-files",
        "lines",
        "Score files: paths or globs relative to the workspace, one per line.",
        "score.yaml and *.score.yaml in any folder",
        group="Input",
        flags=("--file", "-f"),
        commands=LOADING,
    ),
    Option(
        "config",
        "text",
        "Project file. It must exist if you name one.",
        "scorefly.yaml",
        private=True,
        group="Input",
        commands=ALL,
    ),
    Option(
        "environment",
        "text",
        "Environment name. Selects its state and its section in scorefly.yaml; passed to provisioners.",
        "production",
        cli_default="local",
        group="Environment",
        commands=ALL,
    ),
    Option(
        "org",
        "text",
        "Fly organization (slug). Use `personal` for your own.",
        "personal",
        variables=("FLY_ORG",),
        group="Fly",
        commands=FLY,
    ),
    Option("region", "text", "Primary region, e.g. ams.", variables=("FLY_REGION",), group="Fly", commands=CONVERTING),
    Option(
        "app-prefix",
        "text",
        "Prepended to the workload name to make the globally unique Fly app name.",
        group="Environment",
        commands=(*LOADING, "destroy"),
    ),
    Option("app-suffix", "text", "Appended to the workload name.", group="Environment", commands=(*LOADING, "destroy")),
    Option(
        "images",
        "images",
        "Image for every container whose image is `.`, or lines workload=image or workload.container=image.",
        group="Input",
        flags=("--image", "-i"),
        commands=CONVERTING,
    ),
    Option(
        "images-from",
        "text",
        "Environment whose deployed images, by digest, are used for containers whose image is `.`.",
        group="Input",
        commands=CONVERTING,
    ),
    Option(
        "build",
        "builds",
        "Lines [WORKLOAD.]CONTAINER=PATH or CONTAINER=JSON: build context of a container whose image is `.`, or a JSON "
        "object with context, dockerfile, target, args, builder and buildpacks.",
        group="Input",
        commands=CONVERTING,
    ),
    Option(
        "overrides-file", "text", "Score fragment that is merged into the Score file.", group="Input", commands=LOADING
    ),
    Option(
        "override-property",
        "lines",
        "Lines path=value that change the Score file; `path=` removes the property.",
        group="Input",
        commands=LOADING,
    ),
    Option(
        "secrets",
        "json",
        "JSON object of secrets by name. List each one; at most 131,071 bytes in the Action.",
        private=True,
        group="Input",
        commands=(*CONVERTING, *REMOVING, *TREE),
    ),
    Option(
        "variables",
        "json",
        "JSON object of variables by name, as toJSON(vars) writes it.",
        group="Input",
        commands=(*CONVERTING, *REMOVING, *TREE),
    ),
    Option(
        "provisioners",
        "lines",
        "Provisioner files or pinned URIs. The first match wins, before the built-in provisioners.",
        ".scorefly/*.provisioners.yaml",
        group="Input",
        commands=(*LOADING, *REMOVING, "provisioners list"),
    ),
    Option(
        "state",
        "text",
        "Where state is stored: git, file or file:PATH.",
        "git",
        cli_default="file",
        group="State",
        commands=STATEFUL,
    ),
    Option(
        "state-key",
        "text",
        "Fernet keys that encrypt the state, one per line. The first one encrypts.",
        variables=(),
        private=True,
        group="State",
        commands=STATEFUL,
    ),
    Option(
        "new-state",
        "flag",
        "Start with new state although apps of this environment run. Databases get new passwords.",
        "false",
        private=True,
        group="State",
        commands=(*PLANNING, "cleanup", "destroy", "remove-unused-secrets"),
    ),
    Option(
        "lock-timeout",
        "duration",
        "How long to wait for another run of the same environment, e.g. 90s or 5m.",
        "5m",
        group="State",
        commands=(*CONVERTING, *REMOVING, *STATE[2:], "rollback"),
    ),
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
        commands=("sync", "generate", *ROLLING),
    ),
    Option(
        "max-parallel",
        "count",
        "How many apps to deploy at the same time.",
        "4",
        group="Fly",
        commands=(*DEPLOYING, "cleanup", "destroy", "rollback"),
    ),
    Option(
        "wait-timeout",
        "duration",
        "How long to wait for each app to become healthy, e.g. 90s or 5m.",
        "5m",
        group="Fly",
        commands=(*DEPLOYING, "rollback"),
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
        "build-args", "pairs", "Lines NAME=VALUE for images built from a Dockerfile.", group="Fly", commands=PLANNING
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
        commands=PLANNING,
    ),
    Option(
        "unused-secrets",
        "choice",
        "Which unused secrets to remove from Fly: managed (set by scorefly), all or keep.",
        "managed",
        choices=("managed", "all", "keep"),
        group="Cleanup",
        commands=(*PLANNING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "keep-secrets",
        "lines",
        "Globs of secret names that are never removed.",
        group="Cleanup",
        commands=(*PLANNING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "preview-ttl",
        "duration",
        "Destroy previews that were idle for longer than this, e.g. 14d.",
        group="Cleanup",
        commands=("cleanup",),
    ),
    Option(
        "cleanup",
        "words",
        "Which parts cleanup does.",
        "secrets,previews,resources",
        choices=("secrets", "previews", "resources", "volumes"),
        group="Cleanup",
        commands=("cleanup",),
    ),
    Option(
        "comment",
        "flag",
        "Keep one comment on the pull request up to date (plan, preview).",
        "true",
        group="GitHub",
        commands=("plan", "preview"),
    ),
    Option(
        "allow-forks",
        "flag",
        "Deploy pull requests from forks too. Their code runs with the secrets given here.",
        "false",
        private=True,
        group="GitHub",
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
        commands=("sync", "plan", "validate", *TREE),
    ),
    Option(
        "unsupported",
        "choice",
        "How to treat Score features that Fly does not support: error or warn.",
        "error",
        choices=("error", "warn"),
        group="Input",
        commands=CONVERTING,
    ),
    Option("force", "flag", "Deploy unchanged apps too.", "false", commands=ROLLING),
    Option(
        "replace",
        "lines",
        "UIDs of resources with data that may be replaced by empty ones, which keeps the old data, and workloads whose "
        "last volume may be removed when their regions change; one per line.",
        private=True,
        group="State",
        commands=("generate", *PLANNING),
    ),
    Option(
        "workload",
        "lines",
        "Workloads to show or to roll back, one per line. All if not set.",
        private=True,
        group="Input",
        commands=("status", "rollback"),
    ),
    Option(
        "to",
        "text",
        "Commit to roll back to, as listed by `scorefly history`. The release before the last deploy if not set.",
        private=True,
        group="Input",
        commands=("rollback",),
    ),
    Option(
        "dry-run",
        "flag",
        "Show what would be done, and change nothing.",
        "false",
        commands=("sync", "deploy", "cleanup", "destroy", "remove-unused-secrets", "preview", "rollback", "adopt"),
    ),
    Option(
        "rehearse",
        "flag",
        "Run against a simulated Fly: no token, no network, nothing is deployed.",
        "false",
        commands=STATEFUL,
    ),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}

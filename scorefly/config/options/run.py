"""Options of a run: comments, syncs, selections, dry runs and rehearsals."""

from __future__ import annotations

from scorefly.config.option import Option
from scorefly.config.options.commands import CONVERTING, PLANNING, ROLLING, STATEFUL, TREE, UPGRADE

RUN_OPTIONS: tuple[Option, ...] = (
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
        "fail-fast",
        "flag",
        "Begin no further unit of a tree once one has failed.",
        "false",
        commands=("sync",),
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
        "drift",
        "choice",
        "Look for what others changed about apps that have nothing to deploy: report it, or heal (deploy them again).",
        choices=("report", "heal"),
        commands=("sync", "plan"),
    ),
    Option(
        "attempts",
        "count",
        "How often a sync tries to deploy the apps of a unit that failed for a reason outside.",
        "1",
        commands=("sync",),
    ),
    Option(
        "attempt-timeout",
        "duration",
        "How long a deploy may go on without output from flyctl, e.g. 5m. Default: 10m and 4 times wait-timeout, "
        "whatever the output.",
        commands=("sync",),
    ),
    Option(
        "commit-status",
        "flag",
        "Show on GitHub where commits of sources run: a commit status and a deployment, where the token allows it.",
        "true",
        group="GitHub",
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
        commands=(
            *(
                "sync",
                "generate",
                "deploy",
                "cleanup",
                "destroy",
                "remove-unused-secrets",
                "preview",
                "rollback",
                "adopt",
                UPGRADE,
            ),
        ),
    ),
    Option(
        "rehearse",
        "flag",
        "Run against a simulated Fly: no token, no network, nothing is deployed.",
        "false",
        commands=STATEFUL,
    ),
)

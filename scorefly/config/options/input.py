"""Options of what is deployed: Score files, names, images, secrets and provisioners."""

from __future__ import annotations

from scorefly.config.option import Option
from scorefly.config.options.commands import ALL, CONVERTING, FLY, LOADING, REMOVING, TREE

INPUT_OPTIONS: tuple[Option, ...] = (
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
        commands=("logs", *CONVERTING, *REMOVING, *TREE),
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
)

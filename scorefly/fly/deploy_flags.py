"""The flags of `flyctl deploy` that a user may add, none of which says what scorefly decides.

Read in the help of flyctl 0.4.87. All others are refused: they choose the app, the token, files or commands of this
machine, or some of the Machines, or have an option or annotation of scorefly's instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Whether the flag takes a value.
FLAGS: Mapping[str, bool] = {
    "build-context-warn-size": True,
    "build-target": True,
    "buildkit": False,
    "compression": True,
    "compression-level": True,
    "depot": False,
    "depot-scope": True,
    "host-dedication-id": True,
    "http-failover": False,
    "https-failover": False,
    "image-label": True,
    "label": True,
    "lease-timeout": True,
    "max-concurrent": True,
    "max-unavailable": True,
    "nixpacks": False,
    "no-cache": False,
    "recreate-builder": False,
    "release-command-timeout": True,
    "signal": True,
    "skip-release-command": False,
    "smoke-checks": False,
    "verbose": False,
    "wg": False,
}

# The flags that say how an image is built; the others are about deploying it.
_BUILDING = (
    *(
        "build-context-warn-size",
        "build-target",
        "buildkit",
        "compression",
        "compression-level",
        "depot",
        "depot-scope",
    ),
    *("http-failover", "https-failover", "image-label", "label", "nixpacks", "no-cache", "recreate-builder", "wg"),
)

_INSTEAD: Mapping[str, str] = {
    "access-token": "use fly-api-token",
    "app": "use app-prefix and app-suffix",
    "build-arg": "use build-args",
    "dockerfile": "use build, or builds in scorefly.yaml",
    "env": "write it under variables in the Score file",
    "file-literal": "write it under files in the Score file",
    "file-local": "write it under files in the Score file",
    "file-secret": "write it under files in the Score file",
    "ha": "use ha",
    "image": "use images",
    "primary-region": "use region",
    "strategy": "use strategy",
    "vm-cpus": "use the annotation scorefly/size",
    "vm-memory": "use the annotation scorefly/memory",
    "vm-size": "use the annotation scorefly/size",
    "wait-timeout": "use wait-timeout",
}


def build_flags(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the flags that say how an image is built, with their values, of arguments that are not refused."""
    kept: list[str] = []
    value_of = ""
    for argument in arguments:
        name, equals, _ = argument.removeprefix("--").partition("=")
        flag, value_of = value_of or name, "" if value_of or equals or not FLAGS.get(name) else name
        if flag in _BUILDING:
            kept.append(argument)
    return tuple(kept)


def refused(arguments: Sequence[str]) -> tuple[str, str] | None:
    """The first argument that may not be added, and what to do instead; None when all may be.

    An argument is `--flag`, `--flag=value`, or the value of the flag before it.
    """
    takes_value = False
    for argument in arguments:
        if takes_value:
            if argument.startswith("-"):
                return argument, "write the value of a flag after =, for example --label=team=shop"
            takes_value = False
            continue
        name, equals, _ = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in FLAGS:
            flags = ", ".join(f"--{flag}" for flag in FLAGS)
            return argument.partition("=")[0], _INSTEAD.get(name, f"remove it: only these are passed on: {flags}")
        takes_value = FLAGS[name] and not equals
    if takes_value:
        return arguments[-1], "give its value, in the same line after = or in the next line"
    return None

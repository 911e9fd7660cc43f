"""`launch_params` and `deploy_params` of FlyCD: arguments of flyctl as settings, or as deploy arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scorefly.fly.deploy_flags import refused

if TYPE_CHECKING:
    from scorefly.unconvert.flycd import FlycdApp

# What scorefly decides itself, or what has no meaning without a terminal.
_IMPLIED = {
    *("auto-confirm", "now", "copy-config", "name", "region", "org", "remote-only", "detach", "yes", "primary-region"),
    *("no-deploy", "build-only", "generate-name", "app", "local-only"),
}
_WITHOUT_VALUE = {"auto-confirm", "now", "copy-config", "remote-only", "detach", "yes", "no-deploy", "build-only"}
_SIZES = {"vm-size": "size", "vm-memory": "memory", "vm-cpus": "cpus", "vm-cpu-kind": "cpu_kind"}


def read_flags(app: FlycdApp, data: Mapping[str, Any]) -> None:
    """Translate the arguments; a later one replaces an earlier one, and those of a deploy those of the launch."""
    rest: list[str] = []
    for key in ("launch_params", "deploy_params"):
        for flag, value in _flags([str(each) for each in data.get(key) or []]):
            if flag in _SIZES:
                size = int(value) if flag == "vm-cpus" and value.isascii() and value.isdecimal() else value
                vm = app.document.get("vm")
                table = vm[0] if isinstance(vm, list) and vm and isinstance(vm[0], Mapping) else {}
                app.document["vm"] = [{**table, _SIZES[flag]: size}]
            elif flag == "strategy":
                deploy = app.document.get("deploy")
                app.document["deploy"] = {**(deploy if isinstance(deploy, Mapping) else {}), "strategy": value}
            elif flag == "ha":
                app.spare_machines = value != "false"
            elif key == "deploy_params" and flag not in _IMPLIED:
                argument = f"--{flag}={value}" if value else f"--{flag}"
                if problem := refused([argument]):
                    app.note(f"deploy_params: {problem[0]} is left out", problem[1], key)
                else:
                    rest.append(argument)
    if rest:
        app.workload["deploy-args"] = rest


def _flags(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each flag with its value; empty where it has none."""
    index = 0
    while index < len(words):
        flag, equals, value = words[index].lstrip("-").partition("=")
        index += 1
        takes_next = not equals and flag not in _WITHOUT_VALUE and index < len(words)
        if takes_next and not words[index].startswith("-"):
            value = words[index]
            index += 1
        yield flag, value

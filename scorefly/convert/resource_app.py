"""A Fly app that belongs to a resource: fly.toml as the provisioner wrote it, made into an App."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct, field

from scorefly.fly.app import App, volume_claims
from scorefly.fly.names import app_name_problem, secret_name_problem, volume_name_problem
from scorefly.fly.sizes import NoSuchSize, preset_named, smallest_size
from scorefly.problems import Place, Problem
from scorefly.quantities import megabytes
from scorefly.values import Secret, Tree, reveal, reveal_text, to_text

DEFAULT_SIZE = "shared-cpu-1x"


class _Reading(Struct):
    """One app while it is read: what is wrong gathers in `problems`."""

    name: str
    place: Place
    secrets: dict[str, Secret] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(f"app {self.name}: {message}", hint, self.place))


def convert_resource_app(
    name: str, uid: str, config: Mapping[str, Tree], region: str, place: Place
) -> tuple[App | None, tuple[Problem, ...]]:
    """The app, or None with what is wrong with it.

    `config` is fly.toml as data with `secrets` beside its keys. A secret in `env` or in a file's `raw_value`
    becomes a Fly secret; anywhere else it is refused, for fly.toml is an artefact.
    """
    reading = _Reading(name, place)
    config = dict(config)
    if problem := app_name_problem(name):
        reading.wrong(problem, "shorten the workload's or the resource's name, or app-prefix")
    _take_secrets(reading, config.pop("secrets", {}))
    config["env"] = _env(reading, config.get("env", {}))
    if "files" in config:
        config["files"] = _files(reading, config["files"])
    for path in _secret_paths(config, ()):
        reading.wrong(f"{'.'.join(path)} is secret, and fly.toml is no place for it", "give it under `secrets`")
    if reading.problems:
        # What follows quotes values, and some of them may be secret.
        return None, tuple(reading.problems)
    plain: dict[str, Any] = {key: reveal(value) for key, value in config.items()}
    image = plain.get("build", {}).get("image") if isinstance(plain.get("build"), dict) else None
    if not isinstance(image, str) or not image:
        reading.wrong("build.image is missing", "name the image the app runs")
    plain["vm"], size = _vm(reading, plain.get("vm", [{"size": DEFAULT_SIZE}]))
    _check_mounts(reading, plain.get("mounts", []))
    if reading.problems:
        return None, tuple(reading.problems)
    if not plain["env"]:
        del plain["env"]
    plain = {"app": name, **({"primary_region": region} if region else {}), **plain}
    app = App(
        name=name,
        owner=uid,
        config=plain,
        image=str(image),
        size=size,
        secrets=reading.secrets,
        volumes=volume_claims(plain.get("mounts")),
        region=region,
    )
    return app, ()


def _take_secrets(reading: _Reading, given: Tree) -> None:
    if not isinstance(given, dict):
        reading.wrong("secrets is no mapping", "write NAME: value lines")
        return
    for name, value in given.items():
        if problem := secret_name_problem(name):
            reading.wrong(problem)
        reading.secrets[name] = Secret(reveal_text(to_text(value)))


def _env(reading: _Reading, given: Tree) -> dict[str, Tree]:
    env: dict[str, Tree] = {}
    if not isinstance(given, dict):
        reading.wrong("env is no mapping", "write NAME: value lines")
        return env
    for name, value in given.items():
        text = to_text(value)
        if isinstance(text, Secret):
            _take_secrets(reading, {name: text})
        else:
            env[name] = text
    return env


def _files(reading: _Reading, given: Tree) -> Tree:
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        reading.wrong("files is no list of mappings", "write `- {guest_path: …, raw_value: …}` lines")
        return []
    files: list[Tree] = []
    for index, written in enumerate(given):
        entry = dict(written) if isinstance(written, dict) else {}
        value = entry.get("raw_value")
        if isinstance(value, Secret):
            secret = f"FILE_{index}"
            reading.secrets[secret] = Secret(b64encode(reveal_text(to_text(value)).encode()).decode())
            del entry["raw_value"]
            entry["secret_name"] = secret
        files.append(entry)
    return files


def _vm(reading: _Reading, written: Any) -> tuple[Any, str]:
    """`[[vm]]` as it is written, and its size in words. Where `memory` stands alone, the smallest Machine that has it.

    What is wrong otherwise is the checker's to tell.
    """
    machines = written if isinstance(written, list) else [written]
    first = next((each for each in machines if isinstance(each, dict)), {})
    if len(machines) == 1 and "memory" in first and not first.keys() & {"size", "cpus", "cpu_kind"}:
        try:
            size = smallest_size(Fraction(0), megabytes(str(first["memory"])))
        except NoSuchSize as error:
            reading.wrong(f"it cannot have memory {first['memory']}: {error}")
        except ValueError:
            reading.wrong(f"memory is {first['memory']!r}", "write 512mb or 2gb")
        else:
            return [{**first, "size": size.preset, "memory": f"{size.memory_mb}mb"}], str(size)
    name = str(first.get("size") or DEFAULT_SIZE)
    preset = preset_named(name) if first.keys() <= {"size"} else None
    return written, str(preset or name)


def _check_mounts(reading: _Reading, mounts: Any) -> None:
    mounts = [mounts] if isinstance(mounts, dict) else mounts
    count = 0
    for mount in mounts if isinstance(mounts, list) else []:
        source = str(mount.get("source", "")) if isinstance(mount, dict) else ""
        if problem := volume_name_problem(source):
            reading.wrong(problem)
            continue
        size = str(mount.get("initial_size", "1gb")).lower().removesuffix("gb").strip()
        if not size.isdigit() or not 1 <= int(size) <= 500:
            reading.wrong(f"initial_size of volume {source} is {mount['initial_size']!r}", "give 1gb to 500gb")
            continue
        count += 1
    if count > 1:
        reading.wrong("several mounts, and a Machine has one volume at most", "keep one")


def _secret_paths(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, Secret):
        yield path
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _secret_paths(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _secret_paths(value, (*path, str(index)))

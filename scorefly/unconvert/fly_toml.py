"""From the text of a fly.toml to a Score file, with everything that is wrong with it at its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.fly.check.checker import check
from scorefly.fly.check.finding import DOCUMENT, Finding, dotted
from scorefly.fly.names import app_name_problem
from scorefly.problems import InputError, Place, Problem
from scorefly.score.document import Places, parse
from scorefly.unconvert.carried import Carried, Source, carry
from scorefly.unconvert.known_keys import Reading
from scorefly.unconvert.lines import TomlPlaces, toml_places
from scorefly.unconvert.reading import read_as_flyctl

_TEMPLATE = re.compile(
    r"\{\{.*?\}\}|<%.*?%>|\$\{\w+\}|\$[A-Z_][A-Z0-9_]*|\{[A-Za-z_]\w*\}|%[A-Z_]{3,}%|__[A-Z_]+__|<[A-Za-z][\w -]*>",
    re.DOTALL,
)
_NAMES = (("app",), ("primary_region",), ("build", "image"))


class FlyToml(Struct, frozen=True):
    """A fly.toml that was read: its document in current spelling, and problems with their places."""

    file: str
    document: Mapping[str, Any]
    reading: Reading
    problems: tuple[Problem, ...]
    places: TomlPlaces | Places = field(default_factory=lambda: TomlPlaces(""))

    @property
    def app(self) -> str:
        """The app's name; empty where the document has none."""
        name = self.document.get("app", "")
        return name if isinstance(name, str) else ""

    @property
    def refused(self) -> bool:
        """Decide whether Fly would not take the document."""
        return any(problem.severity == "error" for problem in self.problems)

    def place(self, path: tuple[str | int, ...]) -> Place:
        """Return the place of a path of `document`."""
        origin = self.reading.origin(path)
        return self.places.at(origin) if isinstance(self.places, TomlPlaces) else self.places.at(*origin)


def read_fly_toml(text: str, file: str, machine: Mapping[str, Any] | None = None) -> FlyToml:
    """Read a fly.toml, fly.yaml or fly.json; `machine` is the content of its machine_config where that is known."""
    try:
        original, places = _parse(text, file)
    except InputError as error:
        return FlyToml(file, {}, Reading(), tuple(_as_template(text, file) or error.problems))
    return read_document(original, places, file, machine)


def read_document(
    original: Mapping[str, Any], places: TomlPlaces | Places, file: str, machine: Mapping[str, Any] | None = None
) -> FlyToml:
    """Read a document that was parsed, as flyctl does, and check it."""
    fly = FlyToml(file, original, Reading(), (), places)
    if placeholders := tuple(_placeholders(fly)):
        return replace(fly, problems=placeholders)
    reading = read_as_flyctl(original)
    fly = FlyToml(file, reading.document, reading, (), places)
    findings = list(reading.findings)
    findings += [replace(each, path=reading.origin(each.path)) for each in check(reading.document, machine)]
    problems = [_problem(fly, each) for each in findings]
    build = reading.document.get("build")
    if isinstance(build, Mapping) and "compose" in build:
        hint = "describe the containers in the Score file, and remove build.compose"
        message = "build.compose makes flyctl read files that scorefly does not check"
        problems.append(Problem(message, hint, fly.place(("build", "compose"))))
    problems += [
        Problem(
            f"{dotted(each.path)} left out: {each.reason}",
            f"did you mean {each.similar!r}?" if each.similar else "",
            _at(places, each.path),
            "notice",
        )
        for each in reading.dropped
    ]
    return replace(fly, problems=tuple(dict.fromkeys(problems)))


def convert_fly_toml(fly: FlyToml, source: Source) -> Carried:
    """Make a Score file of a document that Fly accepts; of one that it refuses, return the problems only."""
    if fly.refused:
        return Carried({"metadata": {"name": source.workload}}, {}, {}, {}, tuple(fly.reading.dropped), fly.problems)
    carried = carry(fly.document, source)
    return replace(carried, dropped=tuple(fly.reading.dropped), problems=fly.problems)


def _parse(text: str, file: str) -> tuple[dict[str, Any], TomlPlaces | Places]:
    if file.endswith((".yaml", ".yml", ".json")):
        document = parse(text, file)
        return document.data, document.places
    try:
        return tomllib.loads(text), toml_places(text, file)
    except (ValueError, RecursionError) as error:
        where = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(file, int(where[1]), int(where[2])) if where else Place(file)
        raise InputError(Problem(f"invalid TOML: {str(error).partition(' (at')[0]}", "", place)) from error


def _at(places: TomlPlaces | Places, path: tuple[str | int, ...]) -> Place:
    return places.at(path) if isinstance(places, TomlPlaces) else places.at(*path)


def _problem(fly: FlyToml, finding: Finding) -> Problem:
    where = finding.where if finding.document == DOCUMENT else f"{finding.document}: {finding.where}"
    place = _at(fly.places, finding.path) if finding.document == DOCUMENT else Place(fly.file)
    return Problem(f"{where} {finding.message}".strip(), finding.hint, place, finding.severity)


def _placeholders(fly: FlyToml) -> Iterator[Problem]:
    """A template's placeholders where a name has to be; elsewhere they may be meant for a shell."""
    name = fly.document.get("app")
    if not isinstance(name, str) or not app_name_problem(name) or not _TEMPLATE.search(name):
        return
    for path, text in _texts(fly.document, ()):
        matches = _TEMPLATE.findall(text)
        if matches and (path in _NAMES or matches[0] == _TEMPLATE.findall(name)[0] or path[0] != "env"):
            yield Problem(
                f"{dotted(path)} has the placeholder {matches[0]}: this file is a template",
                f"fill in {matches[0]}, then convert again",
                fly.place(path),
            )


def _as_template(text: str, file: str) -> list[Problem]:
    """A text that is no TOML because of its placeholders."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.search(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>", line):
            message = f"the placeholder {match[0]} makes this file a template"
            found.append(
                Problem(message, f"fill in {match[0]}, then convert again", Place(file, number, match.start() + 1))
            )
    return found


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))
    elif isinstance(value, str):
        yield path, value

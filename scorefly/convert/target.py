"""The target of a conversion, and the list it adds problems to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from msgspec import Struct, field

from scorefly.convert.build_spec import BuildSpec
from scorefly.convert.read_annotations import Annotations
from scorefly.problems import Place, Problem
from scorefly.score.placeholders import Lookup, UnknownReference, substitute
from scorefly.score.workload import Container, Workload
from scorefly.values import Text

MAX_VARIABLE = 131_071  # bytes with the name, for Linux to start a program


class Target(Struct, frozen=True):
    """The Fly app a workload becomes.

    `images` are references by `workload` or `workload.container`, `default_image` is for all others whose
    image is `.`. `artefact` is the app's artefact folder, relative to `workspace`. With `flycast` others reach private
    ports through Fly's proxy. `auto_stop` is what happens to idle Machines where no annotation says it, in Fly's words.
    `builds` are the stated builds by container; what they name is below `repository`, which the workspace is part of.
    `min_running` is how many of them keep running where no annotation says it.
    `published` are the ports of the Machine that overlays make public, with how: tls, http or tcp.
    With `builtin` flyctl builds the image without a Dockerfile. In a `trial`, which only checks, what may still be
    given later is not an error.
    """

    workspace: Path
    app_name: str
    artefact: PurePosixPath
    region: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    default_image: str = ""
    builds: Mapping[str, BuildSpec] = field(default_factory=dict)
    unsupported: Literal["error", "warn"] = "error"
    flycast: bool = False
    auto_stop: str = "off"
    min_running: int | None = None
    trial: bool = False
    checkout: Path | None = None
    builtin: bool = False
    published: Mapping[int, str] = field(default_factory=dict)

    @property
    def repository(self) -> Path:
        """The folder that contexts and Dockerfiles have to be in."""
        return self.checkout or self.workspace


class Conversion(Struct):
    """One container of a workload on its way: every element adds its problems here, and goes on."""

    workload: Workload
    container: Container
    annotations: Annotations
    lookup: Lookup
    target: Target
    problems: list[Problem] = field(default_factory=list)

    def place(self, *path: str | int) -> Place:
        """A place in the container."""
        return self.workload.place("containers", self.container.name, *path)

    def wrong(self, message: str, hint: str, place: Place) -> None:
        """Something that cannot be."""
        self.problems.append(Problem(message, hint, place))

    def warn(self, message: str, hint: str, place: Place) -> None:
        """Something to think about."""
        self.problems.append(Problem(message, hint, place, severity="warning"))

    def note(self, message: str, hint: str, place: Place) -> None:
        """Something to know."""
        self.problems.append(Problem(message, hint, place, severity="notice"))

    def unsupported(self, message: str, hint: str, place: Place) -> None:
        """Something Score has and Fly cannot give; `unsupported: warn` goes on without it."""
        if self.target.unsupported == "warn":
            self.warn(f"{message}; it is left out", "", place)
        else:
            go_on = "`unsupported: warn` goes on without it"
            self.wrong(message, f"{hint}; {go_on}" if hint else go_on, place)

    def values_of(self, variables: Mapping[str, str]) -> dict[str, Text]:
        """Variables of the container with their placeholders replaced; those that cannot be are left out."""
        values: dict[str, Text] = {}
        for name, text in variables.items():
            place = self.place("variables", name)
            value = self.substitute(text, place)
            if value is None:
                continue
            plain = value if isinstance(value, str) else str(value.value)
            if len(f"{name}={plain}".encode(errors="replace")) > MAX_VARIABLE:
                hint = "give it as a file of the container"
                self.wrong(f"variable {name!r} is longer than {MAX_VARIABLE} bytes, and no program starts", hint, place)
                continue
            if "\0" in name or "\0" in plain:
                self.wrong(f"variable {name!r} has a NUL character, which no environment can hold", "", place)
                continue
            if name.startswith("FLY_"):
                self.warn(f"variable {name}: Fly sets FLY_ variables itself", "choose another name", place)
            values[name] = value
        return values

    def substitute(self, text: str, place: Place) -> Text | None:
        """The text with its placeholders replaced, or None with a problem."""
        try:
            return substitute(text, self.lookup)
        except UnknownReference as error:
            self.wrong(error.message, error.hint, place)
            return None

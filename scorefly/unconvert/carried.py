"""A fly.toml as a Score file: Score elements first, then annotations, and a fragment of fly.toml for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.convert.overlay import Overlay, lay_over
from scorefly.convert.routes import Route
from scorefly.convert.target import Target
from scorefly.convert.workload import convert
from scorefly.fly.app import App
from scorefly.problems import Problem
from scorefly.score.document import Document, Places
from scorefly.score.model import read_workload
from scorefly.score.normalise import normalise
from scorefly.score.placeholders import Reference, UnknownReference
from scorefly.score.schema import check as check_score
from scorefly.unconvert.build import build_of, without_build
from scorefly.unconvert.container import container, resources
from scorefly.unconvert.fragment import fragment_between
from scorefly.unconvert.known_keys import Dropped
from scorefly.unconvert.service import carry_services
from scorefly.unconvert.simple import simple_annotations
from scorefly.values import Tree

CONTAINER = "main"


class Source(Struct, frozen=True):
    """A fly.toml that is converted: its workload's name, and where its files are.

    `folder` is the folder of fly.toml, which becomes the folder of the Score file, relative to `workspace`. `context`
    is the folder to build, where that is another one.
    """

    workload: str
    workspace: Path
    folder: PurePosixPath = field(default_factory=PurePosixPath)
    context: PurePosixPath | None = None

    @property
    def path(self) -> Path:
        """The folder of the files that fly.toml names."""
        return self.workspace / self.folder


class Carried(Struct, frozen=True):
    """A Score file with its annotations, and the fragment of fly.toml that neither of them can express.

    `build` is how the image is built, as `builds` of scorefly.yaml has it; empty where a Dockerfile beside the Score
    file is enough.
    """

    score: Mapping[str, Any]
    annotations: Mapping[str, str]
    fly: Mapping[str, Any]
    build: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def document(self) -> dict[str, Any]:
        """The Score file as data, with its annotations."""
        metadata = dict(self.score["metadata"])
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        return {**self.score, "metadata": metadata}


def carry(document: Mapping[str, Any], source: Source) -> Carried:
    """Make the Score file of a document in current spelling that Fly accepts."""
    full = _carry(document, source, simple=True)
    if generated := generate(full, source):
        return _with_fragment(full, generated, document, source)
    plain = _carry(document, source, simple=False)
    generated = generate(plain, source)
    return _with_fragment(plain, generated, document, source) if generated else plain


def generated_app(carried: Carried, source: Source) -> App | None:
    """Return the app that `generate` makes of a Score file with its fragment."""
    app = generate(carried, source)
    return lay_over(app, [Overlay("", carried.fly)]) if app else None


def _carry(document: Mapping[str, Any], source: Source, *, simple: bool) -> Carried:
    services = carry_services(document) if simple else carry_services({})
    score: dict[str, Any] = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": source.workload},
        "containers": {CONTAINER: container(document, services.probes if simple else {}, simple=simple)},
    }
    if services.ports:
        score["service"] = {"ports": services.ports}
    if simple and (found := resources(document)):
        score["resources"] = found
    annotations = {**simple_annotations(document), **services.annotations} if simple else {}
    prefixed = {f"scorefly/{name}": text for name, text in annotations.items()}
    return Carried(
        score,
        prefixed,
        {},
        build_of(document, source.context or source.folder, is_elsewhere=source.context is not None),
    )


def _with_fragment(carried: Carried, generated: App, document: Mapping[str, Any], source: Source) -> Carried:
    fly = fragment_between(generated, without_build(document, carried.build), source.path)
    return replace(carried, fly=fly)


def generate(carried: Carried, source: Source) -> App | None:
    """Return the app that scorefly makes of the Score file, or None where it would refuse it."""
    path = (source.folder / "score.yaml").as_posix()
    written, _ = normalise(Document(path, carried.document, Places({}, path)))
    if any(problem.severity == "error" for problem in check_score(written)):
        return None
    target = Target(source.workspace, source.workload, PurePosixPath("artefact"), trial=True)
    routes: list[Route] = []
    return convert(read_workload(written), _lookup(carried.score), routes, target).app


def _lookup(score: Mapping[str, Any]) -> Any:
    def lookup(reference: Reference) -> Tree:
        volume = score.get("resources", {}).get(reference[1] if len(reference) > 1 else "")
        if volume is None:
            raise UnknownReference("unknown resource")
        found: Tree = {"source": volume["params"]["name"], "size_gb": volume["params"].get("size_gb", 1)}[reference[2]]
        return found

    return lookup

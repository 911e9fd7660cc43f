"""Whatever Fly accepts as a fly.toml is what a Score file with its fragment gives back, key by key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fly_documents import FULL, OTHERS, parent, paths, removed, replaced
from scorefly.fly.check.checker import check
from scorefly.unconvert.build import without_build
from scorefly.unconvert.carried import Carried, Source, carry, generated_app
from scorefly.unconvert.meaning import meaning
from scorefly.unconvert.reading import read_as_flyctl

# Without what makes flyctl read other files.
DOCUMENT = {key: value for key, value in FULL.items() if key not in ("machine_config", "container")}
PATHS = [path for path in paths(DOCUMENT) if path]
VALUES: tuple[Any, ...] = (
    *(
        "15s",
        "1m30s",
        "500ms",
        30,
        0,
        1,
        80,
        443,
        8080,
        True,
        False,
        "off",
        "stop",
        "suspend",
        "GET",
        "POST",
        "/",
        "/x y",
    ),
    *(
        "text",
        "$$",
        "${HOME}",
        'it\'s # "x"\nwith two lines',
        [],
        ["app"],
        ["worker"],
        ["http"],
        ["tls"],
        {},
        "1gb",
        "512mb",
    ),
    *("tcp", "udp", "http", "https", "shared-cpu-1x", "performance-4x", 0.5, 256, 2048),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The full document with parts removed and values replaced."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from((DOCUMENT, DOCUMENT, *OTHERS))))
    document.setdefault("app", "web")
    for key in draw(st.sets(st.sampled_from(sorted(DOCUMENT)), max_size=12)):
        document.pop(key, None)
    changes = draw(st.lists(st.tuples(st.sampled_from(PATHS), st.none() | st.sampled_from(VALUES)), max_size=12))
    for path, value in changes:
        try:
            if isinstance(path[-1], int) and not isinstance(parent(document, path), list):
                continue
            document = removed(document, path) if value is None else replaced(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue
    document["app"] = "web"
    return document


def round_trip(document: dict[str, Any], folder: Path) -> tuple[Carried, dict[str, Any], dict[str, Any]]:
    reading = read_as_flyctl(document)
    source = Source("web", folder)
    carried = carry(reading.document, source)
    app = generated_app(carried, source)
    assert app is not None
    files = app.files

    def content(path: str) -> object:
        return files.get(path.partition("files/")[2]) or {"files/a": b"content\n"}.get(path, path)

    wanted = without_build(reading.document, carried.build)
    return carried, meaning(app.config, content), meaning(wanted, content)


def accepted(document: dict[str, Any]) -> bool:
    reading = read_as_flyctl(document)
    return not any(each.severity == "error" for each in (*reading.findings, *check(reading.document)))


@given(documents())
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
def test_an_accepted_document_round_trips(tmp_path_factory: Any, document: dict[str, Any]) -> None:
    folder = tmp_path_factory.getbasetemp() / "documents"
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files/a").write_bytes(b"content\n")
    if not accepted(document):
        return
    carried, generated, wanted = round_trip(document, folder)
    assert generated == wanted, carried.document


def test_the_full_document_round_trips(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_bytes(b"content\n")
    assert accepted(DOCUMENT)
    _, generated, wanted = round_trip(copy.deepcopy(DOCUMENT), tmp_path)
    assert generated == wanted

"""Our schema's verdicts are those of the official one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scorefly.score.document import Document, Places
from scorefly.score.schema import check, fits_score, score_validator, strict_validator
from workspaces import DATA

OFFICIAL = DATA / "score/score-v1b1.schema.json"

SAMPLE: dict[str, Any] = {
    "apiVersion": "score.dev/v1b1",
    "metadata": {"name": "web", "annotations": {"example.com/ab": "b"}},
    "service": {"ports": {"http": {"port": 80, "targetPort": 8080, "protocol": "TCP"}}},
    "containers": {
        "main": {
            "image": "nginx",
            "command": ["a"],
            "args": ["b"],
            "variables": {"A": "b"},
            "files": {"/a": {"content": "x", "mode": "0644", "noExpand": True}},
            "volumes": {"/v": {"source": "x", "path": "/", "readOnly": False}},
            "before": {"other": {"ready": "healthy"}},
            "resources": {"limits": {"cpu": "1", "memory": "1.5Gi"}, "requests": {"cpu": "250m", "memory": "0.5G"}},
            "livenessProbe": {"exec": {"command": ["true"]}},
            "readinessProbe": {
                "httpGet": {"path": "/", "port": 80, "scheme": "HTTP", "httpHeaders": [{"name": "A", "value": "b"}]}
            },
        }
    },
    "resources": {
        "db": {"type": "postgres", "class": "default", "id": "a.b-c", "params": {"x": 1}, "metadata": {"y": 2}}
    },
}

ODD: list[Any] = [
    None, True, False, 0, -1, 1.0, 1.5, 65536, "", "x", "web\n", "٣", "A_b", "a" * 64, [], [1], {}, {"target": "x"},
    {"content": "a", "source": "b"}, {"httpGet": {}}, {"exec": {}}, "0644", "644", "0999", "1e3", "5Mi\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def official() -> Any:
    return strict_validator(json.loads(OFFICIAL.read_text()))


def paths(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the elements of a document stand, but for the document itself."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*at, key)
        yield from paths(value, (*at, key))


def spoil(document: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The document with one element replaced, removed, or given a key nobody knows."""
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if odd == "REMOVE":
        del parent[path[-1]]
    elif odd == "ADD":
        if isinstance(parent[path[-1]], dict):
            parent[path[-1]]["unknown key"] = 1
    else:
        parent[path[-1]] = odd
    return changed


WAYS = [*ODD, "REMOVE", "ADD"]
PATHS = list(paths(SAMPLE))


def ours(document: Any) -> bool:
    """The verdict on a document; jsonschema, which finds the words for a failure, has to have the same."""
    verdict = fits_score(document)
    assert score_validator().is_valid(document) == verdict, document
    return verdict


def test_on_every_way_to_spoil_one_element(official: Any) -> None:
    spoiled = (spoil(SAMPLE, path, odd) for path in PATHS for odd in WAYS)
    different = [each for each in spoiled if official.is_valid(each) != ours(each)]
    assert different == []


def test_on_samples_and_real_files(official: Any) -> None:
    files = sorted((DATA / "score").rglob("*.yaml"))
    assert len(files) > 40
    documents = [yaml.safe_load(path.read_text()) for path in files]
    assert [official.is_valid(each) for each in documents] == [ours(each) for each in documents]


@given(data=st.data())
def test_on_documents_spoiled_several_times(official: Any, data: st.DataObject) -> None:
    document: Any = SAMPLE
    for _ in range(data.draw(st.integers(1, 4))):
        if found := list(paths(document)):
            document = spoil(document, data.draw(st.sampled_from(found)), data.draw(st.sampled_from(WAYS)))
    assert ours(document) == official.is_valid(document)


def test_the_sample_these_tests_spoil_is_valid() -> None:
    assert list(score_validator().iter_errors(SAMPLE)) == []


@given(st.builds(spoil, st.just(SAMPLE), st.sampled_from(PATHS), st.sampled_from(WAYS)))
def test_what_is_invalid_gets_words_and_what_is_valid_gets_none(document: Any) -> None:
    problems = check(Document("score.yaml", document, Places({}, "score.yaml")))
    assert bool(problems) != ours(document)
    assert all("is not valid under any" not in problem.message for problem in problems)


@pytest.mark.parametrize("text", ["web\n", "a", "-a", "A", "a_b", "a" * 64])
def test_names_that_are_none(text: str) -> None:
    assert not score_validator().is_valid({**SAMPLE, "metadata": {"name": text}})


def test_a_whole_number_written_as_a_float_is_one() -> None:
    assert score_validator().is_valid({**SAMPLE, "service": {"ports": {"http": {"port": 80.0}}}})

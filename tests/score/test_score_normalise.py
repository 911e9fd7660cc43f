"""Deprecated forms of Score become today's, and keep their places."""

from __future__ import annotations

from scorefly.score.document import parse
from scorefly.score.normalise import normalise
from scorefly.score.schema import check

HEAD = "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers:\n  main:\n    image: x\n"


def test_lists_of_files_and_volumes_become_mappings() -> None:
    text = HEAD + (
        "    files:\n    - target: /a\n      content: [one, two]\n    - {target: /b, content: c}\n"
        "    volumes:\n    - {target: /v, source: s, read_only: true}\n"
    )
    document, problems = normalise(parse(text, "f"))
    main = document.data["containers"]["main"]  # type: ignore[index,call-overload]
    assert main["files"] == {"/a": {"content": "one\ntwo"}, "/b": {"content": "c"}}  # type: ignore[index,call-overload]
    assert main["volumes"] == {"/v": {"source": "s", "readOnly": True}}  # type: ignore[index,call-overload]
    assert [(problem.severity, str(problem.place)) for problem in problems] == [
        ("warning", "f:6:5"),
        ("warning", "f:10:5"),
    ]
    assert str(document.places.at("containers", "main", "files", "/b", "content")) == "f:9:20"
    assert check(document) == ()


def test_a_target_that_is_missing_or_there_twice_is_an_error() -> None:
    text = HEAD + "    files:\n    - {content: a}\n    - {target: /b, content: c}\n    - {target: /b, content: d}\n"
    problems = normalise(parse(text, "f"))[1]
    found = [(str(problem.place), problem.message) for problem in problems if problem.severity == "error"]
    assert found == [("f:7:7", "this entry of files has no target"), ("f:9:8", "target '/b' is here twice")]


def test_today_s_form_stays_as_it_is() -> None:
    document = parse(HEAD + "    files: {/a: {content: b}}\n", "f")
    assert normalise(document) == (document, ())

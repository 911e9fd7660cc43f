"""docs/conversion.md tells of every element of the Score schema, and names tests that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from workspaces import DATA, REPOSITORY, Workspace

PAGE = REPOSITORY / "docs/conversion.md"
OWN = REPOSITORY / "scorefly/score/score-v1b1.schema.json"
OFFICIAL = DATA / "score/score-v1b1.schema.json"


def rows() -> list[list[str]]:
    lines = PAGE.read_text().splitlines()
    table = [line.split(" | ") for line in lines if line.startswith("| `") and line.endswith("` |")]
    return [row for row in table if len(row) == 3]


def elements(schema: dict[str, Any]) -> set[str]:
    """Paths of all elements a schema knows, `*` for a name and `[]` for a place in a list."""

    def walk(part: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
        while "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        if path:
            yield ".".join(path)
        for name, each in part.get("properties", {}).items():
            yield from walk(each, (*path, name))
        for each in (part.get("additionalProperties"), *part.get("patternProperties", {}).values()):
            if isinstance(each, dict):
                yield from walk(each, (*path, "*"))
        if isinstance(part.get("items"), dict):
            yield from walk(part["items"], (*path, "[]"))
        for key in ("oneOf", "anyOf", "allOf"):
            for each in part.get(key, ()):
                yield from walk(each, path)

    return set(walk(schema, ()))


def told() -> set[str]:
    return {name for row in rows() for name in re.findall(r"`([^`]+)`", row[0])}


def test_every_element_we_read_is_in_the_table() -> None:
    """Our own copy of the schema is that of files and volumes made into mappings."""
    assert elements(json.loads(OWN.read_text())) <= told()


def test_the_table_is_that_of_the_official_schema() -> None:
    # A key of a mapping says where a volume goes, so there `target` has no place.
    assert told() - {"containers.*.volumes.*.target"} == elements(json.loads(OFFICIAL.read_text())) - {
        "containers.*.volumes.*.target"
    }


def test_the_tests_that_the_table_names_are_there() -> None:
    named = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[2])}
    files = (REPOSITORY / "tests").rglob("test_*.py")
    there = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named <= there


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_probes_ask_what_they_say(workspace: Workspace, probe: str) -> None:
    workspace.workload(
        "web",
        f"    {probe}: {{httpGet: {{path: /x?y=1, port: 8443, scheme: HTTPS, host: a.example,"
        " httpHeaders: [{name: A, value: b}]}}\n",
    )
    assert workspace.run("generate").code == 0
    check = workspace.toml("web")["checks"][probe.removesuffix("Probe")]
    assert check["path"] == "/x?y=1"
    assert (check["port"], check["protocol"], check["tls_server_name"]) == (8443, "https", "a.example")
    assert check["headers"] == {"A": "b", "Host": "a.example"}


@pytest.mark.parametrize(
    ("sample", "options", "code", "words"),
    [
        ("score-full", (), 2, "no provisioner for resource type 'Type-Three'"),
        ("score-full", ("provisioned",), 2, "Fly mounts whole volumes"),
        ("score-full", ("provisioned", "--unsupported", "warn"), 0, ""),
        ("score-deprecated-files-and-volumes", (), 0, ""),
    ],
)
def test_the_official_samples_end_as_the_page_says(
    workspace: Workspace, sample: str, options: tuple[str, ...], code: int, words: str
) -> None:
    workspace.write("score.yaml", (DATA / f"score/{sample}.yaml").read_text())
    workspace.write("file.txt", "x")
    if "provisioned" in options:
        types = ("Resource-One", "Resource-Two", "Type-Three")
        entries = [f"- {{uri: static://x, type: {name}, outputs: {{}}}}\n" for name in types]
        workspace.write(".scorefly/x.provisioners.yaml", "".join(entries))
        options = ("--images", "a:1", *options[1:])
    result = workspace.run("deploy", "--rehearse", *options)
    assert (result.code, words in result.err) == (code, True), result.err

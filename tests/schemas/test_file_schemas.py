"""The JSON Schemas of scorefly.yaml and provisioner files give the verdicts that scorefly gives."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from scorefly.commands.schema import NAMES, schema_of
from scorefly.config.load import load_settings
from scorefly.config.options import OPTIONS
from scorefly.config.tree_file import TOP_KEYS
from scorefly.config.workloads import PARSERS
from scorefly.config.workloads_schema import tree_schemas, workload_keys
from scorefly.problems import InputError
from scorefly.resources.entries import COMMON_KEYS, SCHEME_KEYS
from scorefly.resources.files import parse_provisioners
from scorefly.score.document import parse_any
from workspaces import REPOSITORY, Workspace

VALUES: list[Any] = [
    *(None, True, False, 0, 1, 3, 256, 257, -1, 1.5, "", " ", "1", "256", "0256", "257", "00000"),
    *("true", "False", "yes", "x", "X_y", "a-b", "-a", "ams", "Amsterdam", "git", "file", "file:x", "files"),
    *("5m", "1h30m", "0s", "soon", "14d", "90", "off", "stop", "error", "managed", "rolling"),
    *("secrets", "secrets, previews", "secrets\nresources", "secrets previews", ",", "nope"),
    *("A=b", "A=b\nB=c", "A", "1=b", "A=b\n\n", "w=x:1\nv=y:2", '{"A": "b"}', '{"A": null}', "null"),
    *([], ["a"], ["a", 1], [None], [True], [["a"]], ["A=b"], ["secrets", "previews"], ["nope"], [{"a": "b"}]),
    *({}, {"A": "b"}, {"A": 1}, {"A": None}, {"A": True}, {"1": "b"}, {"A": {"B": "c"}}, {"A": ["b"]}),
    *({"web": {"count": 2}}, {"web": {"count": 0}}, {"web": {"regions": {"ams": 1}}}, {"web": {"nope": 1}}),
    *({"web": {"regions": {}}}, {"web": {"count": {"a": 1}}}, {"web": {"regions": {"web": {"ams": 1}}}}, {"web": None}),
    *({"image": "x"}, {"source": {"repo": "https://example.com/a/b", "tag": "v1"}}, {"secrets": ["A"]}, {"nope": 1}),
    *({"suspended": False}, {"score": {"a": None}}, {"after": "web"}, {"app": "A"}, {"fly": {"app": "x"}}, {"add": {}}),
    *(
        [{"path": "a"}],
        [{"path": "/a"}],
        [{"source": {"repo": "https://example.com/a/b"}}],
        [{"source": {"path": "a"}}],
    ),
    *({"github.com": {"token": "A"}}, {"github.com/acme": {"ssh-key": "a b"}}, {"https://github.com": {"token": "A"}}),
]
KEYS = [*(option.name for option in OPTIONS), *TOP_KEYS, "workloads", "overrides", "environments", "nope"]
# Keys whose mistakes hide those of others.
FIRST_KEYS = [*TOP_KEYS, "workloads", "variables"]
# What depends on more than the file's shape: whether a flag is one of flyctl's, a path inside, a text a template.
ONLY_OURS = {
    "an unknown template name",
    "an output that is expected and not made",
    "a template that is none",
}


@pytest.fixture(scope="module", params=NAMES)
def any_schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    return schema_of(request.param)


@cache
def validator(name: str) -> Any:
    return Draft202012Validator(schema_of(name))


def is_valid(name: str, data: object) -> bool:
    return bool(validator(name).is_valid(data))


def refused_lines(workspace: Path, text: str, environment: str = "") -> set[int]:
    """The lines of a project file in which scorefly finds something wrong."""
    (workspace / "scorefly.yaml").write_text(text, encoding="utf-8")
    given = {"environment": environment} if environment else {}
    try:
        load_settings("generate", given, {"GITHUB_REPOSITORY": "acme/shop"}, workspace, in_action=False)
    except InputError as error:
        places = [problem.place for problem in error.problems if problem.place]
        return {place.line for place in places if place.file == "scorefly.yaml"}
    return set()


def accepts_project(workspace: Path, text: str, environment: str = "") -> bool:
    """Whether scorefly finds nothing wrong with a project file itself."""
    return not refused_lines(workspace, text, environment)


def accepts_provisioners(text: str) -> bool:
    try:
        parse_provisioners(text.encode(), "x.provisioners.yaml")
    except InputError:
        return False
    return True


def test_a_schema_is_one_by_its_own_dialect(any_schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(any_schema)
    assert any_schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", NAMES)
def test_schema_prints_what_is_in_the_docs(workspace: Workspace, name: str) -> None:
    printed = json.loads(workspace.run("schema", name).out)
    assert printed == schema_of(name)
    made = runpy.run_path(str(REPOSITORY / "docs/make_schemas.py"))
    for path, content in made["files"]().items():
        assert path.read_text(encoding="utf-8") == content


def levels(key: str, value: object) -> Iterator[tuple[dict[str, Any], str]]:
    """A project with a key at its top, and below an environment, with the environment's name."""
    # Which flags flyctl has is no matter of a schema.
    if key != "deploy-args" or value in (None, []):
        yield {key: value}, ""
        yield {"environments": {"production": {key: value}}}, "production"


@pytest.mark.parametrize("key", FIRST_KEYS)
def test_a_key_of_scorefly_yaml_gets_our_verdict(workspace: Workspace, key: str) -> None:
    for value in VALUES:
        for data, environment in levels(key, value):
            text = json.dumps(data)
            assert is_valid("project", data) == accepts_project(workspace.path, text, environment), text


@pytest.mark.parametrize("environment", ["", "production"])
def test_keys_of_scorefly_yaml_get_our_verdict_together(workspace: Workspace, environment: str) -> None:
    head, tail = ('{"environments": {"production": {', "}}}") if environment else ("{", "}")
    for value in VALUES:
        entries = {
            key: data for key in KEYS if key not in FIRST_KEYS for data, at in levels(key, value) if at == environment
        }
        text = ",\n".join(json.dumps({key: value})[1:-1] for key in entries)
        refused = refused_lines(workspace.path, f"{head}\n{text}\n{tail}", environment)
        for line, (key, data) in enumerate(entries.items(), 2):
            assert is_valid("project", data) == (line not in refused), (key, value)


def test_every_key_of_a_workload_has_a_schema() -> None:
    keys = workload_keys()
    assert list(keys) == list(PARSERS)
    assert [key for key, schema in keys.items() if not schema["anyOf"][1]] == []
    top, below = tree_schemas()
    assert [key for key, schema in {**top, **below}.items() if not schema["anyOf"][1]] == []


@pytest.mark.parametrize("key", list(PARSERS))
def test_a_key_of_a_workload_gets_our_verdict(workspace: Workspace, key: str) -> None:
    for value in VALUES:
        data = {"workloads": {"web": {key: value}}}
        text = json.dumps(data)
        if key == "deploy-args" or (key == "source" and isinstance(value, dict)):
            continue  # flags of flyctl, and URLs of repositories, are more than a shape
        assert is_valid("project", data) == accepts_project(workspace.path, text), text


ENTRY_VALUES: list[Any] = [
    *(None, True, 0, 5, 1.5, "", "x", "90s", "soon", [], ["a"], [1], {}, {"a": "b"}, {"a": 1}, {"1": "b"}),
    *({"a": None}, {"a": {"b": "c"}}, {"X-Y": "z"}, {"a": ["b"]}, {"a": True}),
]
URIS = [f"{scheme}://{rest}" for scheme in SCHEME_KEYS for rest in ("127.0.0.1/x",) if scheme != "cmd"] + ["cmd://sh"]


@pytest.mark.parametrize("uri", [*URIS, "ftp://x", "x"])
def test_a_key_of_a_provisioner_gets_our_verdict(uri: str) -> None:
    keys = dict.fromkeys([*COMMON_KEYS, *(key for scheme in SCHEME_KEYS.values() for key in scheme), "nope"])
    for key, value in product(keys, ENTRY_VALUES):
        data = [{"uri": uri, "type": "x", key: value}]
        if key == "uri" or (key in ("services", "volumes", "init", "manifests") and isinstance(value, str)):
            continue
        text = json.dumps(data)
        assert is_valid("provisioners", data) == accepts_provisioners(text), text


@pytest.mark.parametrize("data", [None, {}, [], [None], [1], [{}], [{"uri": "static://x"}], [{"type": "x"}], "x"])
def test_the_shape_of_a_provisioner_file_gets_our_verdict(data: object) -> None:
    assert is_valid("provisioners", data) == accepts_provisioners(json.dumps(data))


def files(name: str) -> list[Path]:
    """Our files of a name, in the order of their paths."""
    folders = ("docs", "examples", "scorefly", "tests")
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob(name))


@pytest.mark.parametrize("path", files("*.provisioners.yaml"), ids=lambda path: path.name)
def test_every_provisioner_file_here_is_valid(path: Path) -> None:
    assert is_valid("provisioners", yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", files("scorefly.yaml"), ids=lambda path: path.parent.name)
def test_every_project_file_here_is_valid(path: Path) -> None:
    assert is_valid("project", parse_any(path.read_bytes(), path.name).data)


bad_input = runpy.run_path(str(REPOSITORY / "tests/cli/test_bad_input.py"))
messages = runpy.run_path(str(REPOSITORY / "tests/messages/test_messages.py"))
BROKEN = [
    (case[0], name, text)
    for case in bad_input["CASES"]
    for name, text in case[1].items()
    if name in ("scorefly.yaml", bad_input["PROVISIONERS"]) and case[0] not in ONLY_OURS
]
BROKEN += [
    (case.mistake, name, text)
    for case in messages["CASES"]
    for name, text in case.files.items()
    # A schema cannot tell a template of Go's from one of Jinja's.
    if name.endswith(("scorefly.yaml", ".provisioners.yaml")) and "Go's" not in case.mistake
]


@pytest.mark.parametrize(("mistake", "name", "text"), BROKEN, ids=[case[0] for case in BROKEN])
def test_a_broken_file_gets_our_verdict(workspace: Workspace, mistake: str, name: str, text: str) -> None:
    try:
        data = parse_any(text, name).data
    except InputError:
        return  # it is no YAML, so there is nothing for a schema to read
    kind = "project" if name == "scorefly.yaml" else "provisioners"
    ours = accepts_project(workspace.path, text) if kind == "project" else accepts_provisioners(text)
    assert is_valid(kind, data) == ours, mistake

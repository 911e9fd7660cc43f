"""Whatever the schema takes is converted or refused with its place; what is converted is what the Score file says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scorefly.convert.annotations import ANNOTATIONS, PREFIX
from scorefly.convert.target import Target
from scorefly.convert.workload import convert
from scorefly.fly.check.checker import check
from scorefly.fly.config import dump, dump_machine
from scorefly.score.load import load_workloads
from scorefly.score.placeholders import Reference, UnknownReference

names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), max_size=12)
http = st.fixed_dictionaries(
    {"httpGet": st.fixed_dictionaries(
        {"path": st.sampled_from(["/", "/ready?a=b"]), "port": st.sampled_from([80, 8080, 9000])},
        optional={"scheme": st.sampled_from(["HTTP", "HTTPS"]), "host": names,
                  "httpHeaders": st.lists(st.fixed_dictionaries({"name": names, "value": names}), max_size=2)},
    )}
)  # fmt: skip
quantities = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["100m", "0.5", "3", "7", "16"]),
        "memory": st.sampled_from(["64Mi", "3G", "40Gi"]),
    },
)
probes = http | st.fixed_dictionaries(
    {"exec": st.fixed_dictionaries({"command": st.lists(plain, min_size=1, max_size=2)})}
)
containers = st.fixed_dictionaries(
    {"image": st.sampled_from(["nginx:1.27", "ghcr.io/a/b@sha256:" + "0" * 64])},
    optional={
        "command": st.lists(plain, max_size=2),
        "args": st.lists(plain, max_size=2),
        "variables": st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_.-]{0,8}", fullmatch=True), plain, max_size=4),
        "files": st.dictionaries(
            st.from_regex(r"/[a-z]{1,4}(/[a-z. ]{1,6})?", fullmatch=True), st.fixed_dictionaries({"content": plain}, optional={"mode": st.sampled_from(["0644", "0600"])}), max_size=3
        ),
        "volumes": st.dictionaries(
            st.from_regex(r"/[a-z]{1,4}", fullmatch=True), st.fixed_dictionaries({"source": st.just("data")}), max_size=1
        ),
        "resources": st.fixed_dictionaries({}, optional={"requests": quantities, "limits": quantities}),
        "livenessProbe": probes,
        "readinessProbe": probes,
    },
)  # fmt: skip
ports = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {"port": st.sampled_from([80, 443, 8080, 53])},
        optional={"targetPort": st.sampled_from([80, 8080, 9000]), "protocol": st.sampled_from(["TCP", "UDP"])},
    ),
    max_size=3,
)


def no_resources(reference: Reference) -> Any:
    raise UnknownReference(f"{reference} is not there")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workloads")


annotated = st.dictionaries(
    st.sampled_from([each for each in ANNOTATIONS if "<port>" not in each.name]).map(lambda each: each.name),
    st.none(),
    max_size=4,
).map(lambda found: {f"{PREFIX}{each.name}": each.example for each in ANNOTATIONS if each.name in found})
conditions = st.sampled_from(["started", "healthy", "complete"])


@given(
    containers=st.dictionaries(names, containers, min_size=1, max_size=3),
    service=ports,
    name=names,
    given_annotations=annotated,
    before=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), conditions), max_size=2),
)
def test_it_is_converted_or_refused_with_a_place(
    folder: Path, containers: dict[str, Any], service: Any, name: str, given_annotations: Any, before: Any
) -> None:
    order = list(containers)
    for first, second, ready in before:
        waiting = containers[order[first % len(order)]].setdefault("before", {})
        waiting[order[second % len(order)]] = {"ready": ready}
    document = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": name, **({"annotations": given_annotations} if given_annotations else {})},
        "containers": containers,
        "service": {"ports": service},
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    workloads, problems = load_workloads(folder, [PurePosixPath("score.yaml")])
    assert workloads or problems
    for workload in workloads:
        target = Target(folder, name, PurePosixPath("out"), region="ams")
        converted = convert(workload, no_resources, [], target)
        assert converted == convert(workload, no_resources, [], target)
        assert all(problem.place for problem in converted.problems)
        app = converted.app
        if app is None:
            assert any(problem.severity == "error" for problem in converted.problems)
            continue
        assert tomllib.loads(dump(app.config)) == app.config
        assert json.loads(dump_machine(app.machine)) == app.machine
        parts = {each["name"]: each for each in app.machine.get("containers", ())}
        for each, given_container in containers.items():
            env = parts[each].get("env", {}) if parts else app.config.get("env", {})
            assert env == given_container.get("variables", {})


@given(container=containers, service=ports, name=names)
def test_what_is_converted_passes_the_checker(folder: Path, container: Any, service: Any, name: str) -> None:
    document = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": name},
        "containers": {"main": container, "aside": {"image": "a:1"}},
        "service": {"ports": service},
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    workloads, _ = load_workloads(folder, [PurePosixPath("score.yaml")])
    for workload in workloads:
        converted = convert(workload, no_resources, [], Target(folder, name, PurePosixPath("out"), region="ams"))
        if app := converted.app:
            beside = ["machine.json", *(f"files/{each}" for each in app.files)]
            found = [each for each in check(app.config, app.machine or None, beside) if each.severity == "error"]
            assert found == []

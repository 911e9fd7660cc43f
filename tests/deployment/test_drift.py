"""What state remembers of a deploy, and what can be told from it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scorefly.deployment.drift import drift, facts_of
from scorefly.fly.api.machines import MachineView
from scorefly.state.snapshot import Record, pack, unpack

words = st.text(max_size=6)
env = st.dictionaries(words, words, max_size=3)
configs = st.fixed_dictionaries(
    {"image": words},
    optional={
        "env": st.none() | env,
        "guest": st.none() | st.fixed_dictionaries({"cpus": st.integers(1, 8), "memory_mb": st.integers(1, 9)}),
        "mounts": st.none() | st.lists(st.fixed_dictionaries({"name": words, "path": words}), max_size=2),
        "checks": st.none() | st.dictionaries(words, st.fixed_dictionaries({"type": words, "path": words}), max_size=2),
        "services": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {"internal_port": st.integers(1, 9)},
                optional={
                    "ports": st.none() | st.lists(st.fixed_dictionaries({"port": st.integers(1, 9)}), max_size=2),
                    "checks": st.none() | st.lists(st.fixed_dictionaries({"type": words}), max_size=2),
                },
            ),
            max_size=2,
        ),
        "containers": st.none()
        | st.lists(st.fixed_dictionaries({"name": words, "image": words, "env": env}), max_size=2),
    },
)


def machine(config: dict[str, Any], number: int = 0, region: str = "ams") -> MachineView:
    return MachineView(f"m{number}", "web", "started", region, config["image"], {}, config=config)


machines = st.lists(st.builds(machine, configs, region=st.sampled_from(["ams", "cdg"])), max_size=3)


@given(machines, env, env)
def test_a_record_comes_back_from_the_state_as_it_was(
    machines: list[MachineView], texts: dict[str, str], files: dict[str, str]
) -> None:
    record = Record(texts, files, facts_of(machines))
    assert unpack(pack(record)) == record


@given(machines)
def test_what_has_not_changed_is_no_drift(machines: list[MachineView]) -> None:
    assert drift(Record(facts=facts_of(machines)), list(reversed(machines))) == ()


@given(st.lists(st.builds(machine, configs), min_size=1, max_size=3), configs)
def test_a_machine_with_another_image_is_drift(machines: list[MachineView], config: dict[str, Any]) -> None:
    record = Record(facts=facts_of(machines))
    changed = [*machines[1:], replace(machines[0], config={**machines[0].config, "image": "somebody/elses"})]
    assert "image" in [each.what for each in drift(record, changed)]


@given(st.text(min_size=8, max_size=20).filter(lambda text: "\0" not in text))
def test_no_value_of_a_variable_or_header_is_remembered(value: str) -> None:
    check = {"type": "http", "path": "/", "headers": [{"name": "Authorization", "values": [value]}]}
    config = {"image": "", "env": {"A": value}, "checks": {"": check}}
    facts = facts_of([machine(config, region="")])
    assert not [text for texts in facts.values() for text in texts if value in text]

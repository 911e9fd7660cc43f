"""Sizes: what is asked for fits, and Fly takes it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.fly.sizes import KINDS, NoSuchSize, preset_named, smallest_size
from scorefly.quantities import MIB, cpus, memory_bytes
from scorefly.rehearsal.config_rules import machine_config
from scorefly.rehearsal.rules import Refused


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("0.5", Fraction(1, 2)), ("250m", Fraction(1, 4)), ("0", 0), ("1500m", Fraction(3, 2))],
)
def test_cpus(text: str, number: Fraction) -> None:
    assert cpus(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("128Mi", 128 * MIB), ("1.5G", 1_500_000_000), ("0.5Gi", 512 * MIB), ("1048576", MIB), ("1K", 1000)],
)
def test_memory(text: str, number: int) -> None:
    assert memory_bytes(text) == number


@given(st.fractions(0, 20), st.integers(0, 150_000))
def test_the_size_holds_what_is_asked_and_fly_takes_it(wanted_cpus: Fraction, memory: int) -> None:
    try:
        size = smallest_size(wanted_cpus, memory)
    except NoSuchSize:
        assert wanted_cpus > 16 or memory > 16 * 8192
        return
    assert size.cpus >= wanted_cpus
    assert size.memory_mb >= memory
    guest = {"cpu_kind": size.cpu_kind, "cpus": size.cpus, "memory_mb": size.memory_mb}
    assert machine_config({"image": "x", "guest": guest}, {})["guest"] == guest


@given(st.fractions(0, 16), st.integers(0, 16 * 8192))
def test_no_smaller_size_would_do(wanted_cpus: Fraction, memory: int) -> None:
    size = smallest_size(wanted_cpus, memory)
    kind = next(each for each in KINDS if each.name == size.cpu_kind)
    fewer = [count for count in kind.cpus if count < size.cpus]
    assert all(count < wanted_cpus or count * kind.most_memory < memory for count in fewer)
    assert size.memory_mb - kind.step < max(memory, size.preset_memory_mb)


def test_presets_by_name() -> None:
    assert (preset_named("performance-2x") or pytest.fail("there is one")).memory_mb == 4096
    assert preset_named("shared-cpu-3x") is None


@pytest.mark.parametrize(
    "guest",
    [{"cpus": 3}, {"memory_mb": 300}, {"cpus": 1, "memory_mb": 4096}, {"cpu_kind": "performance", "memory_mb": 256}],
)
def test_the_rehearsal_refuses_combinations_that_fly_refuses(guest: dict[str, object]) -> None:
    with pytest.raises(Refused):
        machine_config({"image": "x", "guest": guest}, {})

"""State in a file: encrypted, whole, one run at a time."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scorefly.problems import ExternalError, InputError
from scorefly.state.document import (
    AppState,
    EnvironmentState,
    ResourceState,
    SecretState,
    fingerprint,
    guid,
    new_environment,
)
from scorefly.state.document_json import dump, load
from scorefly.state.encryption import Keys, new_key, parse_keys
from scorefly.state.file import FileStore
from scorefly.values import Secret
from struct_strategies import structs

KEY = new_key()
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
leaves = scalars | scalars.map(Secret)
names = st.text(max_size=6) | st.sampled_from(["$secret", "$", "$$secret"])
trees = st.dictionaries(
    names,
    st.recursive(leaves, lambda each: st.lists(each, max_size=2) | st.dictionaries(names, each, max_size=2)),
    max_size=3,
)
words = st.text(max_size=8)
resources = structs(
    ResourceState, uid=words, guid=words, provisioner=words, type=words, class_=words, id=words,
    workloads=st.lists(words, max_size=2).map(tuple), params=trees, state=trees, outputs=trees, random=trees,
    apps=st.lists(words, max_size=2).map(tuple), owner=words, needs=st.lists(words, max_size=2).map(tuple),
)  # fmt: skip
apps = structs(
    AppState, name=words, owner=words, workload=words, digest=words, url=words,
    secrets=st.dictionaries(words, structs(SecretState, words, words), max_size=2),
    ports=st.dictionaries(words, st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=2),
    id=words, needs=st.lists(words, max_size=2).map(tuple), addresses=st.lists(words, max_size=2).map(tuple),
    record=words,
)  # fmt: skip
states = structs(
    EnvironmentState, environment=words, seed=words, shared=trees,
    resources=st.lists(resources, max_size=2).map(lambda each: {one.uid: one for one in each}),
    apps=st.lists(apps, max_size=2).map(lambda each: {one.name: one for one in each}),
    workloads=st.dictionaries(words, words, max_size=2),
)  # fmt: skip


@given(states)
def test_any_state_comes_back_as_it_was_with_its_secrets_marked(state: EnvironmentState) -> None:
    assert load(dump(state)) == state


@given(states)
def test_the_same_state_gives_the_same_bytes(state: EnvironmentState) -> None:
    assert dump(load(dump(state))) == dump(state)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "state" / "local.state", "local")


def test_there_is_none_at_first_and_then_what_was_saved(store: FileStore) -> None:
    assert store.load() is None
    state = new_environment("local").with_app(AppState("web", "web"))
    store.save(state)
    assert FileStore(store.path, "local").load() == state


def test_files_are_for_their_owner_only(store: FileStore) -> None:
    store.save(new_environment("local"))
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (store.path, store.key_path)} == {0o600}


def test_nothing_in_the_file_can_be_read(store: FileStore) -> None:
    resource = ResourceState(
        "redis.default#web.c", "g", "u", "redis", "default", "web.c", outputs={"p": Secret("canary")}
    )
    store.save(new_environment("local").with_resource(resource))
    content = store.path.read_bytes()
    assert not [word for word in (b"canary", b"redis", b"web") if word in content]


def test_a_save_that_fails_leaves_the_old_state(store: FileStore) -> None:
    first = new_environment("local")
    store.save(first)
    before = sorted(store.path.parent.iterdir())
    broken = first.with_app(AppState("web", "\ud800"))
    with pytest.raises(UnicodeEncodeError):
        store.save(broken)
    assert store.load() == first
    assert sorted(store.path.parent.iterdir()) == before


def test_the_first_of_several_keys_encrypts_and_any_of_them_decrypts(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    state = new_environment("x")
    FileStore(tmp_path / "s", "x", Keys((old,))).save(state)
    rotating = FileStore(tmp_path / "s", "x", parse_keys(f"{new}\n{old}\n"))
    assert rotating.load() == state
    rotating.save(state)
    assert FileStore(tmp_path / "s", "x", Keys((new,))).load() == state


def test_a_wrong_key_is_told_apart_from_a_damaged_file(tmp_path: Path) -> None:
    key = new_key()
    store = FileStore(tmp_path / "s", "x", Keys((key,)))
    store.save(new_environment("x"))
    with pytest.raises(InputError, match="encrypted with another key"):
        FileStore(tmp_path / "s", "x", Keys((new_key(),))).load()
    content = store.path.read_bytes()
    for damaged in (content[:-20], content[:60] + b"AAAA" + content[64:], b"", b"{}"):
        store.path.write_bytes(damaged)
        with pytest.raises(InputError, match="the state is damaged"):
            store.load()


def test_a_key_that_is_gone_is_not_replaced(store: FileStore) -> None:
    store.save(new_environment("local"))
    store.key_path.unlink()
    with pytest.raises(InputError, match="the key of this state is gone"):
        FileStore(store.path, "local").load()
    assert not store.key_path.exists()


def test_a_state_that_is_there_already_is_not_written_again(store: FileStore) -> None:
    state = new_environment("local")
    store.save(state)
    before = store.path.read_bytes()
    FileStore(store.path, "local").save(state)
    assert store.path.read_bytes() == before


def test_a_damaged_file_is_replaced_when_the_state_is_saved(store: FileStore) -> None:
    state = new_environment("local")
    store.save(state)
    store.path.write_bytes(store.path.read_bytes()[:-20])
    store.save(state)
    assert store.load() == state


@pytest.mark.parametrize("content", [b"", b"junk\n", b"\xff\n"])
def test_a_key_file_that_holds_no_key_is_named(store: FileStore, content: bytes) -> None:
    store.save(new_environment("local"))
    store.key_path.write_bytes(content)
    with pytest.raises(InputError, match=r"local\.state\.key:1:1: this is not a key"):
        FileStore(store.path, "local").load()


def test_a_newer_version_is_refused() -> None:
    data = json.loads(dump(new_environment("x")))
    with pytest.raises(InputError, match="use a newer scorefly"):
        load(json.dumps({**data, "version": data["version"] + 1}).encode())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": 1}', b'{"version": 0}', b'{"version": "1"}', b"\xff"]
)
def test_what_is_no_state_is_said_to_be_damaged(content: bytes) -> None:
    with pytest.raises(InputError, match="the state is damaged"):
        load(content)


def test_only_one_run_works_on_an_environment(store: FileStore) -> None:
    import os

    with store.lock():
        with (
            pytest.raises(ExternalError, match=rf"process {os.getpid()}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"),
            FileStore(store.path, "local").lock(),
        ):
            pass
    with FileStore(store.path, "local").lock():
        pass


@pytest.mark.parametrize("which", ["local.state", "local.state.key", "local.state.scorefly-lock"])
def test_no_file_is_written_through_a_link(store: FileStore, tmp_path: Path, which: str) -> None:
    store.path.parent.mkdir()
    target = tmp_path / "elsewhere"
    target.write_text("theirs")
    (store.path.parent / which).symlink_to(target)
    with pytest.raises(InputError, match="symbolic link"), store.lock():
        store.save(new_environment("local"))
    assert target.read_text() == "theirs"


def test_a_fingerprint_and_a_guid_are_the_environments_own() -> None:
    one, two = new_environment("x").seed, new_environment("x").seed
    assert fingerprint(one, "A", "v") == fingerprint(one, "A", "v") != fingerprint(two, "A", "v")
    assert fingerprint(one, "A", "v") != fingerprint(one, "B", "v")
    assert guid(one, "x") == guid(one, "x") != guid(two, "x")


@given(st.lists(states, min_size=2, max_size=4))
def test_what_is_saved_under_the_lock_is_read_by_others_at_once(several: list[EnvironmentState]) -> None:
    with TemporaryDirectory() as folder:
        store = FileStore(Path(folder, "s"), "x", Keys((KEY,)))
        with store.lock():
            for state in several:
                store.save(replace(state, environment="x"))
                assert FileStore(store.path, "x", Keys((KEY,))).load() == replace(state, environment="x")
        assert FileStore(store.path, "x", Keys((KEY,))).load() == replace(several[-1], environment="x")
        assert sorted(path.name for path in Path(folder).iterdir()) == ["s"]


def test_a_run_that_was_killed_while_it_saved_loses_that_change_alone(store: FileStore) -> None:
    first = new_environment("local")
    second, third = (replace(first, workloads={"web": file}) for file in ("a.yaml", "b.yaml"))
    journal = store.path.with_name("local.state.journal")
    with store.lock():
        store.save(first)
        store.save(second)
        store.save(third)
        kept = journal.read_bytes()
    with store.lock():
        store.save(first)
        store.save(second)
        store.save(third)
        journal_of_this_run = journal.read_bytes()
        torn = journal_of_this_run[:-10]
        journal.write_bytes(torn)
        assert FileStore(store.path, "local").load() == second
        journal.write_bytes(kept)
        assert FileStore(store.path, "local").load() == first, "a journal of another file is not used"
        journal.write_bytes(journal_of_this_run)


def test_saving_one_change_does_not_write_the_whole_state(store: FileStore) -> None:
    many = {f"w{number}": f"{number}/score.yaml" for number in range(2000)}
    state = replace(new_environment("local"), workloads=many)
    journal = store.path.with_name("local.state.journal")
    with store.lock():
        store.save(state)
        store.save(replace(state, workloads={**many, "w1": "other.yaml"}))
        assert journal.stat().st_size < store.path.stat().st_size / 50

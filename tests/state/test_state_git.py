"""State on a ref of a real repository: races, locks, keys."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from git_servers import Bare, bare_repository, git
from scorefly.git.remote import Address, GitRemote
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.state.document import AppState, ResourceState, new_environment
from scorefly.state.document_json import load
from scorefly.state.encryption import Keys, new_key
from scorefly.state.git import GitStore, state_ref
from scorefly.state.git_lock import LOCK_TTL, GitLock, Holder
from scorefly.state.own_process import identify_process
from scorefly.state.session import take_lock
from scorefly.state.store import HeldError
from scorefly.values import Secret

REF, LOCK = "refs/scorefly/production", "refs/scorefly-locks/production"


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return bare_repository(tmp_path / "server")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
def opened(bare: Bare, clock: Clock, key: str) -> Iterator[Callable[..., GitStore]]:
    """Opens the state as one run does."""
    with ExitStack() as stack:

        def open_one(
            name: str = "one", *, keys: str = "", environment: str = "production", instance: str = "", process: str = ""
        ) -> GitStore:
            address = Address(bare.path.as_uri())
            remote = stack.enter_context(GitRemote(address, os.environ, sleep=clock.sleep))
            holder = Holder(name, f"https://x.example/{name}", instance=instance, process=process)
            lock = GitLock(remote, LOCK, environment, holder, now=clock.now)
            return GitStore(remote, environment, Keys(tuple((keys or key).split())), lock)

        yield open_one


Open = Callable[..., GitStore]


def app(name: str, **values: Any) -> AppState:
    return AppState(name, name, **values)


def cache(workload: str, password: str) -> ResourceState:
    uid = f"redis.default#{workload}.cache"
    return ResourceState(uid, "g", "u", "redis", "default", uid, outputs={"password": Secret(password)})


def test_there_is_none_at_first_and_then_what_was_saved(opened: Open) -> None:
    store = opened()
    assert store.load() is None
    state = new_environment("production").with_app(app("web")).with_resource(cache("web", "canary"))
    store.save(state)
    assert opened().load() == state


def test_nothing_on_the_ref_can_be_read_without_the_key(opened: Open, bare: Bare) -> None:
    store = opened()
    store.load()
    store.save(new_environment("production").with_resource(cache("web", "canary")))
    shown = git(bare.path, "show", "--raw", REF) + bare.show(REF)
    assert not [word for word in ("canary", "redis", "web") if word in shown]


def test_process_that_was_killed_on_this_machine_leaves_no_lock_in_the_way(opened: Open) -> None:
    program = "from scorefly.state.own_process import identify_process; print(identify_process())"
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    living = identify_process()
    elsewhere = dead.replace(dead[:8], "ffffffff", 1)
    for process in (living, elsewhere, "", "nonsense", living.rpartition(" ")[0]):
        with (
            opened("one", process=process).lock(),
            pytest.raises(HeldError),
            opened("two", process=living).lock(),
        ):
            pass
    opened("killed", process=dead).lock().__enter__()
    with opened("next", process=living).lock():
        pass


def test_an_instance_takes_back_its_own_lock_at_once_and_no_other(opened: Open) -> None:
    killed = opened("one", instance="listener:staging").lock()
    killed.__enter__()  # a run that is killed never gives it back
    for other in ("", "listener:production"):
        with pytest.raises(HeldError), opened("two", instance=other).lock():
            pass
    with opened("three", instance="listener:staging").lock():
        pass


def test_a_state_that_has_not_changed_is_not_written_again(opened: Open, bare: Bare) -> None:
    store = opened()
    store.load()
    store.save(state := new_environment("production"))
    before = bare.refs
    store.save(state)
    again = opened()
    again.save(again.load() or state)
    assert bare.refs == before


def test_a_run_leaves_one_commit_whose_parent_is_that_of_the_run_before(opened: Open, bare: Bare) -> None:
    state = new_environment("production")
    for run in range(3):
        store = opened()
        state = store.load() or state
        for name in ("web", "worker"):
            state = state.with_app(app(name, digest=str(run)))
            store.save(state)
    assert len(git(bare.path, "rev-list", REF).splitlines()) == 3
    assert opened().load() == state


def test_a_run_that_lost_a_race_stops_and_both_runs_work_is_there(opened: Open) -> None:
    slow, fast = opened("slow"), opened("fast")
    start = new_environment("production")
    opened().save(start)
    ours, theirs = slow.load() or start, fast.load() or start
    fast.save(theirs.with_resource(cache("fast", "made-by-fast")))
    mine = ours.with_resource(cache("slow", "made-by-slow"))
    with pytest.raises(ExternalError, match="another run changed the state meanwhile: what both did is kept"):
        slow.save(mine)
    # Its other threads still have something to save, and must not undo what the other run did.
    with pytest.raises(ExternalError, match="what both did is kept"):
        slow.save(mine.with_app(app("slow")))
    found = opened().load()
    assert found is not None
    assert set(found.resources) == {"redis.default#fast.cache", "redis.default#slow.cache"}
    assert set(found.apps) == {"slow"}


def test_what_both_made_is_the_first_ones_and_the_others_is_kept_aside(opened: Open, bare: Bare, key: str) -> None:
    slow, fast = opened("slow"), opened("fast")
    assert (slow.load(), fast.load()) == (None, None)
    fast.save(new_environment("production").with_resource(cache("web", "first")))
    lost = new_environment("production").with_resource(cache("web", "second")).with_app(app("only"))
    with pytest.raises(ExternalError, match=r"redis\.default#web\.cache") as error:
        slow.save(lost)
    (aside,) = [ref for ref in bare.refs if ref.startswith("refs/scorefly-recovery/production/")]
    assert aside in str(error.value)
    assert load(Keys((key,)).decrypt(bare.show(aside).encode() + b"\n")) == lost
    found = opened().load()
    assert found is not None
    assert found.resources["redis.default#web.cache"].outputs == {"password": Secret("first")}
    assert "only" in found.apps


def test_a_state_that_was_deleted_meanwhile_is_there_again(opened: Open, bare: Bare) -> None:
    store = opened()
    opened().save(state := new_environment("production"))
    store.load()
    git(bare.path, "update-ref", "-d", REF)
    with pytest.raises(ExternalError, match="is kept"):
        store.save(changed := state.with_app(app("web")))
    assert opened().load() == changed


def test_a_state_whose_key_was_changed_meanwhile_keeps_ours_aside(opened: Open, bare: Bare, key: str) -> None:
    store, other = opened(), opened(keys=new_key())
    store.load()
    other.load()
    other.save(new_environment("production"))
    with pytest.raises(ExternalError, match="it cannot be read: the state was encrypted with another key"):
        store.save(ours := new_environment("production"))
    (aside,) = [ref for ref in bare.refs if "recovery" in ref]
    assert load(Keys((key,)).decrypt(bare.show(aside).encode())) == ours


def test_a_server_that_refuses_the_ref_leaves_the_old_state(opened: Open, bare: Bare) -> None:
    store = opened()
    store.load()
    store.save(state := new_environment("production"))
    bare.hook("pre-receive", "exit 1")
    with pytest.raises(ExternalError, match="rule or hook"):
        store.save(state.with_app(app("web")))
    assert opened().load() == state
    (bare.path / "hooks" / "pre-receive").unlink()
    store.save(state.with_app(app("web")))
    assert opened().load() == state.with_app(app("web"))


def test_a_wrong_key_is_told_apart_from_a_damaged_state_and_from_anothers(opened: Open, bare: Bare) -> None:
    store = opened()
    store.load()
    store.save(new_environment("production"))
    with pytest.raises(InputError, match="encrypted with another key"):
        opened(keys=new_key()).load()
    git(bare.path, "update-ref", state_ref("staging"), REF)
    with pytest.raises(InputError, match="this is the state of 'production', not of 'staging'"):
        opened(environment="staging").load()
    git(bare.path, "update-ref", REF, bare.commit("no document in it")[0])
    with pytest.raises(InputError, match=r"refs/scorefly/production: the state is damaged"):
        opened().load()


def test_a_state_that_is_deleted_is_gone_and_another_may_follow(opened: Open, bare: Bare) -> None:
    store = opened()
    store.delete()
    store.save(new_environment("production"))
    store.delete()
    assert git(bare.path, "for-each-ref", REF) == ""
    store.save(new_environment("production"))
    assert opened().load() is not None


def test_a_state_that_somebody_changed_meanwhile_is_not_deleted(opened: Open) -> None:
    opened().save(new_environment("production"))
    ours, theirs = opened("ours"), opened("theirs")
    loaded = [store.load() for store in (ours, theirs)]
    assert loaded[1] is not None
    theirs.save(loaded[1].with_app(app("web")))
    with pytest.raises(ExternalError, match="another run changed the state meanwhile"):
        ours.delete()
    state = opened().load()
    assert state is not None
    assert list(state.apps) == ["web"]


def test_a_rotated_state_is_read_with_the_new_key_and_has_no_past(opened: Open, bare: Bare, key: str) -> None:
    state = new_environment("production")
    for digest in ("1", "2"):
        store = opened()
        store.load()
        store.save(state := state.with_app(app("web", digest=digest)))
    fresh = new_key()
    rotating = opened(keys=f"{fresh}\n{key}")
    rotating.rotate(rotating.load() or state)
    assert opened(keys=fresh).load() == state
    assert len(git(bare.path, "rev-list", REF).splitlines()) == 1


def test_a_new_first_key_encrypts_what_is_saved_even_if_nothing_changed(opened: Open, key: str) -> None:
    store = opened()
    store.load()
    store.save(state := new_environment("production"))
    fresh = new_key()
    both = opened(keys=f"{fresh}\n{key}")
    both.save(both.load() or state)
    assert opened(keys=fresh).load() == state


def test_only_one_run_has_the_lock_and_it_says_who_and_since_when(opened: Open, bare: Bare) -> None:
    with opened("first").lock():
        with pytest.raises(HeldError) as error, opened("second").lock():
            pass
        told = str(error.value)
        assert opened().holder() == "first, since 2027-01-15 08:00:00 UTC, https://x.example/first"
    assert "first, since 2027-01-15 08:00:00 UTC, https://x.example/first" in told
    assert "scorefly state unlock --state git --environment production" in told
    assert bare.refs == {}
    assert opened().holder() == ""


def test_a_run_waits_for_the_lock_and_tells_so_once(opened: Open, clock: Clock) -> None:
    told: list[str] = []
    first = ExitStack()
    first.enter_context(opened("first").lock())

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.time > 1_800_000_020:
            first.close()

    with ExitStack() as held:
        take_lock(opened("second"), held, 300, told.append, now=clock.now, sleep=sleep)
    assert len(told) == 1
    assert told[0].startswith("waiting: another run is working on production: first, since")
    assert clock.time < 1_800_000_030


def test_a_run_that_waited_long_enough_stops(opened: Open, clock: Clock) -> None:
    with opened("first").lock(), ExitStack() as held:
        with pytest.raises(HeldError):
            take_lock(opened("second"), held, 60, lambda _: None, now=clock.now, sleep=clock.sleep)
    assert sum(clock.slept) == 60


def test_the_lock_of_a_run_that_was_killed_expires(opened: Open, clock: Clock, bare: Bare) -> None:
    opened("killed")._lock.take()
    clock.time += LOCK_TTL
    with pytest.raises(HeldError), opened().lock():
        pass
    clock.time += 60
    assert "expired" in opened().holder()
    with opened("next").lock():
        assert json.loads(bare.show(LOCK))["name"] == "next"


def test_of_two_that_find_an_expired_lock_one_gets_it(opened: Open, clock: Clock) -> None:
    opened("killed")._lock.take()
    clock.time += 2 * LOCK_TTL
    with opened("second").lock():
        with pytest.raises(HeldError, match="second"), opened("third").lock():
            pass


def test_a_lock_that_is_refreshed_lives_on(opened: Open, clock: Clock) -> None:
    first = opened("first")
    with first.lock():
        for _ in range(5):
            clock.time += LOCK_TTL / 2
            first._lock.refresh()
        with pytest.raises(HeldError), opened("second").lock():
            pass


def test_a_lock_is_refreshed_as_long_as_the_run_works(bare: Bare) -> None:
    refreshed, calls = threading.Event(), itertools.count()

    def now() -> float:
        if (call := next(calls)) == 3:
            refreshed.set()
        return 1_800_000_000.0 + call

    with GitRemote(Address(bare.path.as_uri()), os.environ) as remote:
        lock = GitLock(remote, LOCK, "production", Holder("one"), now=now, refresh_every=0.01)
        with lock.hold():
            assert refreshed.wait(30)
            entry = json.loads(bare.show(LOCK))
        assert bare.refs == {}
        assert not lock.lost
    assert entry["since"] == 1_800_000_000.0
    assert entry["expires"] > entry["since"] + LOCK_TTL


def test_a_run_that_lost_its_lock_stops_when_it_saves_and_leaves_the_new_holders_alone(
    opened: Open, clock: Clock, bare: Bare
) -> None:
    suspended = opened("suspended")
    state = suspended.load() or new_environment("production")
    with suspended.lock():
        clock.time += 2 * LOCK_TTL
        with opened("other").lock():
            suspended._lock.refresh()
            with pytest.raises(ExternalError, match="another run took the lock: what this one did is kept"):
                suspended.save(changed := state.with_app(app("web")))
            suspended._lock.release()
            assert json.loads(bare.show(LOCK))["name"] == "other"
    assert opened().load() == changed


def test_an_unlocked_lock_is_anybodys_and_nobody_is_an_answer_too(opened: Open, bare: Bare) -> None:
    opened().unlock()
    opened("dead")._lock.take()
    opened().unlock()
    assert bare.refs == {}


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 100_000, '{"name": 1, "link": 1, "since": 0, "expires": NaN}', '{"since": 1e300}']
)
def test_a_lock_nobody_can_read_is_never_taken_for_expired(opened: Open, bare: Bare, content: str) -> None:
    (bare.source / "document").write_text(content)
    git(bare.source, "add", "document")
    commit = git(bare.source, "commit-tree", git(bare.source, "write-tree"), "-m", "x")
    git(bare.source, "push", "--quiet", "origin", f"{commit}:{LOCK}")
    assert opened().holder() == "somebody who left no name"
    with pytest.raises(HeldError, match="somebody who left no name"), opened().lock():
        pass


def test_a_server_that_goes_away_takes_nothing_from_a_run_but_its_lock(opened: Open, bare: Bare) -> None:
    with opened("first").lock():
        bare.hook("pre-receive", "exit 1")
    assert LOCK in bare.refs


def test_run_that_was_stopped_for_too_long_is_refused_every_change(opened: Open, clock: Clock) -> None:
    first = opened("first")
    with first.lock():
        first.confirm_lock()
        clock.time += 2 * LOCK_TTL
        with opened("second").lock(), pytest.raises(ExternalError, match="another run took the lock"):
            first.confirm_lock()


def test_lock_that_nearly_expired_is_refreshed_before_a_change(opened: Open, clock: Clock) -> None:
    first = opened("first")
    with first.lock():
        clock.time += LOCK_TTL - 1
        first.confirm_lock()
        clock.time += LOCK_TTL - 1
        with pytest.raises(HeldError, match="first"), opened("second").lock():
            pass


def test_lock_that_still_holds_outlives_a_server_that_does_not_answer(
    opened: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise ExternalError(Problem("the server does not answer"))

    first = opened("first")
    with first.lock():
        with monkeypatch.context() as patch:
            patch.setattr(first._remote, "swap", refuse)
            clock.time += LOCK_TTL - 1
            first.confirm_lock()
            clock.time += 2
            with pytest.raises(ExternalError, match="does not answer"):
                first.confirm_lock()
        first.confirm_lock()

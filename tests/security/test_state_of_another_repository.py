"""A state belongs to one repository and environment: another one with the same key does not take it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from git_servers import bare_repository
from scorefly.git.remote import Address, GitRemote
from scorefly.problems import InputError
from scorefly.state.document import Repository, new_environment
from scorefly.state.encryption import Keys, new_key
from scorefly.state.git import git_store
from scorefly.state.git_lock import Holder
from workspaces import Workspace

KEY = new_key()
STATE = ".scorefly/state/local.state"


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.variables["SCOREFLY_STATE_KEY"] = KEY
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    result = workspace.run("generate", GITHUB_REPOSITORY="Acme/Shop", GITHUB_REPOSITORY_ID="1")
    assert result.code == 0, result.err
    return workspace


@pytest.mark.parametrize(
    ("command", "number"),
    [("generate", ""), ("generate", "2"), ("state show", ""), ("resources list", "2"), ("state rotate-key", "2")],
)
def test_another_repository_with_the_same_key_is_refused(shop: Workspace, command: str, number: str) -> None:
    before = shop.tree()
    result = shop.run(*command.split(), GITHUB_REPOSITORY="acme/blog", GITHUB_REPOSITORY_ID=number)
    assert result.code == 2
    assert "this is the state of repository acme/shop, not of acme/blog" in result.err
    assert "scorefly state rebind" in result.err
    assert shop.tree() == before


def test_repository_made_anew_under_the_same_name_is_another_one(shop: Workspace) -> None:
    result = shop.run("generate", GITHUB_REPOSITORY="acme/shop", GITHUB_REPOSITORY_ID="2")
    assert result.code == 2


def test_renamed_repository_keeps_its_state_by_id(shop: Workspace) -> None:
    assert shop.run("generate", GITHUB_REPOSITORY="acme/store", GITHUB_REPOSITORY_ID="1").code == 0
    assert yaml.safe_load(shop.run("state", "show").out)["repository"] == "acme/store"


def test_rebind_gives_the_state_to_the_repository_of_today(shop: Workspace) -> None:
    result = shop.run("state", "rebind", GITHUB_REPOSITORY="acme/store")
    assert (result.code, result.out.endswith("local.state belongs to acme/store now\n")) == (0, True)
    assert shop.run("generate", GITHUB_REPOSITORY="acme/store", GITHUB_REPOSITORY_ID="7").code == 0
    assert shop.run("generate", GITHUB_REPOSITORY="acme/shop", GITHUB_REPOSITORY_ID="1").code == 2


def test_folder_without_a_remote_uses_the_state_and_leaves_its_repository(shop: Workspace) -> None:
    assert shop.run("generate").code == 0
    assert yaml.safe_load(shop.run("state", "show").out)["repository"] == "acme/shop"


def test_state_made_without_a_repository_is_bound_later(workspace: Workspace) -> None:
    workspace.workload("web")
    for repository, code in (("", 0), ("acme/shop", 0), ("acme/blog", 2)):
        assert workspace.run("generate", GITHUB_REPOSITORY=repository).code == code


def test_state_of_an_earlier_version_is_accepted_once_and_bound(shop: Workspace) -> None:
    path, keys = shop.path / STATE, Keys((KEY,))
    data = json.loads(keys.decrypt(path.read_bytes()))
    del data["repository"]
    path.write_bytes(keys.encrypt(json.dumps({**data, "version": 3}).encode()))
    assert shop.run("generate", GITHUB_REPOSITORY="acme/blog").code == 0
    assert shop.run("generate", GITHUB_REPOSITORY="acme/shop").code == 2


def test_state_of_another_environment_is_refused(shop: Workspace) -> None:
    shutil.copy(shop.path / STATE, shop.path / ".scorefly/state/staging.state")
    result = shop.run("generate", "--environment", "staging", GITHUB_REPOSITORY="acme/shop")
    assert result.code == 2
    assert "this is the state of 'local', not of 'staging'" in result.err


def test_ref_of_another_repository_is_refused(tmp_path: Path) -> None:
    bare = bare_repository(tmp_path / "server")
    with GitRemote(Address(bare.path.as_uri()), os.environ) as remote:

        def opened(name: str) -> tuple[str, str]:
            store = git_store(remote, "production", Keys((KEY,)), Holder(name), Repository(name))
            state = store.load() or new_environment("production")
            store.save(state)
            return state.seed, state.repository.name

        seed, _ = opened("")
        assert opened("acme/shop") == (seed, "acme/shop")
        with pytest.raises(InputError, match="state of repository acme/shop, not of acme/blog"):
            opened("acme/blog")
        assert opened("") == (seed, "acme/shop")

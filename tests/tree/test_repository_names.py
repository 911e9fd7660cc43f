"""One key for every way to write a repository, and the highest version among tags."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.problems import InputError
from scorefly.sources.repository import parse_repository
from scorefly.sources.versions import highest_version, version_key


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/web",
        "https://github.com/acme/web.git",
        "https://github.com:443/Acme/Web/",
        "https://GitHub.com/acme/web.git/",
        "ssh://git@github.com/acme/web",
        "ssh://git@github.com:22/acme/web.git",
        "git@github.com:acme/web.git",
        "github.com:acme/web",
        "github.com/acme/web",
    ],
)
def test_one_repository_has_one_key(text: str) -> None:
    assert parse_repository(text).key == "github.com/acme/web"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://git.example.com/a/web", "https://git.example.com/a/Web"),
        ("https://git.example.com/a/web", "https://git.example.com:8443/a/web"),
        ("https://git.example.com/a/web", "https://git.example.com/b/web"),
    ],
)
def test_different_repositories_have_different_keys(one: str, other: str) -> None:
    assert parse_repository(one).key != parse_repository(other).key


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "web", "/srv/git/web", "../web", "./web.git", "file:///srv/web", "ext::sh -c id", "fd::3", "a\nb"),
        *("http://example.com/a/b", "git://example.com/a/b", "ftp://example.com/a", "https://", "https://example.com"),
        *("https://user:secret@example.com/a/b", "https://token@example.com/a/b", "https://example.com/a?b", "-x:y"),
        *(
            "ssh://-oProxyCommand=id/a/b",
            "git@-oProxyCommand=id:a/b",
            "git@example.com:-a/b",
            "https://example.com/../b",
        ),
        *(
            "https://example.com/a/b#c",
            "ssh://git@example.com:x/a",
            "https://[::1/a",
            "git@example.com:a b",
            "ext::a/b",
        ),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_repository(text)
    assert "secret" not in str(error.value).replace("name the secret", "")


@given(st.text(max_size=60))
def test_any_text_is_a_repository_by_https_or_ssh_or_refused(text: str) -> None:
    try:
        found = parse_repository(text)
    except InputError:
        return
    assert found.scheme in ("https", "ssh") or re.match(r"http://(127\.|localhost)", found.url)
    assert not found.url.startswith("-")
    assert parse_repository(found.url).key == found.key


def test_highest_version_is_by_numbers_and_without_pre_releases() -> None:
    tags = ["v1.9.0", "v1.10.0", "v1.10.1-rc1", "v2.0.0-rc1", "v2.0.0-rc2", "other", "v1.2"]
    assert highest_version("v1.*", tags) == "v1.10.0"
    assert highest_version("v*", tags) == "v1.10.0"
    assert highest_version("v2.*-*", tags) == "v2.0.0-rc2"
    assert highest_version("x*", tags) == ""


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), min_size=1))
def test_versions_are_in_the_order_of_their_numbers(versions: list[tuple[int, int, int]]) -> None:
    tags = [f"v{a}.{b}.{c}" for a, b, c in versions]
    assert highest_version("v*", tags) == "v{}.{}.{}".format(*max(versions))
    assert version_key("v1.0.0-rc1") < version_key("v1.0.0") < version_key("v1.0.1-a")

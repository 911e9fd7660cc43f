"""The patterns of a `.dockerignore`, compared with a reference that follows moby's code step by step."""

from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scorefly.desired.dockerignore import DockerIgnore, Matches


def is_ignored(content: str, path: str) -> bool:
    """What a walk finds: whether the path is ignored, or not entered because its folder is."""
    ignore, matches, ignored = DockerIgnore(content), Matches(), False
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        if ignored and not ignore.may_include_below("/".join(parts[: depth - 1])):
            return True
        ignored, matches = ignore.match("/".join(parts[:depth]), matches)
    return ignored


def reference(content: str, path: str) -> bool:
    """The same without leaving out any folder or comparison, and with one regular expression per pattern."""
    lines = [line.strip() for line in content.split("\n") if line.strip() and not line.startswith("#")]
    patterns = []
    for line in lines:
        text = line[1:].strip() if line.startswith("!") else line
        if text:
            patterns.append((line.startswith("!"), posixpath.normpath("/" + text).lstrip("/") or "/"))
    parent: list[bool] = []
    result = False
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        here, result, matched = "/".join(parts[:depth]), False, []
        for number, (exception, pattern) in enumerate(patterns):
            match = bool(parent) and parent[number]
            if not match and exception == result:
                match = glob(pattern, here)
            matched.append(match)
            if match:
                result = not exception
        parent = matched
    return result


def glob(pattern: str, path: str) -> bool:
    if re.fullmatch(r"\*\*[^*?]*", pattern):
        return path.endswith(pattern[2:]) or "/" + path == pattern[2:]
    if re.fullmatch(r"[^*?]*\*\*", pattern):
        return path.startswith(pattern[:-2])
    text = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\?", "[^/]")
    text = re.sub(r"\\\*\\\*$", ".*", text).replace(r"\*\*", "(.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(text, path) is not None


NAMES = st.sampled_from(["a", "b", "ab", ".c", "a.b"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", "ab", ".c", "*", "**", "a*", "*.b", "?", "a**"])
PATTERNS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!", "! "]),
    st.sampled_from(["", "/", "./"]),
    st.lists(PIECES, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "/", " "]),
)


@given(st.lists(PATTERNS | st.sampled_from(["# a", "", "!"]), max_size=5).map("\n".join), PATHS)
@example("a\n!a/b", "a/b")
@example("a/b\n!a\n*", "a/b")
@example("*\n!**/.c", "a/b/.c")
def test_patterns_match_as_in_the_reference(content: str, path: str) -> None:
    assert is_ignored(content, path) == reference(content, path)


# From Docker's documentation, and from tests of moby/patternmatcher.
@pytest.mark.parametrize(
    ("content", "ignored", "kept"),
    [
        ("*/temp*", "somedir/temporary.txt somedir/temp somedir/temp/x", "temporary.txt a/b/temp"),
        ("*/*/temp*", "somedir/subdir/temporary.txt", "somedir/temporary.txt"),
        ("temp?", "tempa tempb/x", "temp tempab a/tempa"),
        ("**/*.go", "a.go a/b/c.go", "a.got"),
        ("*.md\n!README*.md\nREADME-secret.md", "a.md README-secret.md", "README.md README-x.md"),
        ("*.md\nREADME-secret.md\n!README*.md", "a.md", "README-secret.md"),
        ("/foo/bar", "foo/bar foo/bar/x", "a/foo/bar"),
        ("foo/", "foo foo/x", "a/foo"),
        ("node_modules", "node_modules/a/b", "web/node_modules/a"),
        ("#a\n\\#b", "#b", "#a a"),
        ("a[b-d]e", "abe ade", "aee a[b-d]e"),
        ("a[^b]e", "ace", "abe"),
        ("a[\\]]e", "a]e", "ae"),
        ("a[", "", "a[ a"),
        ("a[d-b]", "", "ac"),
        ("a\\*b", "a*b", "axb"),
        ("abc.def", "abc.def", "abcZdef"),
        ("**/a(b)|c$", "a(b)|c$ x/a(b)|c$", "ab"),
        ("\ufeffa\r\nb\r", "a b", "c"),
        ("a/**", "a/b a/b/c", "a"),
        ("**", "a a/b .c", ""),
        ("**\n!a", "b", "a a/b"),
        ("!a\n*", "a b", ""),
    ],
)
def test_documented_patterns(content: str, ignored: str, kept: str) -> None:
    assert [path for path in ignored.split() if not is_ignored(content, path)] == []
    assert [path for path in kept.split() if is_ignored(content, path)] == []

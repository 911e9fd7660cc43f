"""Refuses words and turns that make texts hard to read: in docstrings, comments, names, messages, option help and docs.

Run by `make lint`. Prints FILE:LINE: the pattern, what to write instead, and the text. An exception is a line of
`ALLOWED`, with its reason.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = {"Problem", "Finding", "input_error", "external_error", "Option"}
HINT_POSITION = {"Problem": 1, "Finding": 2, "input_error": 1, "external_error": 1}

# In any text: a pattern, and what to write instead.
PATTERNS: tuple[tuple[str, str], ...] = (
    (r"\bnobody\b", "no one, or say who"),
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\bwhich (it|they) cannot be\b", "invalid value"),
    (r"\bcannot be had\b", "is not available"),
    (r"\basked for by\b", "used by"),
    (r"\bone a (line|port|container|workload|app|run)\b", "one per …"),
    (r"\bstands? (in|at|there|beside|under|below)\b", "is, appears"),
    (r"\b(comes?|came) with (the|a|an|it|its|scorefly|resources?)\b", "is created by, has"),
    (r"\bbrought\b", "created, deployed"),
    (r"\bno longer wanted\b", "no longer used"),
    (r"\bis wanted\b", "is required, is needed"),
    (r"\bwhich there is not\b", "unknown"),
    (r"(?<!here )\bis no (?!longer|more\b|other\b|such\b)[a-z]+", "is not a …"),
    (r", for (it|they|he|nobody|nothing|flyctl|Fly|GitHub|git|a run|an app) [a-z]+s? ", "because"),
    (r"\bgoes (away|out)\b", "is removed"),
)
# Where a docstring begins.
HEADLINES = (
    r"^(What|Whose|Which|Where|Who|Whether|How|When|Why)\b",
    "begin with a verb, or with A, An, The and a noun",
)
HINTS = (r"^(say|tell)\b", "an imperative with the option or key: set …, run …, add …")

# Names of variables and parameters that say when something came, and not what it is.
NAMES = {
    "wanted": "desired, expected, or the noun",
    "told": "the noun: problems, notices",
    "brought": "the noun: created, deployed",
    "thing": "the noun",
    "mine": "the noun",
}

# Path, a part of the text, why.
ALLOWED: tuple[tuple[str, str, str], ...] = (("scorefly/listen/planner.py", "wanted", "a column of the ledger"),)


def texts_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, kind (`docstring`, `comment`, `name`, `message`, `hint`, `doc`) and text of what people read."""
    if path.suffix == ".md":
        yield from markdown(path)
        return
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    yield from comments(source)
    yield from names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if text := ast.get_docstring(node):
                yield getattr(node, "lineno", 1), "docstring", text
        elif isinstance(node, ast.Call) and (name := _name(node.func)) in MESSAGES:
            for position, argument in enumerate(node.args):
                kind = "hint" if HINT_POSITION.get(name) == position else "message"
                for line, text in literals(argument):
                    yield line, kind, text
            for keyword in node.keywords:
                if keyword.arg in ("help", "hint", "message"):
                    for line, text in literals(keyword.value):
                        yield line, "hint" if keyword.arg == "hint" else "message", text


def comments(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the comments of a module, without those for tools."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.lstrip("# ")
        if token.type == tokenize.COMMENT and not text.startswith(("noqa", "type:", "fmt:")):
            yield token.start[0], "comment", text


def names(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield the names that a module gives to variables and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, "name", node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, "name", node.arg


def literals(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts written in an expression; what an f-string puts in is `{}`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from literals(node.left)
        yield from literals(node.right)


def markdown(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the lines of a page, without its blocks of code."""
    code = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            yield number, "doc", re.sub(r"`[^`]*`", "``", line)


def faults(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the patterns that a text has, each with what to write instead."""
    if kind == "name":
        if text.lstrip("_") in NAMES:
            yield text, NAMES[text.lstrip("_")]
        return
    if kind == "docstring" and re.match(HEADLINES[0], text):
        yield text.split()[0], HEADLINES[1]
    if kind == "hint" and re.match(HINTS[0], text):
        yield text.split()[0], HINTS[1]
    for pattern, instead in PATTERNS:
        if match := re.search(pattern, text):
            yield match[0], instead


def main() -> int:
    """Check all texts; 1 when something was found."""
    paths = [*ROOT.glob("scorefly/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    used, found = set[int](), 0
    for path in sorted(paths):
        shown = path.relative_to(ROOT).as_posix()
        for line, kind, text in texts_of(path):
            for pattern, instead in faults(kind, text):
                allowed = [n for n, (file, part, _) in enumerate(ALLOWED) if file == shown and part in text]
                used.update(allowed)
                if not allowed:
                    found += 1
                    at = next((each.strip() for each in text.splitlines() if pattern in each), text)
                    sys.stdout.write(f"{shown}:{line}: {kind}: {pattern!r} (write: {instead}): {at}\n")
    for number in sorted(set(range(len(ALLOWED))) - used):
        found += 1
        sys.stdout.write(f"checks/plain_english.py: exception {ALLOWED[number][:2]} is not needed any more\n")
    return 1 if found else 0


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


if __name__ == "__main__":
    sys.exit(main())

"""Files are written in one module and read in another; every other place that touches files has a reason here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "scorefly"

# Methods of pathlib whose names mean nothing else: naming one is enough, for it may be called by another name.
WRITING = {
    "write_text", "write_bytes", "mkdir", "makedirs", "unlink", "rmdir", "removedirs", "rmtree", "symlink_to",
    "hardlink_to", "mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile",
    "SpooledTemporaryFile", "lchown", "fchown", "chmod", "lchmod", "copyfile", "copytree", "copy2",
}  # fmt: skip
READING = {
    "read_text", "read_bytes", "iterdir", "rglob", "scandir", "is_file", "is_dir", "is_symlink", "is_fifo", "readlink",
    "lstat", "samestat", "lexists", "isfile", "isdir", "listdir", "samefile", "getmtime", "getsize",
}  # fmt: skip
# These mean other things elsewhere, so only calls count.
AMBIGUOUS = {"open", "rename", "touch", "chown", "exists", "glob", "stat", "resolve"}
# Functions of these modules count, whatever they are imported as; those that touch no file do not.
MODULES = {"os", "os.path", "shutil", "tempfile", "glob", "io", "codecs", "fileinput", "linecache", "mmap"}
HARMLESS = {
    "os": {
        "environ", "fspath", "getpid", "geteuid", "getuid", "urandom", "uname", "defpath", "devnull", "PathLike", "path",
        "killpg", "kill", "access", "X_OK", "set_blocking", "read", "write", "cpu_count", "get_terminal_size", "sep",
        "DirEntry", "getpgid", "close", "fstat", "ftruncate", "O_RDONLY", "O_RDWR", "O_CREAT", "fsencode", "fsdecode", "linesep",
        "waitpid", "WNOHANG", "getppid", "P_PID", "name", "pidfd_open", "_exit", "WEXITED", "WNOWAIT", "waitid", "wait", "pipe", "strerror", "memfd_create",
    },
    "os.path": {"normpath", "relpath", "join", "basename", "dirname", "splitext", "isabs", "commonpath"},
    "shutil": {"which", "get_terminal_size"},
    "io": {"BytesIO", "StringIO", "TextIOWrapper", "BufferedReader", "TextIOBase", "DEFAULT_BUFFER_SIZE"},
    "tempfile": set(), "glob": {"escape"}, "codecs": {"getincrementaldecoder", "lookup"}, "fileinput": set(),
    "linecache": set(), "mmap": set(),
}  # fmt: skip

ALLOWED = {
    "safe_files.py": {"*": "the one writer"},
    "confined.py": {"*": "the one reader"},
    "fly/flyctl.py": dict.fromkeys(("TemporaryDirectory", "rmtree", "mkdir"), "homes of flyctl in a temporary folder"),
    "fly/docker.py": dict.fromkeys(
        ("TemporaryDirectory", "symlink_to"), "Docker's configuration in a temporary folder"
    ),
    "git/remote.py": {"TemporaryDirectory": "a temporary repository"},
    "github/file_owner.py": dict.fromkeys(
        ("lchown", "lstat", "stat", "walk", "is_symlink", "resolve"),
        "lchown of what other programs made as root, without following links",
    ),
    "github/event.py": {"read_text": "the event's file, which GitHub names"},
    "score/schema.py": {"read_text": "a file of the package"},
    "resources/files.py": dict.fromkeys(("glob", "read_bytes"), "files of the package"),
    "commands/init.py": {"read_text": "a file of the package"},
    "resources/command.py": {"is_file": "a program that may be anywhere"},
    "git/history.py": {"resolve": "a remote that is a path", "exists": "whether the workspace is a checkout"},
    "convert/files.py": {"resolve": "the workspace itself"},
    "isolation.py": dict.fromkeys(("glob", "read_text"), "the system's list of our child processes"),
    "github/command_files.py": {"*": "the runner's own files, which it names; links are not followed"},
    "previews/untrusted.py": dict.fromkeys(("TemporaryDirectory", "resolve"), "a temporary folder"),
    "sources/store.py": dict.fromkeys(("O_DIRECTORY", "O_CLOEXEC"), "a lock on a folder of the cache")
    | {
        "TemporaryDirectory": "an index of git",
        "open": "a lock on a folder of the cache",
        "exists": "whether the cache has a repository",
    },
    "state/own_process.py": dict.fromkeys(("read_text", "readlink"), "the system's record of a process"),
    "sources/lfs.py": dict.fromkeys(
        ("walk", "is_symlink", "stat", "exists"), "pointers in a checkout, without following links, and its cache"
    ),
    "sources/access.py": {"TemporaryDirectory": "keys of ssh"},
    "desired/build_context.py": {"is_symlink": "a link to a folder counts as a link, and is not entered"},
    "cli/session.py": {"resolve": "the working folder itself"},
    "cli/provisioners.py": {"resolve": "the working folder itself"},
    "cli/init.py": {"resolve": "the working folder itself"},
    "cli/install.py": {"resolve": "the working folder itself"},
    "commands/install.py": {"TemporaryDirectory": "a home of flyctl in a temporary folder"},
    "commands/schema.py": {"read_text": "a file of the package"},
    "cli/export_secrets.py": {"resolve": "the working folder itself"},
    "standard_streams.py": dict.fromkeys(("open", "dup2", "O_WRONLY"), "the null device, and open streams"),
    "action.py": {"resolve": "the workspace itself"},
    "listen/git_repositories.py": {"rmtree": "git's own folder of a checkout that a killed git left locked"},
    "listen/orphans.py": {"read_text": "the system's record of a process"},
    "listen/page/render.py": {"read_bytes": "a file of the package"},
}


def touches(source: str) -> Iterator[tuple[int, str]]:
    """Every use of a file: its line, and the function's name."""
    tree = ast.parse(source)
    modules, functions = imports(tree)
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else node
        name = ""
        if isinstance(called, ast.Name):
            name = functions.get(called.id, "open" if called is not node and called.id == "open" else "")
        elif isinstance(called, ast.Attribute):
            name = method(called, node, dotted(called.value, modules))
        elif isinstance(node, ast.Constant) and node.value in WRITING | READING:
            name = str(node.value)
        if name:
            yield getattr(node, "lineno", 0), name


def method(attribute: ast.Attribute, node: ast.AST, owner: str) -> str:
    """The attribute's name when it is a function of files."""
    name = attribute.attr
    if owner in MODULES:
        return "" if name in HARMLESS[owner] else name
    if name in WRITING | READING or (owner == "pathlib.Path" and name in AMBIGUOUS | {"replace"}):
        return name
    if not isinstance(node, ast.Call):
        return ""
    is_path_replace = name == "replace" and len(node.args) == 1 and not node.keywords
    return name if name in AMBIGUOUS or is_path_replace else ""


def imports(tree: ast.Module) -> tuple[dict[str, str], dict[str, str]]:
    """The modules by the names they are imported as, and the functions of MODULES that are imported by name."""
    modules: dict[str, str] = {}
    functions: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                modules[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if node.module in MODULES and alias.name not in HARMLESS[node.module]:
                    functions[alias.asname or alias.name] = alias.name
    return modules, functions


def dotted(node: ast.expr, modules: dict[str, str]) -> str:
    """The full name of a module or class, such as os.path."""
    if isinstance(node, ast.Name):
        return modules.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, modules)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def test_only_listed_modules_touch_files() -> None:
    found = [
        f"{module}:{line}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        if (module := path.relative_to(SOURCE).as_posix())
        for line, name in touches(path.read_text(encoding="utf-8"))
        if not {name, "*"} & ALLOWED.get(module, {}).keys()
    ]
    assert found == []


def test_no_listed_exception_is_unused() -> None:
    for module, allowed in ALLOWED.items():
        names = {name for _, name in touches((SOURCE / module).read_text(encoding="utf-8"))}
        assert allowed.keys() - {"*"} <= names, module


@pytest.mark.parametrize(
    "code",
    [
        "open('x', 'w')",
        "Path('x').open('a')",
        "import os as o\no.open('x', o.O_WRONLY)",
        "import os\nos.replace(a, b)",
        "from os import rename as move\nmove(a, b)",
        "from os import rename as move\ncalls = [move]",
        "from pathlib import Path as P\nwrite = P.open",
        "path.replace(other)",
        "from shutil import copy as c\nc(a, b)",
        "import shutil\nshutil.move(a, b)",
        "import tempfile as t\nt.mkdtemp()",
        "write = path.write_text",
        "getattr(path, 'write_bytes')()",
        "import io\nio.open('x')",
        "import os\nos.walk('x')",
        "from os import scandir\nscandir('x')",
        "from glob import glob\nglob('x')",
        "path.glob('*')",
        "path.exists()",
        "import os.path as p\np.exists('x')",
        "from os.path import isdir as d\nd('x')",
        "path.resolve()",
    ],
)
def test_every_way_to_touch_a_file_is_seen(code: str) -> None:
    assert list(touches(code))


@pytest.mark.parametrize(
    "code",
    ["'a'.replace('b', 'c')", "replace(value, name='x')", "situation.exists", "import shutil\nshutil.which('x')"],
)
def test_other_words_are_not_taken_for_files(code: str) -> None:
    assert not list(touches(code))

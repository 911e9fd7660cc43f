"""`cmd://` programs get what they are given, and nothing else of the process that starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workspaces import REPOSITORY, Workspace

CANARIES = ("canary-of-fly", "canary-of-github", "canary-of-secrets", "canary-of-runtime", "canary-of-elsewhere")

# It looks everywhere and tells what it found in a file, not in its answer, which is redacted.
SPY = r"""
import glob, json, os, re, sys
json.load(sys.stdin)
found = {"own": dict(os.environ)}
parent = os.getppid()
for process in {parent, 1}:
    for name in ("environ", "auxv", "maps", "cmdline"):
        try:
            found[f"{process}/{name}"] = open(f"/proc/{process}/{name}", "rb").read().decode("latin-1")
        except OSError as error:
            found[f"{process}/{name}"] = type(error).__name__
found["files"] = []
try:
    for name in os.listdir(f"/proc/{parent}/fd"):
        found["files"].append(os.readlink(f"/proc/{parent}/fd/{name}"))
except OSError as error:
    found["files"] = type(error).__name__
found["memory"] = ""
try:
    memory = open(f"/proc/{parent}/mem", "rb", 0)
    for line in found[f"{parent}/maps"].splitlines():
        start, end, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
        if mode.startswith("rw"):
            try:
                memory.seek(int(start, 16))
                content = memory.read(int(end, 16) - int(start, 16))
            except (OSError, OverflowError, ValueError):
                continue
            found["memory"] += " ".join(set(each.decode() for each in re.findall(rb"canary-of-\w+", content)))
except (OSError, AttributeError) as error:
    found["memory"] = type(error).__name__
json.dump(found, open("found.json", "w"))
print("::add-mask::x\n::set-output name=url::evil\n##[error]x", file=sys.stderr)
print(json.dumps({"values": {"host": "there"}}))
"""


@pytest.fixture
def spied(workspace: Workspace) -> Workspace:
    workspace.workload("web", '    variables: {HOST: "${resources.queue.host}"}\nresources: {queue: {type: queue}}\n')
    workspace.write("spy.py", SPY)
    workspace.write(
        ".scorefly/queue.provisioners.yaml",
        f"- {{uri: 'cmd://{sys.executable}', type: queue, args: [spy.py], rehearse: true}}\n",
    )
    return workspace


def variables(workspace: Workspace) -> dict[str, str]:
    folder = workspace.path.parent
    for name in ("output", "summary", "env", "path"):
        (folder / name).touch()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace.path),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_ENV": str(folder / "env"),
        "GITHUB_PATH": str(folder / "path"),
        "ACTIONS_RUNTIME_TOKEN": "canary-of-runtime",
        "SOMETHING_ELSE": "canary-of-elsewhere",
        "INPUT_REHEARSE": "true",
        "INPUT_FLY-API-TOKEN": "canary-of-fly",
        "INPUT_GITHUB-TOKEN": "canary-of-github",
        "INPUT_SECRETS": json.dumps({"OTHER": "canary-of-secrets"}),
    }


def without_capabilities() -> list[str]:
    """A command before scorefly's, so that root has no more rights than under Docker: it may not trace processes."""
    if sys.platform != "linux":
        pytest.skip("processes are protected on Linux only")
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may trace every process, and there is no setpriv (util-linux) to take that away")
    return [setpriv, "--bounding-set=-sys_ptrace", "--inh-caps=-all"]


def test_a_program_finds_nothing_of_its_parent(spied: Workspace) -> None:
    done = subprocess.run(
        [*without_capabilities(), sys.executable, "-I", str(REPOSITORY / "entrypoint.py")],
        cwd=spied.path,
        env=variables(spied),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = (spied.path / "found.json").read_text()
    assert [canary for canary in CANARIES if canary in text] == []
    found = json.loads(text)
    assert [name for name in found["own"] if name.startswith(("GITHUB_", "INPUT_", "ACTIONS_", "FLY_"))] == []
    assert (found["memory"], found["files"]) == ("PermissionError", "PermissionError")
    folder = spied.path.parent
    assert ((folder / "env").read_text(), (folder / "path").read_text()) == ("", "")
    assert "evil" not in (folder / "output").read_text()


def test_the_environment_at_the_start_is_overwritten_even_for_root(spied: Workspace) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("there is no /proc")
    done = subprocess.run(
        [sys.executable, "-I", str(REPOSITORY / "entrypoint.py")],
        cwd=spied.path,
        env=variables(spied),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((spied.path / "found.json").read_text())
    shown = "".join(text for name, text in found.items() if name.endswith("/environ"))
    assert [canary for canary in CANARIES if canary in shown] == []


def test_workflow_commands_of_a_program_are_fenced(spied: Workspace) -> None:
    given = {name: value for name, value in variables(spied).items() if not name.startswith("GITHUB_")}
    lines = spied.action({"rehearse": "true"}, **given).out.splitlines()
    at = lines.index("::add-mask::x")
    stops = [line for line in lines[:at] if line.startswith("::stop-commands::")]
    ends = [f"::{line.removeprefix('::stop-commands::')}::" for line in stops]
    assert ends[-1] not in lines[:at]
    assert ends[-1] in lines[at:]


def test_what_a_program_leaves_behind_prints_nothing_afterwards(spied: Workspace) -> None:
    spied.write(
        "spy.py",
        """\
        import json, os, sys
        print(json.dumps({"values": {"host": "there"}}), flush=True)
        if not os.fork():
            os.setsid()
            while True:
                try:
                    os.write(2, b"::add-mask::x\\n")
                except BrokenPipeError:
                    pass
        """,
    )
    out = spied.action({"rehearse": "true"}).out
    assert "web: created" in out
    fenced, token = [], ""
    for line in out.splitlines():
        if line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif line == f"::{token}::":
            token = ""
        elif line == "::add-mask::x":
            fenced.append(bool(token))
    assert all(fenced)


@pytest.mark.parametrize("code", [0, 1])
def test_what_a_program_writes_into_the_runners_files_is_taken_out(spied: Workspace, code: int) -> None:
    folder = spied.path.parent
    spied.write(
        "spy.py",
        f"""\
        import json, os, sys
        for name in ("output", "summary", "env", "path", "state"):
            open(f"{folder}/{{name}}", "a").write("EVIL=1\\n")
        os.unlink("{folder}/env")
        os.symlink("{folder}/elsewhere", "{folder}/env")
        print(json.dumps({{"values": {{"host": "there"}}}}))
        sys.exit({code})
        """,
    )
    (folder / "elsewhere").write_text("kept")
    given = variables(spied)
    (folder / "state").touch()
    result = spied.action({"rehearse": "true"}, **given, GITHUB_STATE=str(folder / "state"))
    assert result.code == code
    texts = {name: (folder / name).read_text() for name in ("output", "summary", "env", "path", "state", "elsewhere")}
    assert [name for name, text in texts.items() if "EVIL" in text] == []
    assert (texts["env"], texts["path"], texts["elsewhere"]) == ("", "", "kept")
    assert ("deployed" in result.outputs) == (code == 0)

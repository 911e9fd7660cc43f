"""What a sync of a tree takes: 40 workloads of 20 repositories in 3 projects and 2 environments, simulated.

The repositories are real ones behind git's http-backend on loopback. `make bench` prints it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tree_repositories import SCORE, Repositories, TreeWorkspace, tree_workspace

PROJECTS = ("shop", "blog", "mail")
REPOSITORIES = 20
WORKLOADS = 40
LARGE = (50, 500)  # repositories, and workloads of two environments each, for `validate`


def project_files(repositories: int = REPOSITORIES, workloads: int = WORKLOADS) -> dict[str, str]:
    """The project files: a root that includes the projects, and each project's workloads."""
    files = {name: [f"project: {name}", f"app-prefix: {name}-", "workloads:"] for name in PROJECTS}
    for number in range(workloads):
        source = f"{{repo: URL/r{number % repositories}.git, branch: main, path: w{number}}}"
        files[PROJECTS[number % len(PROJECTS)]].append(f"  w{number}: {{source: {source}}}")
    includes = "".join(f"  - {{path: teams/{name}}}\n" for name in PROJECTS)
    root = f"vars: {{level: info}}\ninclude:\n{includes}"
    root += "defaults: {score: {containers: {main: {variables: {LEVEL: $(level)}}}}}\n"
    root += "environments:\n  production: {}\n  staging: {app-suffix: -staging}\n"
    return {"scorefly.yaml": root, **{f"teams/{name}/scorefly.yaml": "\n".join(lines) for name, lines in files.items()}}


def fill(tree: Repositories, repositories: int = REPOSITORIES, workloads: int = WORKLOADS) -> None:
    """Commit the Score files of all workloads."""
    for index in range(repositories):
        numbers = range(index, workloads, repositories)
        files: dict[str, str | None] = {
            f"w{number}/score.yaml": SCORE.format(name=f"w{number}", image=f"registry.example/w{number}:1")
            for number in numbers
        }
        tree.commit(f"r{index}", files)


def measure(name: str, tree: TreeWorkspace, target: str, *arguments: str, command: str = "sync") -> None:
    """Run a command once, and print what it took and what it did."""
    program = [str(Path(sys.executable).with_name("scorefly")), command, "--rehearse", *arguments]
    environ = {
        "PATH": os.environ["PATH"],
        "SCOREFLY_SECRETS": json.dumps({"READ": tree.repositories.server.token}),
        "SCOREFLY_SOURCE_CACHE": str(tree.workspace.path.parent / "cache"),
    }
    tree.repositories.take_requests()
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(program, cwd=tree.workspace.path, env=environ, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)  # with the git processes that it waited for
        output.seek(0)
        errors.seek(0)
        out, err = output.read(), errors.read()
    if status:
        raise SystemExit(f"{name}: {err}")
    seconds, requests = time.perf_counter() - started, len(tree.repositories.take_requests())
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    result = out.strip().splitlines()[-1].rpartition("): ")[2]
    print(
        f"{name:<45} {cpu:6.1f} s CPU {seconds:6.1f} s {memory:5.0f} MiB {requests:5} requests   {target:<14} {result}"
    )


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, tree_workspace(Path(folder)) as tree:
        fill(tree.repositories)
        files = project_files()
        for name, text in files.items():
            tree.project(text, name)
        measure("first sync, 80 apps", tree, "12 s")
        measure("sync, nothing changed", tree, "2.5 s")
        changed = SCORE.format(name="w3", image="registry.example/w3:2")
        tree.repositories.commit("r3", {"w3/score.yaml": changed})
        measure("sync, one commit", tree, "4 s")
        tree.repositories.commit("r3", {"docs/page.md": "text"})
        measure("sync, a commit beside every context", tree, "4 s")
        tree.project(files["scorefly.yaml"].replace("info", "debug"))
        measure("sync, a changed default", tree, "")
        measure("plan, nothing changed", tree, "", command="plan")
        measure("validate", tree, "", command="validate")
    repositories, workloads = LARGE
    with tempfile.TemporaryDirectory() as folder, tree_workspace(Path(folder)) as tree:
        fill(tree.repositories, repositories, workloads)
        for name, text in project_files(repositories, workloads).items():
            tree.project(text, name)
        name = f"validate, {2 * workloads} of {repositories} repositories"
        measure(f"{name}, no cache", tree, "", command="validate")
        measure(name, tree, "4 s, 300 MiB", command="validate")


if __name__ == "__main__":
    main()

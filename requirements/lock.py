"""Writes the locked requirements anew; `make lock` runs it.

actions-toolkit asks for PyGithub, which scorefly never imports: it is left out, with what only it needs, so that
neither the image nor a workstation carries it. That is why everything is installed with --no-deps.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
NEVER = ("pygithub", "pynacl", "pyjwt")
HEADER = "# Made by `make lock`. Installed with --require-hashes --no-deps.\n"


def compile_lock(requirements: list[str]) -> dict[str, str]:
    """Each package's lines, with hashes, for every supported Python on Linux."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate", "--no-header"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11", "--no-config", "-"]
    text = subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    return {re.split(r"[=\[ ;]", block, maxsplit=1)[0].lower(): block for block in blocks}


def main() -> None:
    """Write runtime.txt, build.txt (to make the package), develop.txt, and docs.txt (the site) from pyproject.toml."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    # actions-toolkit's own requirements are requests, which stands in the list, and PyGithub.
    wanted = [each for each in project["project"]["dependencies"] if not each.startswith("actions-toolkit")]
    # The image has every extra, so that the listener is the same image.
    wanted += [each for extra in project["project"].get("optional-dependencies", {}).values() for each in extra]
    toolkit = [each for each in project["project"]["dependencies"] if each.startswith("actions-toolkit")]
    site = project["dependency-groups"].pop("docs")
    groups = [each for group in project["dependency-groups"].values() for each in group]
    others = [*wanted, *toolkit, *groups, *project["build-system"]["requires"], "editables"]
    everything = compile_lock(others)
    runtime = set(compile_lock([*wanted, *toolkit]))
    build = set(compile_lock([*project["build-system"]["requires"], "editables"]))
    kept = {name: block for name, block in everything.items() if name not in NEVER}
    for file, names in (("runtime.txt", runtime), ("build.txt", build), ("develop.txt", set(kept) - runtime - build)):
        blocks = [kept[name] for name in sorted(kept) if name in names]
        (HERE / file).write_text(HEADER + "\n".join(blocks) + "\n")
    # Installed after the others: what is not among them, or is there only for another platform.
    pages = compile_lock([*others, *site])
    blocks = [pages[name] for name in sorted(pages) if name not in NEVER and pages[name] != everything.get(name)]
    (HERE / "docs.txt").write_text(HEADER + "\n".join(blocks) + "\n")


if __name__ == "__main__":
    main()

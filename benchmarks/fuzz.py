"""Runs `validate` over hostile files: no bug of ours, no traceback, and an end within bounded time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LONGEST = 20.0  # seconds for one run, starting the interpreter included
EXAMPLES = 100
SECONDS = 110  # for all runs
FAULTS = ("scorefly has a fault", "internal error", "Traceback")
SCORE = (
    "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers: {main: {image: nginx}}\nresources: {q: {type: q}}\n"
)
FILES = {
    "score.yaml": SCORE,
    "scorefly.yaml": "region: ams\n",
    ".scorefly/q.provisioners.yaml": "- uri: template://q\n  type: q\n  outputs: {host: '{{ name }}'}\n",
    "web.fly.toml": "[env]\nA = 'b'\n",
}
WORDS = (
    *(
        "{{ ",
        " }}",
        "{% for a in range(99999) %}",
        "{% endfor %}",
        "9**9",
        "**",
        "'a'*10**9",
        "|join",
        "|center(10**9)",
    ),
    *("${", "}", "$", "$$", "${resources.q.host}", "[", "]", "{", "&a ", "*a", "<<: *a", "!!binary ", "? ", "- ", ": "),
    *("\n", "\n  ", "'", '"', "\\", "0o17", ".inf", "1e999", "9" * 5000, "\ud7ff", "\0", "null", "~", "|", ">"),
    *(
        "containers:",
        "resources:",
        "variables:",
        "files:",
        "metadata:",
        "outputs:",
        "apps:",
        "state:",
        "uri: template://",
    ),
)


def fragments() -> st.SearchStrategy[str]:
    """Texts of words that mean something to a parser, sometimes very many of one."""
    word = st.sampled_from(WORDS) | st.text(max_size=5)
    repeated = st.builds(lambda text, count: text * count, st.sampled_from(WORDS), st.sampled_from((1, 50, 5000)))
    return st.lists(word | repeated, max_size=12).map("".join)


@st.composite
def workspaces(draw: st.DrawFn) -> dict[str, str]:
    """The files of a project, of which one is changed at one place."""
    name = draw(st.sampled_from(sorted(FILES)))
    text, fragment = FILES[name], draw(fragments())
    at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 10))
    return {**FILES, name: text[:at] + fragment + text[at + length :]}


def validate(files: dict[str, str]) -> None:
    """Validate one project in its own process and folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        done = subprocess.run(
            [sys.executable, "-m", "scorefly", "validate"],
            cwd=folder,
            capture_output=True,
            timeout=LONGEST,
            check=False,
        )
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode not in (0, 2) or any(fault in output for fault in FAULTS):
        raise AssertionError(f"exit status {done.returncode}: {output[:2000]}")


def main() -> None:
    """Run the examples, or as many as fit into the time."""
    end = time.monotonic() + SECONDS
    runs = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(workspaces())
    def run(files: dict[str, str]) -> None:
        nonlocal runs
        if time.monotonic() < end:
            runs += 1
            validate(files)

    run()
    print(f"fuzz: {runs} projects validated")


if __name__ == "__main__":
    main()

"""Runs `validate` over hostile files: no bug of ours, no traceback, a place for every error, and an end in time."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scorefly.cli.main import main as run_cli

LONGEST = 10  # seconds of CPU time for one run
SECONDS = 100  # for all runs
FAULTS = ("scorefly has a fault", "internal error", "Traceback")
PLACE = re.compile(r"^\S+:\d+:\d+: |^Error: ", re.MULTILINE)
FILES = {
    "score.yaml": """\
apiVersion: score.dev/v1b1
metadata: {name: web}
service:
  ports: {http: {port: 80, targetPort: 8080}}
containers:
  main:
    image: nginx
    command: [run]
    variables: {HOST: "${resources.queue.host}"}
    resources: {limits: {memory: 512Mi, cpu: 1}}
    livenessProbe: {httpGet: {path: /, port: 8080}}
    files:
      /etc/a: {content: text, mode: "0644"}
    volumes:
      /data: {source: "${resources.data}"}
resources:
  queue: {type: queue, params: {size: 3}}
  data: {type: volume}
""",
    "scorefly.yaml": "region: ams\nunsupported: warn\nenvironments:\n  local: {app-prefix: a-}\n",
    ".scorefly/queue.provisioners.yaml": """\
- uri: template://queue
  type: queue
  state: {password: "{{ random_password(20) }}"}
  outputs:
    host: "{{ name }}-{% for a in [1, 2] %}{{ a }}{% endfor %}"
    size: "{{ params.size or 10 }}"
""",
    ".scorefly/overlay.toml": "[env]\nA = 'b'\n",
    ".scorefly/overlay.web.yaml": "http_service: {concurrency: {type: requests, hard_limit: 5}}\n",
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
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                _run(folder, output.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
    if status not in (0, 2) or any(fault in said for fault in FAULTS) or (status == 2 and not PLACE.search(said)):
        raise AssertionError(f"exit status {status}: {said[:2000]}")


def _run(folder: str, output: int) -> NoReturn:
    """Validate in this process, which ends: by SIGALRM when it takes too long."""
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        os.chdir(folder)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["scorefly", "validate"]
        run_cli()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(70)


# No shrinking and no explaining: the first finding is shown as it is.
@settings(
    max_examples=10,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(workspaces())
def validate_some(files: dict[str, str]) -> None:
    """Validate a few projects."""
    validate(files)


def main() -> None:
    """Validate as many projects as fit into the time."""
    end, rounds = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        validate_some()
        rounds += 1
    print(f"fuzz: about {10 * rounds} projects validated")


if __name__ == "__main__":
    main()

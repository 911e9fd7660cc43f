"""What `make bench` prints: CPU time and memory of real runs, beside the floor that nothing can go under.

The floor parses the same files with libyaml, checks them with jsonschema and writes as many TOML files, and
nothing else. Figures are medians over runs in processes of their own; CPU time is user and system together.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "scorefly/score/score-v1b1.schema.json"

# Workloads in one run, runs, and what they may take.
SIZES = (
    (1, 10, "12 times python -c pass"),
    (500, 3, ""),
    (1000, 3, "2000 ms, 60 MiB"),
    (2000, 3, "at most 2.2 times 1000"),
)
IGNORED = 24_000
# Workloads of a first rehearsed deploy, and what it and a deploy with nothing to do may take.
DEPLOYS = ((1000, "60 s, 150 MiB", "5 s"), (2000, "at most 2.2 times 1000", ""))

SCORE = """\
apiVersion: score.dev/v1b1
metadata:
  name: workload-{number}
service:
  ports:
    http: {{port: 8080, targetPort: 9000}}
containers:
  main:
    image: registry.example/team/service:{number}
    variables:
      NAME: ${{metadata.name}}
      HOST: ${{resources.dns.host}}
      LEVEL: info
    resources:
      requests: {{cpu: 100m, memory: 64Mi}}
      limits: {{memory: 256Mi}}
    readinessProbe:
      httpGet: {{path: /ready, port: 9000}}
resources:
  dns: {{type: dns}}
  route:
    type: route
    params: {{host: "${{resources.dns.host}}", path: /, port: http}}
"""

FLOOR = """\
import json, sys, tomli_w, yaml
from pathlib import Path
from jsonschema import Draft202012Validator
validator = Draft202012Validator(json.loads(Path(sys.argv[1]).read_text()))
for path in sorted(Path().glob("*.score.yaml")):
    data = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    assert validator.is_valid(data)
    out = Path("floor", path.stem)
    out.mkdir(parents=True, exist_ok=True)
    (out / "fly.toml").write_text(tomli_w.dumps(data))
"""


DIGESTS = """\
import os
from pathlib import Path
from scorefly.config.settings import Settings
from scorefly.desired.build_context import built_files
from scorefly.fly.app import App, Build
if os.environ.get("READ"):
    settings = Settings("plan", Path.cwd(), environ=dict(os.environ))
    assert built_files(settings, App("web", "web", {}, Build(".", "Dockerfile"), ""))
"""


@dataclass(frozen=True)
class Cost:
    """One run: seconds of CPU, seconds on the wall, and MiB at most."""

    cpu: float
    wall: float
    memory: float


def run(command: list[str], folder: Path) -> Cost:
    """Runs to the end, and says what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def median(command: list[str], folder: Path, times: int) -> Cost:
    """The median of several runs, after one that warms the caches."""
    run(command, folder)
    costs = [run(command, folder) for _ in range(times)]
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "memory")))


def row(name: str, cost: Cost, target: str) -> None:
    """One line of the table."""
    print(f"{name:<34} {cost.cpu * 1000:8.0f} ms {cost.wall * 1000:8.0f} ms {cost.memory:7.0f} MiB   {target}")


def ignored_files(scorefly: list[str], folder: Path) -> None:
    """Prints what a plan of one Dockerfile app takes, without and with a folder of ignored files."""
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".dockerignore").write_text("node_modules\n")
    (folder / "score.yaml").write_text(SCORE.format(number=0).replace("registry.example/team/service:0", "."))
    row("plan, built from a Dockerfile", median([*scorefly, "plan", "--rehearse"], folder, 3), "")
    for number in range(IGNORED):
        path = folder / "node_modules" / str(number % 100) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("module\n")
    row(f"  beside {IGNORED} ignored files", median([*scorefly, "plan", "--rehearse"], folder, 3), "the same")


def context_in_git(folder: Path) -> None:
    """Prints what the digests of a build context in a checkout take, whose files are all built from."""
    for number in range(IGNORED):
        path = folder / "src" / str(number % 200) / f"{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".dockerignore").write_text("node_modules\n**/*.log\n*.md\n!src/keep.md\n**/__pycache__\n")
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for arguments in (["init"], ["add", "--all"], [*identity, "commit", "--message", "bench"]):
        run(["git", *arguments], folder)
    command = [sys.executable, "-c", DIGESTS]
    empty, cost = median(["env", "READ=", *command], folder, 3), median(["env", "READ=1", *command], folder, 3)
    row(f"digests of {IGNORED} files in git", Cost(cost.cpu - empty.cpu, cost.wall - empty.wall, cost.memory), "200 ms")


def deploys(scorefly: str, counts: tuple[tuple[int, str, str], ...]) -> None:
    """Prints what deploys to the rehearsal take: the first one, and the next, which has nothing to do."""
    for count, first, again in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for number in range(count):
                (folder / f"w{number}.score.yaml").write_text(SCORE.format(number=number))
            command = [scorefly, "deploy", "--rehearse"]
            row(f"first deploy, {count} workloads", run(command, folder), first)
            row(f"deploy again, {count} workloads", run(command, folder), again)


def main() -> None:
    """Prints the table; with `--short` without the deploy of most workloads."""
    scorefly = [str(Path(sys.executable).with_name("scorefly"))]
    print(f"{'':<34} {'CPU':>11} {'wall':>11} {'memory':>11}   target")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        row("python -c pass", median([sys.executable, "-c", "pass"], folder, 10), "")
        row("scorefly --version", median([*scorefly, "--version"], folder, 10), "40 ms")
        for count, times, target in SIZES:
            for number in range(count):
                (folder / f"w{number}.score.yaml").write_text(SCORE.format(number=number))
            row(f"generate, {count} workloads", median([*scorefly, "generate"], folder, times), target)
            row("  its floor", median([sys.executable, "-c", FLOOR, str(SCHEMA)], folder, times), "")
        ignored_files(scorefly, folder / "built")
    with tempfile.TemporaryDirectory() as name:
        context_in_git(Path(name))
    deploys(scorefly[0], DEPLOYS[:1] if "--short" in sys.argv else DEPLOYS)


if __name__ == "__main__":
    main()

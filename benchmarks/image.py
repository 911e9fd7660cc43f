"""The image: its layers, and what a start of it takes. `container/build.sh` builds it, and says with what.

`make bench` runs it.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 20


def layers(engine: str, image: str) -> list[tuple[int, str]]:
    """Compressed size in bytes, and what made it, of each layer."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["buildah", "push", "-q", image] if engine == "buildah" else ["skopeo", "copy", f"docker-daemon:{image}"]
        subprocess.run([*tool, f"dir:{folder}"], check=True, capture_output=True)
        manifest = json.loads((Path(folder) / "manifest.json").read_text())
        config = json.loads((Path(folder) / manifest["config"]["digest"].partition(":")[2]).read_text())
        made = [each["created_by"] for each in config["history"] if not each.get("empty_layer")]
        return [(each["size"], by) for each, by in zip(manifest["layers"], made, strict=False)]


def first_line(command: list[str]) -> float:
    """Seconds from the start of a command to the end of its first line."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        took = time.perf_counter() - started
        process.stdout.read()
    return took


def main() -> None:
    """Prints a table."""
    engine, image = sys.argv[1:]
    for size, by in layers(engine, image):
        print(f"{size / 1e6:8.1f} MB compressed  {by[-90:]}")
    with tempfile.TemporaryDirectory() as folder:
        variables = ["--env=GITHUB_WORKSPACE=/github/workspace", "--env=INPUT_COMMAND=validate"]
        mount = f"--volume={folder}:/github/workspace"
        python, entry = "/opt/scorefly/bin/python", ["-I", "/entrypoint.py"]
        if engine == "docker":
            base = ["docker", "run", "--rm", mount, *variables, "--entrypoint"]
            nothing, start = [*base, "true", image], [*base, python, image, *entry]
        else:
            made = subprocess.run(["buildah", "from", image], capture_output=True, text=True, check=True).stdout.strip()
            base = ["buildah", "run", "--isolation=chroot", mount, *variables, made, "--"]
            nothing, start = [*base, "true"], [*base, python, *entry]
        for name, command in (("a container that does nothing", nothing), ("the Action's first line", start)):
            seconds = statistics.median(first_line(command) for _ in range(RUNS))
            print(f"{seconds * 1000:8.0f} ms  {name}, median of {RUNS}")
        if engine == "buildah":
            subprocess.run(["buildah", "rm", made], check=True, capture_output=True)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{most:8.0f} MiB  most memory of one process, the engine's included")


if __name__ == "__main__":
    main()

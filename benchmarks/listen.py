"""What `make bench` prints about the listener: deliveries under kills, memory, start, page and time to a deploy.

`--short` sends fewer deliveries. Runs are the tests' stand-in, except for the time from a push to a deploy.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from listen_day import Day
from listen_load import Load, pss
from listeners import STANDIN, Environments, Listener, children, listening, push_payload, signed, standin_tree

CLIENTS = 4
COMMAND = (sys.executable, "-m", "scorefly", "listen")
SCORE = """\
apiVersion: score.dev/v1b1
metadata: {{name: web}}
containers: {{main: {{image: "nginx:{tag}"}}}}
service: {{ports: {{web: {{port: 80, targetPort: 8080}}}}}}
"""


def line(what: str, figure: str, limit: str = "") -> None:
    """Print one figure."""
    print(f"{what:<58} {figure:>22}  {f'(at most {limit})' if limit else ''}".rstrip(), flush=True)


def wait_until_ok(listener: Listener) -> None:
    """Wait until the first run ended."""
    listener.wait(lambda: listener.units().get("staging", {}).get("state") == "ok")


def bench_load(root: Path, deliveries: int, kills: int, seconds: float) -> None:
    """Deliveries of all senders, a fifth of them bad, while the listener and its runs are killed."""
    load = Load(root, deliveries, kills, seconds, argv=STANDIN)
    load.run()
    times = sorted(load.times)
    line(f"{deliveries} deliveries in {load.took:.0f} s: accepted", str(len(load.accepted)))
    line(f"  accepted and lost, with {load.killed} and {load.killed_children} kills", str(len(load.lost)), "0")
    line("  forged accepted", str(load.forged_accepted), "0")
    line("  commits deployed twice", str(sum(times > 1 for times in load.deploys.values())), "0")
    line(f"  runs of a unit, for {load.pushes} pushes", str(max(load.runs.values())))
    line("  p99 to 202", f"{times[int(len(times) * 0.99)] * 1000:.0f} ms", "300 ms")
    line("  peak without children", f"{load.peak / 1024:.0f} MiB", "64 MiB")


def send_events(port: int, numbers: range) -> None:
    """Deliver pushes to as many repositories over one connection, with as little work as possible here."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for number in numbers:
        body, headers = signed("github", push_payload("github", f"https://github.com/acme/other-{number}.git"))
        connection.request("POST", "/hooks/github", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
    connection.close()


def cpu_seconds(pid: int) -> float:
    """The processor time that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_growth(listener: Listener, events: int) -> None:
    """Memory and disk after many events."""

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send_events, [listener.port] * CLIENTS, [range(50)] * CLIENTS))  # threads, caches
        before, cpu, began = pss(listener.process.pid), cpu_seconds(listener.process.pid), time.monotonic()
        shares = [range(client, events, CLIENTS) for client in range(CLIENTS)]
        list(clients.map(send_events, [listener.port] * CLIENTS, shares))
    used, took = cpu_seconds(listener.process.pid) - cpu, time.monotonic() - began
    line("one delivery", f"{used / events * 1000:.2f} ms of CPU")
    line("  with a commit to disk each", f"{events / took:.0f} per second")
    grown = (pss(listener.process.pid) - before) / 1024
    line(f"memory after {events} events", f"{grown:+.1f} MiB", "+5 MiB")
    size = sum(path.stat().st_size for path in listener.data.glob("ledger.*"))
    line("  the ledger", f"{size / (1 << 20):.1f} MiB", "50 MiB")


def bench_page(root: Path) -> None:
    """The page of 200 apps."""
    apps = {f"unit{unit}": {"apps": [f"app-{unit}-{app}" for app in range(20)]} for unit in range(10)}
    environments = Environments.create(root / "git", standin_tree(*apps, runs=apps))
    with listening(environments.url, root / "data", "--parallel=2", argv=STANDIN) as listener:
        listener.wait(lambda: sum(len(unit["apps"]) for unit in listener.units().values()) == 200)
        listener.wait(lambda: all(unit["state"] == "ok" for unit in listener.units().values()))
        times, cpu = [], cpu_seconds(listener.process.pid)
        for _ in range(20):
            began = time.monotonic()
            listener.get("/")
            times.append(time.monotonic() - began)
        line("page of 200 apps", f"{statistics.median(times) * 1000:.0f} ms", "100 ms")
        line("  processor time", f"{(cpu_seconds(listener.process.pid) - cpu) / 20 * 1000:.0f} ms")


def bench_day(root: Path, *, is_short: bool) -> None:
    """A day of 40 repositories in virtual time: hosts that are down or slow, lost webhooks, a rename, restarts."""
    root.mkdir()
    day = Day(root, 1) if is_short else Day(root, 1, per_host=8, pushes=600, poll=180.0)
    day.run()
    what = f"a day of {len(day.repositories)} repositories, {day.pushes} pushes: looks"
    line(what, str(sum(day.looks.values())))
    line("  runs", str(sum(day.runs.values())))
    line("  units without their newest commit at its end", str(len(day.behind)), "0")
    line("  longest wait from a push, or its host's return", f"{max(day.waits.values()):.0f} s",
         f"{day.longest_wait():.0f} s")  # fmt: skip


def bench_deploy(root: Path) -> None:
    """From a push to apps in the rehearsal, by webhook and by polling; memory of a real run."""
    files = {"scorefly.yaml": "environments: {staging: {app-prefix: acme-}}\n", "score.yaml": SCORE.format(tag=1)}
    environments = Environments.create(root / "git", files)
    for poll, is_hooked, limit in (("10m", True, "3 s"), ("5s", False, "8 s")):
        options = ("--rehearse", f"--poll={poll}")
        with listening(environments.url, root / "data", *options, argv=COMMAND) as listener:
            wait_until_ok(listener)
            began = time.monotonic()
            commit = environments.push({"score.yaml": SCORE.format(tag=began)})
            if is_hooked:
                listener.post("github", *signed("github", push_payload("github", environments.url)))
            peak = 0
            while commit not in json.dumps(listener.units()["staging"]["apps"]):
                peak = max([peak, *(pss(child) for child in children(listener.process.pid))])
            line(f"push to deployed by {'webhook' if is_hooked else 'polling every 5 s'}",
                 f"{time.monotonic() - began:.1f} s", limit)  # fmt: skip
            if is_hooked:
                line("  memory of a run", f"{peak / 1024:.0f} MiB", "80 MiB")


def main() -> None:
    """Measure, and print a line for each figure."""
    is_short = "--short" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        environments = Environments.create(root / "git", standin_tree("staging"))
        began = time.monotonic()
        with listening(environments.url, root / "data", argv=STANDIN) as listener:
            listener.wait(lambda: listener.get("/readyz").status == 200)
            line("start to ready", f"{time.monotonic() - began:.1f} s", "3 s")
            wait_until_ok(listener)
            line("idle", f"{pss(listener.process.pid) / 1024:.0f} MiB", "32 MiB")
            bench_growth(listener, 2_000 if is_short else 100_000)
            listener.end(signal.SIGTERM)
        bench_page(root / "page")
        bench_day(root / "day", is_short=is_short)
        bench_deploy(root / "deploy")
        bench_load(root / "load", *((1_000, 2, 5.0) if is_short else (10_000, 20, 30.0)))


if __name__ == "__main__":
    main()

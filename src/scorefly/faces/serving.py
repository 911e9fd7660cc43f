"""`rehearsal serve`: the embedded Fly by itself, with latency and faults as asked."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from scorefly import interruption
from scorefly.problems import Place, option_place, wrong
from scorefly.rehearsal.server import Fault, Rehearsal
from scorefly.rehearsal.world import WorldUnreadable


def parse_latency(text: str, option: str = "latency") -> float:
    """Seconds of `100ms` or `1.5s`. Raises InputError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text, re.ASCII)
    if match is None:
        raise wrong(f"{option} is {text!r}", "give a time such as 100ms or 2s", option_place(option))
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def parse_fault(text: str) -> Fault:
    """A fault in `METHOD:PATH:STATUS[:TIMES]`; a status of 0 drops the connection. Raises InputError."""
    match = re.fullmatch(r"([A-Z]+|\*):(/[^:]*):(0|[45]\d\d)(?::(\d+))?", text, re.ASCII)
    if match is None:
        hint = "write METHOD:PATH:STATUS:TIMES, such as POST:/v1/apps/*/machines:503:2"
        raise wrong(f"{text!r} is no failure", hint, option_place("fail"))
    return Fault(match[1], match[2], int(match[3]), int(match[4] or 1))


def serve(
    port: int,
    world: Path | None,
    out: TextIO,
    *,
    latency: float,
    faults: Sequence[Fault],
    lag: float,
    error_regions: Sequence[str],
) -> None:
    """Serves until the process is told to end, and says how to point flyctl at it."""
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the server's threads start, which inherit it: only the wait below gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    interruption.check()
    try:
        fly = Rehearsal(world, latency=latency, faults=faults, port=port, lag=lag, error_regions=error_regions)
    except OSError as error:
        reason = f"port {port} cannot be had: {error.strerror}"
        raise wrong(reason, "choose another one", option_place("port")) from error
    except WorldUnreadable as error:
        raise wrong(str(error), "remove it, or give another file with --world", Place(str(world))) from error
    with fly:
        bases = ("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL")
        out.writelines(f"export {name}={fly.url}\n" for name in bases)
        out.write("export FLY_API_TOKEN=fo1_rehearsal FLY_SEND_METRICS=0 FLY_TRACE_COLLECTOR_URL=127.0.0.1\n")
        out.flush()
        signal.sigwait(ends)

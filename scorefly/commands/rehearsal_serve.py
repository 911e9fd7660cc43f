"""`rehearsal serve`: the embedded Fly by itself, with latency and faults as asked."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from scorefly import interruption
from scorefly.problems import Place, input_error, option_place
from scorefly.rehearsal import faults
from scorefly.rehearsal.faults import Fault
from scorefly.rehearsal.server import Rehearsal
from scorefly.rehearsal.world_file import WorldUnreadable


def parse_latency(text: str, option: str = "latency") -> float:
    """Seconds of `100ms` or `1.5s`. Raises InputError."""
    seconds = faults.parse_seconds(text)
    if seconds is None:
        raise input_error(f"{option} is {text!r}", "give a time such as 100ms or 2s", option_place(option))
    return seconds


def parse_fault(text: str) -> Fault:
    """A fault in `METHOD:PATH:KIND[:TIMES[:FIRST]]`. Raises InputError."""
    fault = faults.parse_fault(text)
    if fault is None:
        hint = (
            "write METHOD:PATH:KIND:TIMES:FIRST, such as POST:/v1/apps/*/machines:503:2; KIND is a status "
            f"(0, 4xx, 5xx), a time such as 2s, or one of {', '.join(faults.WORDS)}"
        )
        raise input_error(f"{text!r} is not a valid fault", hint, option_place("fail"))
    return fault


def serve(
    port: int,
    world: Path | None,
    out: TextIO,
    *,
    latency: float,
    failures: Sequence[Fault],
    lag: float,
    error_regions: Sequence[str],
) -> None:
    """Serves until the process is told to end, and says how to point flyctl at it."""
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the server's threads start, which inherit it: only the wait below gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    interruption.check()
    try:
        fly = Rehearsal(world, latency=latency, faults=failures, port=port, lag=lag, error_regions=error_regions)
    except OSError as error:
        reason = f"port {port} cannot be had: {error.strerror}"
        raise input_error(reason, "choose another one", option_place("port")) from error
    except WorldUnreadable as error:
        raise input_error(str(error), "remove it, or give another file with --world", Place(str(world))) from error
    with fly:
        bases = ("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL")
        out.writelines(f"export {name}={fly.url}\n" for name in bases)
        out.write("export FLY_API_TOKEN=fo1_rehearsal FLY_SEND_METRICS=0 FLY_TRACE_COLLECTOR_URL=127.0.0.1\n")
        out.flush()
        signal.sigwait(ends)

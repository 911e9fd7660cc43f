"""Standard streams that are closed, that are no longer read, or whose disk is full."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_missing() -> None:
    """Open each standard stream that is closed on the null device, so that no file of ours gets its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good


def discard(stream: TextIO) -> None:
    """Send what is written to a stream nowhere from now on, with what could not be written yet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def flush(stream: TextIO) -> OSError | None:
    """Write what a stream holds back. Return why that is not possible; the stream is discarded then."""
    try:
        stream.flush()
    except OSError as error:
        discard(stream)
        return error
    return None

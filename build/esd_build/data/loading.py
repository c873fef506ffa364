"""Ctrl-C while a program's own code is still being loaded: one line, and the end. Imports next to nothing."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


@contextmanager
def interruptible(program: str) -> Iterator[None]:
    """End at once when interrupted: a library in the middle of its start may swallow KeyboardInterrupt, or print it with a traceback.

    Where the caller ignores interruptions (a job in the background), they stay ignored.
    """

    def end(_signal: int, _frame: object) -> None:
        sys.stderr.write(f"{program}: interrupted\n")
        sys.stderr.flush()
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

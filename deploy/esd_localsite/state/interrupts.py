"""Handles Ctrl-C once: a second one does not interrupt the clean-up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def one_interrupt() -> Iterator[None]:
    """The first Ctrl-C ends the work inside; further ones count only after the clean-up.

    Under sudo, one Ctrl-C arrives twice: from the terminal and from sudo. A second one during the clean-up would leave a connection
    open whose end the supervisor waits for, and `up` would wait for the supervisor.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return

    def once(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

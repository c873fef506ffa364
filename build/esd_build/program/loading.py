"""Ctrl-C while a program starts or ends: one line, and the end. Imports only what Python has loaded before any program begins.

Each module that is loaded before this one is a moment in which Ctrl-C prints Python's traceback.
"""

import _signal  # type: ignore[import-not-found]  # `signal` itself, which would load two more modules first
import os

INTERRUPTED = 130


class Interruptible:
    """As a context manager: Ctrl-C ends the program at once. Outside it, Ctrl-C raises KeyboardInterrupt as usual.

    A library in the middle of its start may swallow KeyboardInterrupt, or print it with a traceback. Where the caller ignores
    interruptions (a job in the background), they stay ignored.
    """

    def __init__(self, program: str) -> None:
        self._line = f"{program}: interrupted\n".encode()
        self._ignored = _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler

    def __enter__(self) -> None:
        if not self._ignored:
            _signal.signal(_signal.SIGINT, self.end)

    def __exit__(self, *_error: object) -> None:
        if not self._ignored:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)

    def end(self, *_signal_and_frame: object) -> None:
        """Say so, and end; streams may be closed, and buffers half written."""
        try:
            os.write(2, self._line)
        finally:
            os._exit(INTERRUPTED)

    def call(self, program: "Callable[[], NoReturn]") -> "NoReturn":
        """Call a program that is loaded. What Python does after its end is no longer worth a traceback either."""
        try:
            program()
        except KeyboardInterrupt:
            self.end()
            raise
        finally:
            self.__enter__()


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

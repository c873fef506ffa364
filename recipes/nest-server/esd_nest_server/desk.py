"""Where requests wait for NEST: HTTP has a thread for each connection, but NEST must be called by the main thread, one call at a time."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from esd_nest_server.kernel import Call
from esd_nest_server.team import Answer

Ask = Callable[[Sequence[Call]], Answer]


class ClosedError(Exception):
    """The service ends; the message says why."""


@dataclass(frozen=True)
class _Request:
    calls: tuple[Call, ...]
    answer: "Future[Answer]"


class Desk:
    """Takes requests of any thread and has the main thread answer them, in order."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()  # put() is safe in a signal handler
        self._closing = threading.Event()
        self.reason = ""

    def ask(self, calls: Sequence[Call]) -> Answer:
        """Called by HTTP's threads. Raises CallError, or ClosedError once the service ends."""
        request = _Request(tuple(calls), Future())
        self._waiting.put(request)
        if self._closing.is_set():
            self._refuse()
            self._waiting.put(None)  # the main thread may wait for the one that was just taken
        return request.answer.result()

    def close(self, reason: str) -> None:
        """No further calls; the one that is carried out ends first. The first reason counts."""
        if not self._closing.is_set():
            self.reason = reason
            self._closing.set()
            self._waiting.put(None)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def serve(self, ask: Ask) -> None:
        """Called by the main thread: answers until `close`."""
        while not self._closing.is_set():
            request = self._waiting.get()
            if request is None:
                break
            self._answer(request, ask)
        self._refuse()

    def _answer(self, request: _Request, ask: Ask) -> None:
        try:
            request.answer.set_result(ask(request.calls))
        except Exception as error:  # noqa: BLE001 - it is the client's: the thread that waits raises it
            request.answer.set_exception(error)

    def _refuse(self) -> None:
        """Whoever still waits is told."""
        while True:
            try:
                request: Any = self._waiting.get_nowait()
            except queue.Empty:
                return
            if request is not None and not request.answer.done():
                request.answer.set_exception(ClosedError(self.reason))

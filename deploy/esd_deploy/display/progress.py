"""What a waiting user sees: one live line on a terminal, plain lines in a log, nothing for a machine. Always on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from esd_build.net.words import SafeConsole

_EVERY_S = 5


class Display(Protocol):
    """Where a run reports its progress."""

    def step(self, text: str) -> None:
        """Report the current step."""

    def progress(self, text: str) -> None:
        """Report the progress of the current step."""


class Silent:
    """For machines and tests."""

    def step(self, text: str) -> None:
        """Show nothing."""

    def progress(self, text: str) -> None:
        """Show nothing."""


class Lines:
    """One line for each step: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, text: str) -> None:
        Lines.step(self, text)


class Live(Lines):
    """For a terminal: the current step moves; earlier steps stay above it."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__(console)
        self._status = status
        self._present = ""

    def step(self, text: str) -> None:
        if self._present:
            super().step(self._present)
        self._present = text
        self._status.update(escape(text))

    def progress(self, text: str) -> None:
        self._status.update(escape(text))


class Moving:
    """Reports every few seconds how much of a file has been transferred; says nothing about short transfers."""

    def __init__(self, tell: Callable[[str], None], what: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._what, self._total, self._clock = tell, what, total, clock
        self._moved, self._told = 0, clock()

    def __call__(self, length: int) -> None:
        self._moved += length
        if self._clock() - self._told >= _EVERY_S:
            self._told = self._clock()
            self._tell(f"{self._what}: {min(self._moved, self._total) / 1e6:,.0f} of {self._total / 1e6:,.0f} MB")


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """The right display for standard error."""
    console = SafeConsole(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console)
    else:
        with console.status("") as status:
            yield Live(console, status)

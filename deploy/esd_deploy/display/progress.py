"""What a waiting user sees: one live line on a terminal, plain lines in a log, nothing for a machine. Always on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from esd_build.net.words import SafeConsole


class Display(Protocol):
    """Where a run tells how it goes."""

    def step(self, text: str) -> None:
        """What goes on now, until the next step."""


class Silent:
    """For machines and tests."""

    def step(self, text: str) -> None:
        """Show nothing."""


class Lines:
    """One line for each step: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class Live(Lines):
    """A terminal: the present step moves; what is over stays above it."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__(console)
        self._status = status
        self._present = ""

    def step(self, text: str) -> None:
        if self._present:
            super().step(self._present)
        self._present = text
        self._status.update(escape(text))


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """The display that suits standard error."""
    console = SafeConsole(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console)
    else:
        with console.status("") as status:
            yield Live(console, status)

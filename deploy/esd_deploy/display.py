"""What a waiting user sees: one live line on a terminal, plain lines in a log, nothing for a machine. Always on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.status import Status


class Display(Protocol):
    """Where a run tells how it goes."""

    def say(self, text: str) -> None:
        """Something that stays readable."""

    def doing(self, text: str) -> None:
        """What goes on now, until the next one."""


class Silent:
    """For machines and tests."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def doing(self, text: str) -> None:
        """Show nothing."""


class Lines:
    """One line for each step: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    doing = say


class Live(Lines):
    """A terminal: the present step moves, what is over stays."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__(console)
        self._status = status

    def doing(self, text: str) -> None:
        self._status.update(text.replace("[", r"\["))


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """The display that suits standard error."""
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console)
    else:
        with console.status("") as status:
            yield Live(console, status)

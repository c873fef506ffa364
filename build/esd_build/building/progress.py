"""Shows a build's progress: one line for each step, and the current action while it runs."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from esd_build.net.words import SafeConsole

_NINJA = re.compile(r"^\[(\d+)/(\d+)\]")
# What to make of the lines that Apptainer, debootstrap, apt and pip print.
_PHASES = (
    (re.compile(r"^I: (Retrieving|Extracting|Unpacking|Configuring)"), "Debian base system"),
    (re.compile(r"^(Selecting previously|Preparing to unpack|Unpacking|Setting up)"), "Debian packages"),
    (re.compile(r"^-- (Performing Test|Looking for|Found)"), "configuring"),
    (re.compile(r"^(Collecting|Processing \.?\/|Building wheel|Installing collected)"), "Python packages"),
    (re.compile(r"Creating SIF file"), "writing the image file"),
)


def phase_of(line: str) -> tuple[str, int, int] | None:
    """What a line of build output says about progress: (phase, done, of); 0 of 0 where the phase has no count. None for other lines."""
    ninja = _NINJA.match(line)
    if ninja:
        return "compiling", int(ninja[1]), int(ninja[2])
    return next(((phase, 0, 0) for pattern, phase in _PHASES if pattern.search(line)), None)


class BuildProgress:
    """On a terminal a live line with a bar; elsewhere a plain line for each phase, and for each of ninja's steps."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or SafeConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last: tuple[str, int, int] | None = None

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step that takes a while; says how long it took. Where the step fails the error speaks instead."""
        started = time.monotonic()
        self.say(f"==> {what}")
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as self._bar:
            self._task = self._bar.add_task(what, total=None, count="")
            yield
        self.say(f"    {what}: {_duration(time.monotonic() - started)}")

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """A step that runs beside another one: it has no bar and only reports how long it took."""
        started = time.monotonic()
        yield
        self.say(f"    {what}: {_duration(time.monotonic() - started)}")

    def line(self, line: str) -> None:
        """Take note of a line of output."""
        phase = phase_of(line)
        if phase is None or phase == self._last:
            return
        name, done, total = self._last = phase
        count = f"{done}/{total}" if total else ""
        if self._console.is_terminal and self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=name, completed=done, total=total or None, count=count)
        else:
            self.say(f"    {name} {count}".rstrip())


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"

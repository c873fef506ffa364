"""Shows how far a push or a pull is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from esd_build.registry.blobs import Progress as OnProgress

_STEPS = 10


@contextmanager
def transfer(what: str, console: Console) -> Iterator[OnProgress]:
    """On a terminal a bar with the speed; elsewhere a line for every tenth, where that takes long enough to be wondered at."""
    if not console.is_terminal:
        yield _Lines(what, console).told
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """Progress without a terminal."""

    PAUSE_S = 5.0

    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._step = 0
        self._said = time.monotonic()

    def told(self, done: int, total: int) -> None:
        step = done * _STEPS // total if total else _STEPS
        if step not in {self._step, _STEPS} and time.monotonic() - self._said >= self.PAUSE_S:
            self._step, self._said = step, time.monotonic()
            self._console.print(f"    {self._what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", markup=False)

"""Freezes a local site's Slurm controller at random moments: it takes requests and answers none, as a busy one does."""

import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType

SECONDS = (20, 60, 150)


class Frost:
    """Now and then while it is entered; the controller goes on afterwards."""

    def __init__(self, site: str, *, every_s: tuple[float, float] = (40, 90), rarer: float = 1, seed: int = 11) -> None:
        self.frozen: Counter[int] = Counter()
        self._site = site
        self._every_s = (every_s[0] * rarer, every_s[1] * rarer)
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._freeze)

    def __enter__(self) -> "Frost":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _freeze(self) -> None:
        lengths = list(SECONDS)
        while not self._stop.wait(self._random.uniform(*self._every_s)):
            if not lengths:
                lengths = list(SECONDS)
            seconds = lengths.pop(self._random.randrange(len(lengths)))
            controller = _controller(self._site)
            os.kill(controller, signal.SIGSTOP)
            try:
                self._stop.wait(seconds)
            finally:
                os.kill(controller, signal.SIGCONT)
            self.frozen[seconds] += 1


def _controller(site: str) -> int:
    """The process of this site's own controller."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"slurmctld") and f"/{site}/slurm/slurm.conf".encode() in b" ".join(words):
            return int(folder.name)
    raise ProcessLookupError(f"site {site} has no slurmctld")

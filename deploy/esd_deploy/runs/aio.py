"""Waits without blocking, for notebooks and servers that have other work meanwhile.

    run = Site.load("local").submit("net.py", image="nest")
    record = await run.wait_async()
    records = await gather(runs)

Most of the time is the pause between two questions. It can be cancelled at any moment: the job continues, and `wait` or `esd-deploy attach`
follows it again. Each question runs in a thread.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from esd_deploy.records.record import RunRecord
from esd_deploy.runs.following import pause


class Followed(Protocol):
    """A run, as far as waiting needs to know it."""

    @property
    def poll_s(self) -> float:
        """Most seconds between two questions."""

    def refresh(self) -> RunRecord: ...

    def finish(self) -> RunRecord: ...


async def wait(run: Followed, gate: asyncio.Semaphore | None = None) -> RunRecord:
    """Like `Run.wait`; a `gate` limits how many runs ask at the same time."""
    gate = gate or asyncio.Semaphore()
    waited_s = 0.0
    while True:
        async with gate:
            if (await asyncio.to_thread(run.refresh)).ended:
                return await asyncio.to_thread(run.finish)
        step = pause(waited_s, run.poll_s)
        waited_s += step
        await asyncio.sleep(step)


async def gather(runs: Iterable[Followed], *, at_once: int = 8) -> list[RunRecord]:
    """Wait for many runs and return their records, in the order of the runs. At most `at_once` runs ask at the same time."""
    gate = asyncio.Semaphore(at_once)
    return await asyncio.gather(*(wait(run, gate) for run in runs))

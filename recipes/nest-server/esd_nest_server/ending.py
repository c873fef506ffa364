"""When the service ends: at the time limit of its job, when a file appears, or by a signal; and what it saves then."""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy

from esd_nest_server.desk import Desk
from esd_nest_server.kernel import Call
from esd_nest_server.team import CallError, Team

_LOOK_S = 0.5
Say = Callable[[str], None]


class Limits:
    """`ends_at`: the job's end in seconds since 1970, or None. The service warns `warn_s` and stops `save_s` seconds before it."""

    def __init__(self, ends_at: float | None, warn_s: float, save_s: float) -> None:
        self.stops_at = None if ends_at is None else ends_at - save_s
        self._warns_at = None if ends_at is None else ends_at - warn_s

    def due(self, now: float) -> bool:
        return self.stops_at is not None and now >= self.stops_at

    def warning(self, now: float) -> str | None:
        """The warning, once its time has come."""
        if self._warns_at is None or self.stops_at is None or now < self._warns_at:
            return None
        return f"the time limit of the job comes near: the service saves its data and stops in {max(0, self.stops_at - now):.0f} s"


def watch(desk: Desk, limits: Limits, stop_file: Path | None, say: Say) -> None:
    """Close the desk when its time has come; in a thread of its own."""

    def run() -> None:
        warned = False
        while not desk.closing:
            now = time.time()
            if not warned and (words := limits.warning(now)):
                say(words)
                warned = True
            if limits.due(now):
                desk.close("time limit of the job")
            elif stop_file is not None and stop_file.exists():
                desk.close("stopped by its user")
            time.sleep(_LOOK_S)

    threading.Thread(target=run, name="ending", daemon=True).start()


def obey_signals(desk: Desk | None) -> None:
    """SIGTERM ends the first rank in order; the other ranks, which have no desk, end when it tells them."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN if desk is None else lambda *_: desk.close("SIGTERM"))


def saved(team: Team, place: Path) -> int:
    """Write the events of all recorders that record to memory: arrays `NUMBER.NAME` in one .npz. Returns how many recorders."""
    try:
        numbers = team.ask([Call("GetNodes", (), {"properties": {"element_type": "recorder"}})]).values[0]
        if not numbers:
            return 0
        found = team.ask([Call("GetStatus", (numbers,), {"keys": ["global_id", "record_to", "events"]})]).values[0]
    except CallError:
        return 0
    arrays = _arrays(found)
    if not arrays:
        return 0
    part = place.with_suffix(".part.npz")
    numpy.savez_compressed(part, **arrays)
    part.replace(place)
    return len({name.partition(".")[0] for name in arrays})


def _arrays(found: list[list[Any]]) -> dict[str, Any]:
    return {
        f"{number}.{name}": values
        for number, record_to, events in found
        if record_to == "memory" and isinstance(events, Mapping)
        for name, values in events.items()
        if len(events.get("times", ()))
    }

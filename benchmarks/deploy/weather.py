"""Throws the fault switches of a local site at random."""

import contextlib
import random
import threading
from collections import Counter
from types import TracebackType

from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import find_layout
from esd_localsite.state.options import Server
from esd_localsite.state.plan import SitePlan
from esd_localsite.supervision.fault_switches import clear, inject

# How often each is thrown, and how: those that end jobs are rarer, as they are at a real site.
_FAULTS = (
    (4, Fault(kind=FaultKind.EXPIRED_SESSIONS, times=3), 0),
    (3, Fault(kind=FaultKind.EXPIRED_TOKENS, times=2), 0),
    (4, Fault(kind=FaultKind.SUBMIT_503, times=2), 0),
    (4, Fault(kind=FaultKind.CUT_BODY, times=3), 0),
    (3, Fault(kind=FaultKind.SLOW, times=4, seconds=1.5), 0),
    (3, Fault(kind=FaultKind.ENDPOINT_RESTART), 0),
    (1, Fault(kind=FaultKind.ENDPOINT_DOWN, seconds=4), 0),
    (2, Fault(kind=FaultKind.REGISTRY_DOWN, seconds=4), 0),
    (1, Fault(kind=FaultKind.NODE_DOWN, node="c2"), 3),
    (1, Fault(kind=FaultKind.DISK_QUOTA), 3),
)
# What only one of the two servers can be made to show; an end of the real one is a SIGKILL, too.
_OF_ONE_SERVER = {
    Server.OWN: (
        (2, Fault(kind=FaultKind.SBATCH_FAILS, times=1), 0),
        (1, Fault(kind=FaultKind.PRECOMMAND_IN_BATCH, times=2), 0),
        (1, Fault(kind=FaultKind.JOB_LOST, times=1), 0),
    ),
    Server.UNICOREX: (
        (2, Fault(kind=FaultKind.SERVER_DOWN, seconds=1), 0),
        (2, Fault(kind=FaultKind.TSI_DOWN, seconds=1), 0),
    ),
}


def server_of(site: str) -> Server:
    """Which UNICORE server the site runs. Raises LocalSiteError where there is no such site."""
    plan = SitePlan.read(find_layout(site))
    if plan is None:
        raise LocalSiteError(f"there is no local site '{site}'")
    return plan.options.server


class Weather:
    """Bad while it is entered, fine afterwards."""

    def __init__(self, site: str, *, every_s: tuple[float, float] = (3, 8), rarer: float = 1, seed: int = 7) -> None:
        self.thrown: Counter[str] = Counter()
        self._site = site
        self._faults = (*_FAULTS, *_OF_ONE_SERVER[server_of(site)])
        self._every_s = (every_s[0] * rarer, every_s[1] * rarer)
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._rage)

    def __enter__(self) -> "Weather":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        clear(self._site)

    def _rage(self) -> None:
        weights = [weight for weight, _, _ in self._faults]
        while not self._stop.wait(self._random.uniform(*self._every_s)):
            ((_, fault, mend_s),) = self._random.choices(self._faults, weights)
            with contextlib.suppress(LocalSiteError):
                inject(self._site, fault)
                self.thrown[str(fault.kind)] += 1
                if mend_s:
                    self._stop.wait(mend_s)
                    clear(self._site, (fault.kind,))

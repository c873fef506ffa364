"""The DMA controller of a core: copies between shared memory and the core's own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from esd_localsite.spinnaker.devices.timer import NEVER
from esd_localsite.spinnaker.layout import Interrupt
from esd_localsite.spinnaker.unknown import NotEmulatedError

_SYSTEM, _LOCAL, _DESCRIPTION, _CONTROL, _STATUS, _GLOBAL, _CRC, _CRC_SEEN, _TIMEOUT, _COUNTING = range(4, 0x2C, 4)
_NAMES = ("", "ADRS", "ADRT", "DESC", "CTRL", "STAT", "GCTL", "CRCC", "CRCR", "TMTV", "SCTL")
_COUNTERS = range(0x40, 0x60, 4)
_WRITES, _LENGTH = 1 << 19, 0x1FFFF
_DONE_ENABLED = 0x400
_BUSY, _FULL, _FINISHED = 1, 4, 0x400
_UNCOMMIT, _ABORT, _CLEAR_DONE = 0x1, 0x2, 0x8
_START_TICKS, _BYTES_PER_TICK = 40, 2

Copy = Callable[[int, int, int, bool], None]
"""Copies (shared address, own address, bytes, whether to shared memory)."""


@dataclass
class Dma:
    """One transfer at a time and one waiting. A transfer takes 40 ticks and one for every two bytes; its bytes move when it ends."""

    core: int
    copy: Copy
    system: int = 0
    local: int = 0
    interrupts: int = 0
    queue: list[tuple[int, int, int]] = field(default_factory=list)
    ends: int = NEVER
    finished: int = 0
    """Transfers whose end the program has not acknowledged."""

    def lines(self) -> int:
        return (bool(self.finished) and bool(self.interrupts & _DONE_ENABLED)) << Interrupt.DMA_DONE

    def due(self) -> int:
        return self.ends

    def advance(self, now: int) -> None:
        while self.ends <= now:
            system, local, description = self.queue.pop(0)
            at = self.ends
            self.ends = NEVER
            self.copy(system, local, description & _LENGTH, bool(description & _WRITES))
            self.finished += 1
            self._begin(at)

    def read(self, register: int, now: int) -> int:
        self.advance(now)
        if register == _STATUS:
            busy, full = bool(self.queue), len(self.queue) >= 2
            return self.core << 24 | bool(self.finished) * _FINISHED | full * _FULL | busy * _BUSY
        if register == _CONTROL:
            return 0
        if register in {_SYSTEM, _LOCAL}:
            return self.system if register == _SYSTEM else self.local
        if register == _GLOBAL:
            return self.interrupts
        if register in _COUNTERS:
            return 0  # statistics of the memory's delays, of which there are none
        raise NotEmulatedError(f"read of the DMA controller's register {_name(register)}")

    def write(self, register: int, value: int, now: int) -> None:
        self.advance(now)
        if register == _SYSTEM:
            self.system = value
        elif register == _LOCAL:
            self.local = value
        elif register == _DESCRIPTION:
            self._add(value, now)
        elif register == _CONTROL:
            self._command(value)
        elif register == _GLOBAL:
            self.interrupts = value
        elif register == _COUNTING:
            pass  # the statistics stay zero
        else:
            raise NotEmulatedError(f"write of {value:#x} to the DMA controller's register {_name(register)}")

    def _add(self, description: int, now: int) -> None:
        if len(self.queue) >= 2:
            raise NotEmulatedError("a third DMA transfer while one runs and one waits")
        self.queue.append((self.system, self.local, description))
        if len(self.queue) == 1:
            self._begin(now)

    def _begin(self, now: int) -> None:
        if self.queue:
            self.ends = now + _START_TICKS + (self.queue[0][2] & _LENGTH) // _BYTES_PER_TICK

    def _command(self, value: int) -> None:
        if value & _UNCOMMIT:
            del self.queue[1:]
        if value & _ABORT:
            self.queue.clear()
            self.ends = NEVER
            self.finished = 0
        if value & _CLEAR_DONE:
            self.finished = max(0, self.finished - 1)


def _name(register: int) -> str:
    return _NAMES[register // 4] if 0 < register // 4 < len(_NAMES) else f"{register:#x}"

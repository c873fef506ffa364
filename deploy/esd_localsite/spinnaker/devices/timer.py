"""The two counters of a core (ARM SP804), at the clock of the core."""

from dataclasses import dataclass, field

from esd_localsite.spinnaker.layout import Interrupt
from esd_localsite.spinnaker.unknown import NotEmulatedError

NEVER = 1 << 62
_LOAD, _COUNT, _CONTROL, _CLEAR, _RAW, _MASKED, _BACKGROUND = range(0, 0x1C, 4)
_NAMES = ("LOAD", "COUNT", "CONTROL", "INT_CLR", "RAW_INT", "MASK_INT", "BG_LOAD")
_ONE_SHOT, _WIDE, _INTERRUPT, _PERIODIC, _ON = 1, 2, 0x20, 0x40, 0x80
_DIVIDERS = {0: 1, 1: 16, 2: 256}


@dataclass
class Counter:
    """One counter. It counts down to zero, then raises its line and starts again. Time is given in ticks."""

    load: int = 0
    control: int = _INTERRUPT
    expired: bool = False
    since: int = 0
    """When it had the value `start`."""
    start: int = 0xFFFFFFFF
    due: int = NEVER
    """When it reaches zero."""

    @property
    def _divider(self) -> int:
        return _DIVIDERS.get(self.control >> 2 & 3, 1)

    @property
    def _top(self) -> int:
        """What it starts from after zero."""
        return self.load if self.control & _PERIODIC else (0xFFFFFFFF if self.control & _WIDE else 0xFFFF)

    def count(self, now: int) -> int:
        if not self.control & _ON:
            return self.start
        return max(0, self.start - (now - self.since) // self._divider)

    def advance(self, now: int) -> None:
        while self.due <= now:
            self.since = self.due
            self.expired = True
            self.start = self._top
            if self.control & _ONE_SHOT:
                self.control &= ~_ON
                self.start = 0
            self._plan()

    def raised(self) -> bool:
        return self.expired and bool(self.control & _INTERRUPT)

    def read(self, register: int, now: int) -> int:
        self.advance(now)
        if register in {_LOAD, _BACKGROUND}:
            return self.load
        if register == _COUNT:
            return self.count(now)
        if register == _CONTROL:
            return self.control
        if register in {_RAW, _MASKED}:
            return int(self.expired if register == _RAW else self.raised())
        raise NotEmulatedError(f"read of the timer's register {_name(register)}")

    def write(self, register: int, value: int, now: int) -> None:
        self.advance(now)
        if register in {_LOAD, _BACKGROUND}:
            self.load = value
            if register == _LOAD:
                self.since, self.start = now, value
                self._plan()
        elif register == _CONTROL:
            if value >> 2 & 3 not in _DIVIDERS:
                raise NotEmulatedError(f"timer control {value:#x}: there is no clock divider {value >> 2 & 3}")
            self.since, self.start, self.control = now, self.count(now), value
            self._plan()
        elif register == _CLEAR:
            self.expired = False
        else:
            raise NotEmulatedError(f"write of {value:#x} to the timer's register {_name(register)}")

    def _plan(self) -> None:
        self.due = self.since + max(1, self.start) * self._divider if self.control & _ON else NEVER


def _name(register: int) -> str:
    return _NAMES[register // 4] if register // 4 < len(_NAMES) else f"{register:#x}"


@dataclass
class Timers:
    """Both counters of a core."""

    counters: tuple[Counter, Counter] = field(default_factory=lambda: (Counter(), Counter()))

    def lines(self) -> int:
        return self.counters[0].raised() << Interrupt.TIMER1 | self.counters[1].raised() << Interrupt.TIMER2

    def due(self) -> int:
        """The next time at which an interrupt line can rise."""
        return min(self._line(self.counters[0]), self._line(self.counters[1]))

    def advance(self, now: int) -> None:
        for counter in self.counters:
            counter.advance(now)

    def read(self, register: int, now: int) -> int:
        return self._counter(register).read(register & 0x1F, now)

    def write(self, register: int, value: int, now: int) -> None:
        self._counter(register).write(register & 0x1F, value, now)

    @staticmethod
    def _line(counter: Counter) -> int:
        return counter.due if counter.control & _INTERRUPT else NEVER

    def _counter(self, register: int) -> Counter:
        if register >= 0x40:
            raise NotEmulatedError(f"the timers' register {register:#x}")
        return self.counters[register // 0x20]

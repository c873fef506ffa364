"""The vectored interrupt controller of a core (ARM PL190, with SpiNNaker's inputs)."""

from dataclasses import dataclass, field

from esd_localsite.spinnaker.unknown import NotEmulatedError

_SLOTS = 16
_IDLE_PRIORITY = _SLOTS + 1
_DEFAULT_PRIORITY = _SLOTS
_ENABLED = 0x20
_STATUS, _FIQ_STATUS, _RAW, _SELECT, _ENABLE, _DISABLE, _SOFT_SET, _SOFT_CLEAR, _PROTECT = range(0, 0x24, 4)
_VECTOR, _DEFAULT = 0x30, 0x34
_ADDRESSES, _CONTROLS = 0x100, 0x200


@dataclass
class Vic:
    """Which of the 32 inputs interrupt the core, as IRQ by sixteen vectored slots or as FIQ."""

    inputs: int = 0
    """What the other peripherals raise now; the core sets it before it looks."""
    select: int = 0
    enabled: int = 0
    soft: int = 0
    default: int = 0
    addresses: list[int] = field(default_factory=lambda: [0] * _SLOTS)
    controls: list[int] = field(default_factory=lambda: [0] * _SLOTS)
    in_service: list[int] = field(default_factory=list)
    """Priorities of the interrupts whose handlers have not said that they are done; the last is the highest."""

    @property
    def active(self) -> int:
        return (self.inputs | self.soft) & self.enabled

    def fiq(self) -> bool:
        return bool(self.active & self.select)

    def irq(self) -> bool:
        """Whether an interrupt waits that is more urgent than the one in service."""
        return self._next()[0] < (self.in_service[-1] if self.in_service else _IDLE_PRIORITY)

    def wakes(self) -> bool:
        return self.fiq() or self.irq()

    def read(self, register: int) -> int:
        if register == _VECTOR:
            return self._begin()
        simple = {
            _STATUS: self.active & ~self.select,
            _FIQ_STATUS: self.active & self.select,
            _RAW: self.inputs | self.soft,
            _SELECT: self.select,
            _ENABLE: self.enabled,
            _SOFT_SET: self.soft,
            _DISABLE: 0,  # for writing only, like the next; programs change single bits of them by reading them first
            _SOFT_CLEAR: 0,
            _DEFAULT: self.default,
        }
        if register in simple:
            return simple[register]
        if _ADDRESSES <= register < _ADDRESSES + 4 * _SLOTS:
            return self.addresses[(register - _ADDRESSES) // 4]
        if _CONTROLS <= register < _CONTROLS + 4 * _SLOTS:
            return self.controls[(register - _CONTROLS) // 4]
        raise NotEmulatedError(f"read of the interrupt controller's register {register:#x}")

    def write(self, register: int, value: int) -> None:  # noqa: C901 (one branch for each register)
        if register == _VECTOR:
            if self.in_service:
                self.in_service.pop()
        elif register == _SELECT:
            self.select = value
        elif register == _ENABLE:
            self.enabled |= value
        elif register == _DISABLE:
            self.enabled &= ~value
        elif register == _SOFT_SET:
            self.soft |= value
        elif register == _SOFT_CLEAR:
            self.soft &= ~value
        elif register == _DEFAULT:
            self.default = value
        elif _ADDRESSES <= register < _ADDRESSES + 4 * _SLOTS:
            self.addresses[(register - _ADDRESSES) // 4] = value
        elif _CONTROLS <= register < _CONTROLS + 4 * _SLOTS:
            self.controls[(register - _CONTROLS) // 4] = value
        else:
            raise NotEmulatedError(f"write of {value:#x} to the interrupt controller's register {register:#x}")

    def _begin(self) -> int:
        """The handler of the most urgent interrupt, which is in service from now on."""
        priority, address = self._next()
        if priority < _IDLE_PRIORITY:
            self.in_service.append(priority)
        return address

    def _next(self) -> tuple[int, int]:
        waiting = self.active & ~self.select
        if not waiting:
            return _IDLE_PRIORITY, self.default
        for slot, control in enumerate(self.controls):
            if control & _ENABLED and waiting >> (control & 31) & 1:
                return slot, self.addresses[slot]
        return _DEFAULT_PRIORITY, self.default

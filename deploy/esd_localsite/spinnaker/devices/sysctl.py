"""The system controller of a chip: locks, flags, and interrupts between its cores."""

from collections.abc import Callable
from dataclasses import dataclass, field

from esd_localsite.spinnaker.layout import CORES
from esd_localsite.spinnaker.unknown import NotEmulatedError

_CODE, _CODE_MASK, _VALUE = 0x5EC00000, 0xFFF00000, 0xFFFFF
_CHIP_ID = 0x59111012
_ID, _DISABLED, _SET_IRQ, _CLEAR_IRQ, _SET_OK, _CLEAR_OK = range(0, 0x18, 4)
_RESET_CODE, _MONITOR, _MISC, _PORT, _DIRECTION, _SET, _CLEAR = 0x30, 0x34, 0x38, 0x40, 0x44, 0x48, 0x4C
_FLAG_SET, _FLAG_CLEAR, _MUX, _SLEEP = 0x58, 0x5C, 0x60, 0x64
_TEST_SET, _TEST_CLEAR, _LOCKS = 0x100, 0x180, 32
_TAKEN = 1 << 31


@dataclass
class SystemController:
    """Registers that all cores of a chip share. Core numbers are physical and virtual ones alike: no core of an emulated chip is broken."""

    asleep: Callable[[], int] = lambda: 0
    """Bits of the cores that wait for an interrupt."""
    irq: int = 0
    """Bits of the cores that another core or the monitor wants to interrupt; bit 0 is the monitor's."""
    ok: int = (1 << CORES) - 1
    flags: int = 0
    leds: int = 0
    taken: set[int] = field(default_factory=set)
    """Locks that a core holds."""

    def read(self, register: int) -> int:
        if _TEST_SET <= register < _TEST_SET + 4 * _LOCKS:
            return self._take((register - _TEST_SET) // 4)
        if _TEST_CLEAR <= register < _TEST_CLEAR + 4 * _LOCKS:
            self.taken.discard((register - _TEST_CLEAR) // 4)
            return 0
        simple = {
            _ID: _CHIP_ID,
            _DISABLED: 0,
            _SET_IRQ: self.irq,
            _CLEAR_IRQ: self.irq,
            _SET_OK: self.ok,
            _CLEAR_OK: self.ok,
            _RESET_CODE: 0,
            _MONITOR: 0,
            _PORT: self.leds,
            _DIRECTION: 0,
            _SET: self.leds,
            _FLAG_SET: self.flags,
            _FLAG_CLEAR: self.flags,
        }
        if register == _SLEEP:
            return self.asleep()
        if register in simple:
            return simple[register]
        raise NotEmulatedError(f"read of the system controller's register {register:#x}")

    def write(self, register: int, value: int) -> None:
        if register in {_SET_IRQ, _CLEAR_IRQ} and value & _CODE_MASK == _CODE:
            bits = value & _VALUE
            self.irq = self.irq | bits if register == _SET_IRQ else self.irq & ~bits
        elif register in {_SET_OK, _CLEAR_OK}:
            self.ok = self.ok | value if register == _SET_OK else self.ok & ~value
        elif register == _FLAG_SET:
            self.flags |= value
        elif register == _FLAG_CLEAR:
            self.flags &= ~value
        elif register in {_SET, _CLEAR}:
            self.leds = self.leds | value if register == _SET else self.leds & ~value
        elif register == _DIRECTION:
            pass  # light-emitting diodes, which nobody sees
        else:
            raise NotEmulatedError(f"write of {value:#x} to the system controller's register {register:#x}")

    def _take(self, lock: int) -> int:
        if lock in self.taken:
            return _TAKEN
        self.taken.add(lock)
        return 0

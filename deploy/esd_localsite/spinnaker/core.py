"""One ARM968 core: its own memories, its peripherals, and the instructions, which the `unicorn` package emulates."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from esd_localsite.errors import LocalSiteError
from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.aplx import Program
from esd_localsite.spinnaker.devices.comms import Comms, Packet
from esd_localsite.spinnaker.devices.dma import Dma
from esd_localsite.spinnaker.devices.timer import Timers
from esd_localsite.spinnaker.devices.vic import Vic
from esd_localsite.spinnaker.memory import Memory, Region
from esd_localsite.spinnaker.unknown import NotEmulatedError, Reports

try:
    import unicorn
    import unicorn.arm_const as arm
except ModuleNotFoundError:  # without the extra `spinnaker`, this module can be imported all the same; `require` says what to do
    unicorn = arm = None

_NOWHERE = 0xFFFF0000
"""An address at which no instruction can be: emulation goes on until its count of instructions."""
_SHORT, _FIRST, _LONGEST = 16, 64, 1024
"""Instructions in a row: while time matters (a masked interrupt waits, or the program reads a timer or DMA); after a rest; and at most.

Between two rows the core looks at its interrupts. A row cannot be ended at an access to a peripheral: unicorn would do the access twice.
"""
_ACCESS_TICKS = 1
"""What an access to a timer or the DMA costs beside its instruction."""
_WAIT, _WAIT_MASK = 0xEE070F90, 0xFFFF0FFF
"""The instruction that waits for an interrupt, whatever register it names."""
_FIQ, _IRQ, _SUPERVISOR, _ABORT, _UNDEFINED = 0x11, 0x12, 0x13, 0x17, 0x1B
_NO_IRQ, _NO_FIQ, _THUMB, _MODE = 0x80, 0x40, 0x20, 0x1F
_MOST_FAULTS = 8
_NAMES = ("", "undefined instruction", "supervisor call", "instruction fetch", "data access")


class Shared(Protocol):
    """What a core sees of its chip."""

    memory: Memory
    name: str

    def device(self, base: int) -> "Device": ...
    def interrupted(self, core: int) -> bool: ...


class Device(Protocol):
    """Registers by their offset. Both methods raise NotEmulatedError for a register that the device does not have."""

    def read(self, register: int) -> int: ...
    def write(self, register: int, value: int) -> None: ...


@dataclass
class Fault:
    """Why the program cannot go on as it wants: an exception of the processor."""

    vector: int
    mode: int
    link: int
    what: str


def require() -> None:
    """Raise LocalSiteError if the processor's emulator is not installed."""
    if unicorn is None:
        raise LocalSiteError("an emulated SpiNNaker board needs the package unicorn: pip install 'esd-images[spinnaker]'")


@dataclass(repr=False, eq=False)
class Core:
    """One core that runs a program. Its time is counted in ticks from the board's start; an instruction takes one tick."""

    chip: Shared
    number: int
    reports: Reports
    send: Callable[[Packet], None]
    time: int = 0
    asleep: bool = False
    halted: bool = False
    """It has faulted so often that going on is of no use."""
    instructions: int = 0
    """An upper bound: the rest of a row in which the core began to wait counts too."""
    timers: Timers = field(default_factory=Timers)
    vic: Vic = field(default_factory=Vic)
    row: int = _FIRST
    timed: bool = False
    """Whether the program has just looked at a timer or at the DMA: it measures time, or waits."""
    faults: int = 0

    def __post_init__(self) -> None:
        require()
        self.name = f"{self.chip.name}, core {self.number}"
        self.dma = Dma(self.number, self._copy)
        self.comms = Comms(self.send)
        self._itcm, self._dtcm = Region(layout.ITCM_SIZE), Region(layout.DTCM_SIZE)
        self._waits: set[int] = set()
        self._waiting_at = -1
        self._fault: Fault | None = None
        self._pc = self._status = 0
        self._cpu = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
        self._cpu.ctl_set_cpu_model(arm.UC_CPU_ARM_946)
        self._map_memory()
        self._map_devices()
        self._cpu.hook_add(unicorn.UC_HOOK_INTR, self._exception)

    def start(self, program: Program, argument: int) -> None:
        """Load a program and begin at its entry, in supervisor mode with interrupts off, as after a reset."""
        for address, data in program.pieces:
            region, offset = self._own(address, len(data))
            region.bytes[offset : offset + len(data)] = data
        self._watch_waits()
        self._set(arm.UC_ARM_REG_CPSR, _SUPERVISOR | _NO_IRQ | _NO_FIQ)
        self._set(arm.UC_ARM_REG_SP, layout.DTCM + layout.DTCM_SIZE)
        self._set(arm.UC_ARM_REG_R0, argument)
        self._set(arm.UC_ARM_REG_PC, program.entry)
        self._look()

    def run(self, until: int) -> bool:
        """Go on to a time. A core that waits for an interrupt leaps to the next one. Whether it did anything."""
        before = self.instructions
        while self.time < until and not self.halted:
            self._advance()
            if self.asleep:
                if not self.vic.wakes():
                    self.time = max(self.time, min(until, self.due()))
                    continue
                self.asleep = False
            masked = self._interrupt()
            left = min(until, max(self.due(), self.time + 1)) - self.time
            self._execute(min(left, _SHORT if masked else self.row))
        return self.instructions != before

    def due(self) -> int:
        """When something of its own can happen to it next."""
        return min(self.timers.due(), self.dma.due())

    def ready(self) -> bool:
        """Whether it has something to do now."""
        if self.halted:
            return False
        self._advance()
        return not self.asleep or self.vic.wakes()

    def deliver(self, packet: Packet) -> None:
        self.comms.deliver(packet)

    def registers(self) -> dict[str, int]:
        """The processor's registers, by name."""
        named = {f"r{number}": self._get(getattr(arm, f"UC_ARM_REG_R{number}")) for number in range(13)}
        return named | {"sp": self._get(arm.UC_ARM_REG_SP), "lr": self._get(arm.UC_ARM_REG_LR), "pc": self._pc, "cpsr": self._status}

    def peek(self, address: int, size: int) -> bytes:
        """Bytes of its own memories."""
        region, offset = self._own(address, size)
        return region.bytes[offset : offset + size]

    def _advance(self) -> None:
        self.timers.advance(self.time)
        self.dma.advance(self.time)
        monitor = self.chip.interrupted(self.number) << layout.Interrupt.MONITOR
        self.vic.inputs = self.timers.lines() | self.dma.lines() | self.comms.lines() | monitor

    def _interrupt(self) -> bool:
        """Enter the handler of what waits; whether something waits that the program has masked."""
        if self.vic.fiq():
            if self._status & _NO_FIQ:
                return True
            self._enter(Fault(0x1C, _FIQ | _NO_FIQ, self._pc + 4, ""))
        elif self.vic.irq():
            if self._status & _NO_IRQ:
                return True
            self._enter(Fault(0x18, _IRQ | self._status & _NO_FIQ, self._pc + 4, ""))
        return False

    def _enter(self, fault: Fault) -> None:
        before = self._status
        self._pc, self._status = fault.vector, before & ~(_MODE | _THUMB) | fault.mode | _NO_IRQ
        self._set(arm.UC_ARM_REG_CPSR, self._status)  # first: it chooses which registers of those names are meant
        self._set(arm.UC_ARM_REG_SPSR, before)
        self._set(arm.UC_ARM_REG_LR, fault.link)

    def _look(self) -> None:
        self._pc, self._status = self._get(arm.UC_ARM_REG_PC), self._get(arm.UC_ARM_REG_CPSR)

    def _execute(self, count: int) -> None:
        self._waiting_at = -1
        try:
            self._cpu.emu_start(self._pc | bool(self._status & _THUMB), _NOWHERE, 0, count)
        except unicorn.UcError as error:
            self._crash(error)
        self.time += count
        self.instructions += count
        self._look()
        if self._fault:
            self._raise(self._fault)
        elif self._pc == self._waiting_at + 4:
            self.asleep, self.row = True, _FIRST
        else:
            self.row = _SHORT if self.timed else min(_LONGEST, 2 * self.row)
        self.timed = False

    def _crash(self, error: Any) -> None:
        if self._fault:
            return
        place = self._get(arm.UC_ARM_REG_PC)
        if error.errno in {unicorn.UC_ERR_FETCH_UNMAPPED, unicorn.UC_ERR_FETCH_PROT}:
            self._fault = Fault(0x0C, _ABORT, place + 4, f"fetches an instruction at {place:#010x}, where nothing is")
        elif error.errno == unicorn.UC_ERR_INSN_INVALID:
            length = 2 if self._get(arm.UC_ARM_REG_CPSR) & _THUMB else 4
            self._fault = Fault(0x04, _UNDEFINED, place + length, f"undefined instruction at pc {place:#010x}")
        else:
            self._fault = Fault(0x10, _ABORT, place + 8, f"accesses memory that is not there, at pc {place:#010x} ({error})")

    def _exception(self, cpu: Any, number: int, _user: Any) -> None:
        place = self._get(arm.UC_ARM_REG_PC)
        vector, mode, further = {1: (0x04, _UNDEFINED, 4), 2: (0x08, _SUPERVISOR, 0), 3: (0x0C, _ABORT, 4)}.get(number, (0x10, _ABORT, 8))
        what = _NAMES[number] if number < len(_NAMES) else f"exception {number}"
        self._fault = Fault(vector, mode, place + further, f"{what} at pc {place:#010x}")
        cpu.emu_stop()

    def _raise(self, fault: Fault) -> None:
        """Enter the program's own handler of an exception, which tells the monitor; give up if that fails again and again."""
        self._fault = None
        self.faults += 1
        told = " ".join(f"{name}={value:#x}" for name, value in self.registers().items())
        self.reports.tell(f"{self.name}: {fault.what}; {told}")
        self._enter(fault)
        if self.faults >= _MOST_FAULTS:
            self.halted = True
            self.reports.tell(f"{self.name}: stopped after {self.faults} exceptions")

    def _map_memory(self) -> None:
        own = ((layout.ITCM, self._itcm), (layout.DTCM, self._dtcm))
        for base, region in (*own, *self.chip.memory.places):
            self._cpu.mem_map_ptr(base, region.size, unicorn.UC_PROT_ALL, region.pointer)

    def _map_devices(self) -> None:
        timed: tuple[tuple[tuple[int, ...], Any], ...] = ((layout.TIMERS, self.timers), (layout.DMA, self.dma))
        for bases, device in timed:
            self._map(bases, _Timed(self, device), 0x1000)
        self._map(layout.VIC, self.vic, 0x1000)
        self._map(layout.COMMS, self.comms, 0x1000)
        self._map(layout.ROUTER, self.chip.device(layout.ROUTER[0]), layout.ROUTER_SIZE)
        for bases in (layout.SYSTEM_CONTROLLER, layout.WATCHDOG, layout.MEMORY_CONTROLLER, layout.ETHERNET):
            self._map(bases, self.chip.device(bases[0]), 0x1000)

    def _map(self, bases: tuple[int, ...], device: Device, size: int) -> None:
        def read(cpu: Any, offset: int, width: int, _user: Any) -> int:
            try:
                return device.read(_aligned(offset, width))
            except NotEmulatedError as error:
                self._refuse(cpu, error)
                return 0

        def write(cpu: Any, offset: int, width: int, value: int, _user: Any) -> None:
            try:
                device.write(_aligned(offset, width), value & 0xFFFFFFFF)
            except NotEmulatedError as error:
                self._refuse(cpu, error)

        for base in bases:
            self._cpu.mmio_map(base, size, read, None, write, None)

    def _refuse(self, cpu: Any, error: NotEmulatedError) -> None:
        """What is not emulated ends as a data abort of the program. Stopping here leaves the program counter at the instruction."""
        place = self._get(arm.UC_ARM_REG_PC)
        self._fault = Fault(0x10, _ABORT, place + 8, f"{error}: not emulated, so this is a data abort at pc {place:#010x}")
        cpu.emu_stop()

    def _watch_waits(self) -> None:
        code = self._itcm.bytes[: layout.ITCM_SIZE]
        for place, (word,) in enumerate(struct.iter_unpack("<I", code)):
            if word & _WAIT_MASK == _WAIT and place * 4 not in self._waits:
                self._waits.add(place * 4)
                self._cpu.hook_add(unicorn.UC_HOOK_CODE, self._waiting, begin=place * 4, end=place * 4)

    def _waiting(self, _cpu: Any, address: int, _size: int, _user: Any) -> None:
        self._waiting_at = address

    def _copy(self, system: int, local: int, size: int, outward: bool) -> None:
        try:
            region, offset = self._own(local, size)
            if outward:
                self.chip.memory.write(system, region.bytes[offset : offset + size])
            else:
                region.bytes[offset : offset + size] = self.chip.memory.read(system, size)
        except NotEmulatedError as error:
            self.halted = True  # the controller's error interrupt is not emulated
            self.reports.tell(f"{self.name}: stopped by a DMA transfer of {error}")

    def _own(self, address: int, size: int) -> tuple[Region, int]:
        for base, region in ((layout.ITCM, self._itcm), (layout.DTCM, self._dtcm)):
            if address >= base and size >= 0 and address + size <= base + region.size:
                return region, address - base
        raise NotEmulatedError(f"{size} bytes at {address:#010x} are not wholly in a core's own memory")

    def _get(self, register: int) -> int:
        return int(self._cpu.reg_read(register))

    def _set(self, register: int, value: int) -> None:
        self._cpu.reg_write(register, value & 0xFFFFFFFF)


@dataclass
class _Timed:
    """A device whose registers depend on the time."""

    core: Core
    device: Any

    def read(self, register: int) -> int:
        self.core.time += _ACCESS_TICKS
        self.core.timed = True
        return int(self.device.read(register, self.core.time))

    def write(self, register: int, value: int) -> None:
        self.device.write(register, value, self.core.time)


def _aligned(offset: int, width: int) -> int:
    if width != 4 or offset & 3:
        raise NotEmulatedError(f"{width} bytes at offset {offset:#x} of a peripheral: only whole registers are emulated")
    return offset

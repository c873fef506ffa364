"""Starting, signalling and stopping programs on a chip's cores."""

import struct
from collections.abc import Callable
from enum import IntEnum

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.aplx import AplxError, load
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.core import Core
from esd_localsite.spinnaker.layout import APP_RECORD, CORES, Mail, State, Sv, Vcpu
from esd_localsite.spinnaker.monitor import memory_commands, router_commands
from esd_localsite.spinnaker.monitor.results import RefusedError, Result
from esd_localsite.spinnaker.packets import Scp

_RELOCATED = 29
"""Bits of the checksum of a copied program."""


class Signal(IntEnum):
    """What can be said to an application."""

    INIT, POWER_DOWN, STOP, START, SYNC0, SYNC1, PAUSE, CONTINUE, EXIT, TIMER, USER0, USER1, USER2, USER3 = range(14)


NewCore = Callable[[Chip, int], Core]


def start(chip: Chip, table: int, request: int, new_core: NewCore) -> None:
    """Start the program at an address on the cores of a request: bits 17:0 cores, 23:18 flags, 31:24 application.

    Raises RefusedError if there is no program.
    """
    cores = [core for core in range(CORES) if request >> core & 1]
    app, flags = request >> 24, request >> 18 & 63
    if 0 in cores:
        raise RefusedError(Result.ARGUMENT, "core 0 is the monitor")
    try:
        program = load(chip.memory.read, table)
    except AplxError as error:
        raise RefusedError(Result.ARGUMENT, str(error)) from error
    started = {number: new_core(chip, number) for number in cores}
    for core in started.values():
        core.start(program, flags << 8 | app)
    _note(chip, app, cores)
    chip.system.flags |= sum(1 << core for core in cores)
    chip.memory.set_word(layout.SYSRAM + 16, table)
    chip.memory.set_word(layout.SYSRAM + 20, flags << 8 | app)
    for number in cores:
        chip.system.irq &= ~(1 << number)
        chip.set_state(number, State.INITIALISING, app)
        chip.memory.set_word(chip.vcpu(number, Vcpu.TIME), chip.sv(Sv.UNIX_TIME))
        chip.apps[number] = app
    chip.cores |= started


def copy_start(chip: Chip, command: Scp, new_core: NewCore) -> bytes:
    """Copy a program from a neighbour, then start it. Raises RefusedError."""
    link, wanted, size = command.arg1 & 7, command.arg1 >> 3, command.arg2
    if link not in chip.links or size % 4 or size > memory_size(chip):
        raise RefusedError(Result.ARGUMENT, f"copying {size} bytes by link {link} of {chip.name}")
    data = chip.links[link].memory.read(chip.links[link].sv(Sv.SDRAM_SYSTEM), size)
    total = sum(struct.unpack(f"<{size // 4}I", data)) & 0xFFFFFFFF
    if wanted and total & (1 << _RELOCATED) - 1 != wanted:
        raise RefusedError(Result.CHECKSUM, f"the program at {chip.links[link].name} has another checksum")
    place = chip.sv(Sv.SDRAM_SYSTEM)
    chip.memory.write(place, data)
    start(chip, place, command.arg3, new_core)
    return b""


def memory_size(chip: Chip) -> int:
    """Room for a program."""
    return layout.SDRAM + layout.SDRAM_SIZE - chip.sv(Sv.SDRAM_SYSTEM)


def signal(chip: Chip, word: int) -> None:
    """A signal (bits 19:16) to the applications that, masked with bits 15:8, have the number in bits 7:0."""
    mask, app = word >> 8 & 0xFF, word & 0xFF
    cores = [core for core in range(1, CORES) if chip.apps.get(core, 0) & mask == app]
    bits = sum(1 << core for core in cores)
    number = word >> 16 & 15
    if number in {Signal.INIT, Signal.STOP}:
        if number == Signal.STOP:
            for other in {chip.apps.get(core, 0) for core in cores} | {app}:
                clean(chip, other)
        for core in cores:
            chip.idle(core)
    elif number == Signal.POWER_DOWN:
        for core in cores:
            chip.idle(core)
            chip.set_state(core, State.POWERED_DOWN)
    elif number in {Signal.SYNC0, Signal.SYNC1}:
        chip.system.flags = chip.system.flags | bits if number == Signal.SYNC1 else chip.system.flags & ~bits
        chip.system.irq |= bits
    elif number <= max(Signal):
        for core in cores:
            chip.memory.set_byte(chip.vcpu(core, Vcpu.TO_CORE), Mail.SIGNAL)
            chip.memory.set_word(chip.vcpu(core, Vcpu.TO_CORE_MESSAGE), number)
        chip.system.irq |= bits
    else:
        raise RefusedError(Result.ARGUMENT, f"signal {number}")


def count(chip: Chip, app: int, state: int) -> int:
    """Cores of an application in a state."""
    return sum(chip.apps.get(core, 0) == app and chip.state(core) == state for core in range(1, CORES))


def clean(chip: Chip, app: int) -> None:
    """Give back what an application has left."""
    place = chip.sv(Sv.APPS) + app * APP_RECORD
    if chip.memory.byte(place + 1):
        return
    for heap in (chip.sdram_heap, chip.sysram_heap, chip.system_heap):
        if app:
            memory_commands.free_app(chip, heap, app)
    if app:
        router_commands.free_app(chip, app, wipe=True)
    chip.memory.set_byte(place, 0)
    chip.memory.set_byte(place + 1, 1)


def _note(chip: Chip, app: int, cores: list[int]) -> None:
    """The application's record: cores, cleaned, semaphore, first core; mask of cores."""
    place = chip.sv(Sv.APPS) + app * APP_RECORD
    had, _, semaphore, first, mask = struct.unpack("<4BI", chip.memory.read(place, APP_RECORD))
    if had == 0:
        semaphore, mask, first = 0, 0, min(cores, default=0)
    mask |= sum(1 << core for core in cores)
    chip.memory.write(place, struct.pack("<4BI", (had + len(cores)) & 0xFF, 0, semaphore, first, mask))

"""Commands that tell what a chip is."""

import struct

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.layout import CORES, Sv
from esd_localsite.spinnaker.monitor import router_commands
from esd_localsite.spinnaker.packets import MOST_DATA, Scp

_NAME = b"SC&MP/SpiNNaker\0"
_BUILT = 0
"""When the monitor was built: this one was not."""


def version(chip: Chip, _command: Scp) -> bytes:
    """Chip, core; size of buffers; and the name that hosts look for, with the version whose commands are emulated."""
    head = struct.pack("<3I", chip.address << 16, 0xFFFF0000 + MOST_DATA, _BUILT)
    return head + _NAME + layout.VERSION_TEXT.encode() + b"\0"


def information(chip: Chip, _command: Scp) -> bytes:
    """Cores, links, free entries and memory, states of the cores, address, way to the root chip."""
    ethernet = chip.memory.byte(layout.SV + Sv.ETHERNET_UP)
    first = CORES | chip.link_bits() << 8 | router_commands.largest(chip) << 14 | ethernet << 25
    head = struct.pack("<3I", first, chip.sdram_heap.largest(), chip.sysram_heap.largest())
    states = bytes(chip.state(core) for core in range(CORES))
    home = chip.memory.half(layout.SV + Sv.ETHERNET_ADDRESS)
    return head + states + struct.pack("<H", home) + chip.memory.read(layout.SV + Sv.IP, 4) + struct.pack("<H", chip.router.chips[0] & 7)


def program_place(chip: Chip) -> int:
    """Where hosts leave programs."""
    return chip.sv(Sv.SDRAM_SYSTEM)

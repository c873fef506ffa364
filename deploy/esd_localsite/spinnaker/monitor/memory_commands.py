"""Commands that read and write a chip's memory."""

import struct

from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.heap import Heap
from esd_localsite.spinnaker.layout import APP_RECORD, SDRAM_SIZE, Sv
from esd_localsite.spinnaker.monitor.results import RefusedError, Result
from esd_localsite.spinnaker.packets import MOST_DATA, Scp

_UNITS = (1, 2, 4)
_ALLOCATE, _FREE, _FREE_APP, _ROUTER_ALLOCATE, _ROUTER_FREE, _ROUTER_FREE_APP, _SPACE, _BY_TAG = range(8)
_AGAIN = 4
"""Flag of an allocation: a second request for the same tag and size gets the same block."""


def read(chip: Chip, command: Scp) -> bytes:
    """arg2 bytes at arg1, in units of kind arg3 (1, 2 or 4 bytes)."""
    _check(command.arg2, command.arg3)
    return chip.read(command.arg1, command.arg2 - command.arg2 % _UNITS[command.arg3])


def write(chip: Chip, command: Scp) -> bytes:
    """The other way round."""
    _check(command.arg2, command.arg3)
    size = command.arg2 - command.arg2 % _UNITS[command.arg3]
    if len(command.data) < size:
        raise RefusedError(Result.LENGTH, f"a write of {size} bytes that brings {len(command.data)}")
    chip.write(command.arg1, command.data[:size])
    return b""


def fill(chip: Chip, command: Scp) -> bytes:
    """Words, from address arg1, of value arg2, arg3 bytes in all."""
    if command.arg3 > SDRAM_SIZE or command.arg1 % 4 or command.arg3 % 4:
        raise RefusedError(Result.ARGUMENT, f"a fill of {command.arg3} bytes at {command.arg1:#010x}: only whole words, at most the SDRAM")
    chip.memory.fill(command.arg1, command.arg3, command.arg2)
    return b""


def link_read(chip: Chip, command: Scp) -> bytes:
    """arg2 bytes at arg1 of the chip at the other end of link arg3."""
    _check(command.arg2, 0)
    return _neighbour(chip, command.arg3).read(command.arg1, command.arg2 & ~3)


def link_write(chip: Chip, command: Scp) -> bytes:
    """The other way round."""
    _check(command.arg2, 0)
    size = command.arg2 & ~3
    if len(command.data) < size:
        raise RefusedError(Result.LENGTH, f"a write of {size} bytes that brings {len(command.data)}")
    _neighbour(chip, command.arg3).write(command.arg1, command.data[:size])
    return b""


def allocation(chip: Chip, command: Scp) -> bytes:
    """Blocks of SDRAM and of the router's table."""
    operation, app, flags = command.arg1 & 0xFF, command.arg1 >> 8 & 0xFF, command.arg1 >> 16 & 0xFF
    if operation == _ALLOCATE:
        clear_clean(chip, app)
        return struct.pack("<I", _allocate(chip, app, command.arg2, command.arg3 & 0xFF, again=bool(flags & _AGAIN)))
    if operation == _FREE:
        free(chip, chip.sdram_heap, command.arg2)
        return b""
    if operation == _FREE_APP:
        return struct.pack("<I", free_app(chip, chip.sdram_heap, app))
    if operation == _SPACE:
        return struct.pack("<2I", chip.sdram_heap.free_bytes, chip.sdram_heap.largest())
    if operation == _BY_TAG:
        return struct.pack("<I", chip.memory.word(_tag(chip, app << 8 | command.arg2 & 0xFF)))
    raise RefusedError(Result.ARGUMENT, f"allocation operation {operation}")


ROUTER_OPERATIONS = frozenset({_ROUTER_ALLOCATE, _ROUTER_FREE, _ROUTER_FREE_APP})
"""Operations of the same command that are about the router's table."""


def free_app(chip: Chip, heap: Heap, app: int) -> int:
    """Give back all blocks of an application; how many."""
    blocks = heap.owned(app)
    for block in blocks:
        free(chip, heap, block)
    return len(blocks)


def free(chip: Chip, heap: Heap, address: int) -> None:
    """Give a block back, and its tag. Raises HeapError if it is none."""
    owner = heap.free(address)
    if owner & 0xFF:
        chip.memory.set_word(_tag(chip, owner), 0)


def clear_clean(chip: Chip, app: int) -> None:
    """Note that the application owns something again."""
    chip.memory.set_byte(chip.sv(Sv.APPS) + app * APP_RECORD + 1, 0)


def _allocate(chip: Chip, app: int, size: int, tag: int, *, again: bool) -> int:
    owner = app << 8 | tag
    if tag and (taken := chip.memory.word(_tag(chip, owner))):
        had = chip.memory.word(taken - 8) - taken
        return taken if again and had == size else 0
    block = chip.sdram_heap.allocate(size, owner)
    if tag and block:
        chip.memory.set_word(_tag(chip, owner), block)
    return block


def _tag(chip: Chip, owner: int) -> int:
    return chip.sv(Sv.TAGS) + 4 * owner


def _neighbour(chip: Chip, link: int) -> Chip:
    if link not in chip.links:
        raise RefusedError(Result.ARGUMENT if link > 5 else Result.TIMEOUT, f"{chip.name} has no neighbour at link {link}")
    return chip.links[link]


def _check(length: int, unit: int) -> None:
    if length > MOST_DATA or unit >= len(_UNITS):
        raise RefusedError(Result.ARGUMENT, f"{length} bytes in units of kind {unit}: at most {MOST_DATA}, kinds 0 to 2")

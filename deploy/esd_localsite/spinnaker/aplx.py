"""The form in which programs are loaded: a table of copies and fills, then the code. Pure."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

_ENTRY = struct.Struct("<4I")
_ABSOLUTE, _RELATIVE, _FILL, _EXECUTE = 1, 2, 3, 4
_GRAIN = 32
_MOST_ENTRIES = 64

Read = Callable[[int, int], bytes]


class AplxError(Exception):
    """A program that cannot be loaded; the message says why."""


@dataclass(frozen=True)
class Program:
    """What has to be in a core's memory, and where it starts."""

    pieces: tuple[tuple[int, bytes], ...]
    entry: int


def load(read: Read, table: int) -> Program:
    """Follow the table at an address of the chip's memory, as the loader in system RAM does. Lengths are rounded up to 32 bytes.

    Raises AplxError for a table without an entry point, or an unknown operation; what `read` raises for addresses outside memory.
    """
    pieces: list[tuple[int, bytes]] = []
    for place in range(table, table + _MOST_ENTRIES * _ENTRY.size, _ENTRY.size):
        operation, first, second, third = _ENTRY.unpack(read(place, _ENTRY.size))
        if operation == _EXECUTE:
            return Program(tuple(pieces), first)
        if operation in {_ABSOLUTE, _RELATIVE}:
            source = second + place if operation == _RELATIVE else second
            pieces.append((first, read(source, _rounded(third))))
        elif operation == _FILL:
            pieces.append((first, struct.pack("<I", third) * (_rounded(second) // 4)))
        else:
            raise AplxError(f"the program's table at {place:#010x} has operation {operation:#x}, not 1 to 4")
    raise AplxError(f"the program's table at {table:#010x} has more than {_MOST_ENTRIES} entries")


def _rounded(length: int) -> int:
    if not 0 <= length <= 0x100000:
        raise AplxError(f"the program's table wants a piece of {length} bytes")
    return max(_GRAIN, (length + _GRAIN - 1) // _GRAIN * _GRAIN)

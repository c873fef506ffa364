"""Commands about the router's tables, with the copy in SDRAM that programs read."""

import struct

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.layout import ROUTER_ENTRIES, ROUTER_RECORD, Sv
from esd_localsite.spinnaker.monitor.results import RefusedError, Result
from esd_localsite.spinnaker.packets import Scp

_ENTRY = struct.Struct("<2H3I")
_INIT, _CLEAR, _LOAD, _FIXED = range(4)
_ALLOCATE, _FREE, _FREE_APP = 3, 4, 5
_READ_FIXED = 1 << 31
_NO_ROUTE, _OWNED = 0xFF000000, 0x8000
_FIRST, _LAST = 1, ROUTER_ENTRIES
"""Entry 0 is never given away: 0 says that there is no room."""


def initialise(chip: Chip, first: int = 1) -> None:
    """An empty table, all of it free."""
    clear(chip, first, ROUTER_ENTRIES - first)
    chip.memory.set_half(layout.SV + Sv.ROUTER_FREE, _FIRST)
    _set_links(chip, _FIRST, _LAST, 0)
    _set_links(chip, _LAST, 0, 0)
    chip.memory.set_word(_copy(chip, ROUTER_ENTRIES) + 4, _NO_ROUTE)


def router(chip: Chip, command: Scp) -> bytes:
    """Empty or load the multicast table; set or get the fixed route."""
    operation, app, count = command.arg1 & 0xFF, command.arg1 >> 8 & 0xFF, command.arg1 >> 16
    if operation == _INIT:
        initialise(chip)
    elif operation == _CLEAR:
        if command.arg2 + count > ROUTER_ENTRIES:
            raise RefusedError(Result.ARGUMENT, f"clearing {count} entries from {command.arg2}: there are {ROUTER_ENTRIES}")
        clear(chip, command.arg2, count)
    elif operation == _LOAD:
        _load(chip, command.arg2, count, command.arg3, app)
    elif operation == _FIXED:
        if command.arg2 & _READ_FIXED:
            return struct.pack("<I", chip.sv(Sv.FIXED_ROUTE))
        chip.router.fixed = command.arg2 & 0xFFFFFF
        chip.memory.set_word(layout.SV + Sv.FIXED_ROUTE, chip.router.fixed)
    else:
        raise RefusedError(Result.ARGUMENT, f"router operation {operation}")
    return b""


def allocation(chip: Chip, command: Scp) -> bytes:
    """Entries for an application: a run of them, or giving them back."""
    operation, app = command.arg1 & 0xFF, command.arg1 >> 8 & 0xFF
    if operation == _ALLOCATE:
        return struct.pack("<I", _allocate(chip, command.arg2, app))
    if operation == _FREE:
        if _FIRST <= command.arg2 < _LAST:
            free(chip, command.arg2, wipe=bool(command.arg3))
        return b""
    return struct.pack("<I", free_app(chip, app, wipe=bool(command.arg2)))


def clear(chip: Chip, first: int, count: int) -> None:
    """Empty some entries, in the router and in the copy."""
    chip.router.clear(first, count)
    for entry in range(first, first + count):
        chip.memory.write(_copy(chip, entry) + 4, struct.pack("<3I", _NO_ROUTE, 0xFFFFFFFF, 0))


def largest(chip: Chip) -> int:
    """Entries of the longest free run."""
    return max((_links(chip, entry)[0] - entry for entry in _free(chip)), default=0)


def free(chip: Chip, entry: int, *, wipe: bool) -> None:
    """Give a run back that begins at an entry, and join it with its free neighbours."""
    after, _ = _links(chip, entry)
    if wipe:
        clear(chip, entry, max(0, min(after, ROUTER_ENTRIES) - entry))
    runs = _free(chip)
    before = max((other for other in runs if other < entry), default=0)
    behind = min((other for other in runs if other > entry), default=0)
    if behind and after == behind:
        after, behind = _links(chip, behind)
    if before and _links(chip, before)[0] == entry:
        _set_links(chip, before, after, behind)
        return
    _set_links(chip, entry, after, behind)
    if before:
        _set_links(chip, before, _links(chip, before)[0], entry)
    else:
        chip.memory.set_half(layout.SV + Sv.ROUTER_FREE, entry)


def free_app(chip: Chip, app: int, *, wipe: bool) -> int:
    """Give back all runs of an application; how many."""
    owned, entry = [], _FIRST
    for _ in range(ROUTER_ENTRIES):
        if not _FIRST <= entry < _LAST:
            break
        after, word = _links(chip, entry)
        if word & _OWNED and word & 0xFF == app:
            owned.append(entry)
        entry = after
    for first in owned:
        free(chip, first, wipe=wipe)
    return len(owned)


def _allocate(chip: Chip, size: int, app: int) -> int:
    before = 0
    for entry in _free(chip) if size else []:
        after, behind = _links(chip, entry)
        rest = entry + size
        if rest > after:
            before = entry
            continue
        if rest < after:
            _set_links(chip, rest, after, behind)
            behind = rest
        if before:
            _set_links(chip, before, _links(chip, before)[0], behind)
        else:
            chip.memory.set_half(layout.SV + Sv.ROUTER_FREE, behind)
        _set_links(chip, entry, rest, _OWNED | app)
        return entry
    return 0


def _load(chip: Chip, table: int, count: int, offset: int, app: int) -> None:
    count = count or chip.memory.half(table + 2)
    for number in range(min(count, ROUTER_ENTRIES)):
        place, _, route, key, mask = _ENTRY.unpack(chip.memory.read(table + number * ROUTER_RECORD, ROUTER_RECORD))
        entry = place + offset
        if entry >= ROUTER_ENTRIES:
            raise RefusedError(Result.ARGUMENT, f"router entry {entry}: there are {ROUTER_ENTRIES}")
        chip.router.set_entry(entry, key, mask, route & 0xFFFFFF)
        copy = _copy(chip, entry)
        chip.memory.set_half(copy + 2, _OWNED | app or route >> 24)
        chip.memory.write(copy + 4, struct.pack("<3I", route & 0xFFFFFF, key, mask))


def _free(chip: Chip) -> list[int]:
    found: list[int] = []
    entry = chip.memory.half(layout.SV + Sv.ROUTER_FREE)
    while _FIRST <= entry < _LAST and len(found) < ROUTER_ENTRIES:
        found.append(entry)
        entry = _links(chip, entry)[1]
    return found


def _links(chip: Chip, entry: int) -> tuple[int, int]:
    """The entry after a run; and the next free run or, of a run in use, its owner."""
    place = _copy(chip, entry)
    return chip.memory.half(place), chip.memory.half(place + 2)


def _set_links(chip: Chip, entry: int, after: int, other: int) -> None:
    place = _copy(chip, entry)
    chip.memory.set_half(place, after)
    chip.memory.set_half(place + 2, other)


def _copy(chip: Chip, entry: int) -> int:
    return chip.sv(Sv.ROUTER_COPY) + entry * ROUTER_RECORD

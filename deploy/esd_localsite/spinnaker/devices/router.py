"""The router of a chip: multicast table, fixed route, table of chips, diagnostic counters."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from esd_localsite.spinnaker.devices.comms import Kind, Packet
from esd_localsite.spinnaker.layout import LINKS, ROUTER_ENTRIES
from esd_localsite.spinnaker.unknown import NotEmulatedError

_CONTROL, _STATUS, _DIAGNOSTICS, _FIXED = 0x00, 0x04, 0x2C, 0x84
_ERROR_REGISTERS, _DUMP_REGISTERS = range(0x08, 0x18, 4), range(0x18, 0x2C, 4)
_FILTERS, _COUNTERS, _COUNT = 0x200, 0x300, 16
_ROUTES, _KEYS, _MASKS, _CHIPS = 0x4000, 0x8000, 0xC000, 0x10000
_CHIP_WORDS = 8192
_NO_ROUTE, _NO_CHIPS = 0xFF000000, 0x00DB6DB6
_INITIAL_FILTERS = (
    *(0x01FE0000 | source | kind for kind in (0x3CF1, 0x3CF2, 0x3CF4, 0x3CF8) for source in (0x4000, 0x8000)),
    *(0x0001FCF0 | kind for kind in (1, 2, 4, 8)),
    *(0,) * 4,
)
_DUMPED = 1


@dataclass(frozen=True)
class Passage:
    """Where a packet goes from one chip."""

    links: tuple[int, ...]
    cores: tuple[int, ...]
    default: bool = False
    """No entry of the table fits: it went on straight ahead."""

    @property
    def dropped(self) -> bool:
        return not self.links and not self.cores


@dataclass(repr=False, eq=False)
class Router:
    """A router that is never congested: a packet is dropped only if the table says so."""

    control: int = 0x00400001
    fixed: int = 0
    routes: list[int] = field(default_factory=lambda: [_NO_ROUTE] * ROUTER_ENTRIES)
    keys: list[int] = field(default_factory=lambda: [0xFFFFFFFF] * ROUTER_ENTRIES)
    masks: list[int] = field(default_factory=lambda: [0] * ROUTER_ENTRIES)
    chips: list[int] = field(default_factory=lambda: [_NO_CHIPS] * _CHIP_WORDS)
    filters: list[int] = field(default_factory=lambda: [*_INITIAL_FILTERS])
    counters: list[int] = field(default_factory=lambda: [0] * _COUNT)
    enabled: int = 0xFFFF
    known: dict[int, int] = field(default_factory=dict)
    """Key → route, of packets since the table was written last."""

    def passage(self, packet: Packet, came_by: int | None) -> Passage:
        """Where a packet goes that a core of this chip sent (None) or that came by one of its links; counts it."""
        route = self._route(packet)
        if route is None:
            passage = Passage((), ()) if came_by is None else Passage(((came_by + LINKS // 2) % LINKS,), (), default=True)
        else:
            passage = Passage(tuple(_bits(route & 0x3F)), tuple(_bits(route >> LINKS & 0x3FFFF)))
        self._count(packet, passage, local=came_by is None, default=route is None)
        return passage

    def set_entry(self, entry: int, key: int, mask: int, route: int) -> None:
        self.keys[entry], self.masks[entry], self.routes[entry] = key, mask, route
        self.known.clear()

    def clear(self, first: int, count: int) -> None:
        for entry in range(first, first + count):
            self.set_entry(entry, 0xFFFFFFFF, 0, _NO_ROUTE)

    def set_chip(self, address: int, direction: int) -> None:
        """By which link (or 7: here, 6: none) a chip is reached."""
        word, shift = address >> 3, 3 * (address & 7)
        self.chips[word] = self.chips[word] & ~(7 << shift) | direction << shift

    def read(self, register: int) -> int:
        if register == _STATUS or register in _ERROR_REGISTERS or register in _DUMP_REGISTERS:
            return 0  # no packet was ever damaged, nor dropped by congestion
        for base, table in ((_ROUTES, self.routes), (_CHIPS, self.chips), (_FILTERS, self.filters), (_COUNTERS, self.counters)):
            if base <= register < base + 4 * len(table):
                return table[(register - base) // 4]
        simple = {_CONTROL: self.control, _DIAGNOSTICS: self.enabled, _FIXED: self.fixed}
        if register in simple:
            return simple[register]
        raise NotEmulatedError(f"read of the router's register {register:#x}")

    def write(self, register: int, value: int) -> None:
        tables = ((_ROUTES, self.routes), (_KEYS, self.keys), (_MASKS, self.masks), (_CHIPS, self.chips), (_FILTERS, self.filters))
        for base, table in tables:
            if base <= register < base + 4 * len(table):
                table[(register - base) // 4] = value
                self.known.clear()
                return
        if register == _DIAGNOSTICS:
            for counter in _bits(value >> 16):
                self.counters[counter] = 0
            self.enabled = value & 0xFFFF
        elif register == _FIXED:
            self.fixed = value
        elif register == _CONTROL:
            self.control = value
        else:
            raise NotEmulatedError(f"write of {value:#x} to the router's register {register:#x}")

    def _route(self, packet: Packet) -> int | None:
        """The bits of links and cores; None if no entry fits."""
        if packet.kind is Kind.FIXED_ROUTE:
            return self.fixed
        if packet.kind is not Kind.MULTICAST:
            raise NotEmulatedError(f"a packet of the kind {packet.kind.name.lower().replace('_', ' ')} with key {packet.key:#010x}")
        if packet.key not in self.known:
            self.known[packet.key] = next((self.routes[entry] for entry in self._entries(packet.key)), -1)
        route = self.known[packet.key]
        return None if route < 0 else route

    def _entries(self, key: int) -> Iterator[int]:
        return (entry for entry in range(ROUTER_ENTRIES) if key & self.masks[entry] == self.keys[entry])

    def _count(self, packet: Packet, passage: Passage, *, local: bool, default: bool) -> None:
        destinations = sum(1 << (3 + link) for link in passage.links) | (2 if any(passage.cores) else 0) | (4 if 0 in passage.cores else 0)
        seen = (
            1 << packet.kind
            | 1 << 4  # not in emergency
            | (1 if default else 2) << 10
            | (1 if packet.data is not None else 2) << 12
            | (1 if local else 2) << 14
            | (_DUMPED if passage.dropped else destinations) << 16
        )
        for counter in range(_COUNT):
            if self.enabled >> counter & 1 and _matches(self.filters[counter], seen):
                self.counters[counter] = self.counters[counter] + 1 & 0xFFFFFFFF


_FIELDS = (0xF, 0xF0, 0xC00, 0x3000, 0xC000, 0x1FF0000)


def _matches(wanted: int, seen: int) -> bool:
    """A filter wants at least one bit of every field."""
    return all(wanted & seen & mask for mask in _FIELDS)


def _bits(value: int) -> Iterator[int]:
    return (bit for bit in range(32) if value >> bit & 1)

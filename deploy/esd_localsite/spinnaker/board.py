"""The board: its chips, the time that passes on all of them, and the packets between them."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from esd_localsite.spinnaker import layout, topology
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.core import Core
from esd_localsite.spinnaker.devices.comms import Packet
from esd_localsite.spinnaker.devices.timer import NEVER
from esd_localsite.spinnaker.layout import CLOCK_MHZ, LINKS, TICKS_PER_MS, State, Sv, Vcpu
from esd_localsite.spinnaker.monitor import router_commands
from esd_localsite.spinnaker.unknown import NotEmulatedError, Reports

QUANTUM = 10 * CLOCK_MHZ
"""Ticks (10 µs) that each core runs before the next core's turn; packets arrive between two of them."""
_MOST_HOPS = 256


@dataclass(repr=False, eq=False)
class Board:
    """One board. Everything on it happens in one order, which the programs and the host's commands alone decide."""

    version: int = 5
    ip: str = "127.0.0.2"
    reports: Reports = field(default_factory=Reports)
    time: int = 0
    """Ticks since the boot."""
    booted: bool = False
    packets: int = 0
    """Multicast and fixed-route packets that cores have sent."""

    def __post_init__(self) -> None:
        self.chips: dict[int, Chip] = {}
        self._sent: list[tuple[Chip, Packet]] = []
        self._told_ms = 0
        self._started_at = 0
        self._resting = True

    @property
    def root(self) -> Chip:
        return self.chips[0]

    def boot(self, values: bytes) -> None:
        """Start all chips, empty, with the system variables that the host sent."""
        self.chips = {x << 8 | y: Chip(x, y) for x, y in topology.chips(self.version)}
        for chip in self.chips.values():
            ends = ((link, topology.neighbour(self.version, chip.x, chip.y, link)) for link in range(LINKS))
            chip.links = {link: self.chips[end[0] << 8 | end[1]] for link, end in ends if end}
        for chip in self.chips.values():
            chip.boot(values, topology.dimensions(self.version), socket.inet_aton(self.ip), [*self.chips.values()])
            router_commands.initialise(chip, 0)
        self._sent.clear()
        self.time = self._told_ms = 0
        self._started_at = self.root.sv(Sv.UNIX_TIME)
        self.booted = True

    def new_core(self, chip: Chip, number: int) -> Core:
        return Core(chip, number, self.reports, lambda packet: self._sent.append((chip, packet)), time=self.time)

    def cores(self) -> Iterator[Core]:
        for chip in self.chips.values():
            for number in sorted(chip.cores):
                yield chip.cores[number]

    def step(self) -> bool:
        """Let ten microseconds pass, or leap to the next time at which something happens. False if nothing can happen by itself."""
        cores = [core for core in self.cores() if not core.halted]
        if self._resting and not any(core.ready() for core in cores):
            due = min((core.due() for core in cores), default=NEVER)
            if due == NEVER:
                return False
            self.time = max(self.time, due // QUANTUM * QUANTUM)
        end = self.time + QUANTUM
        self._resting = not sum(core.run(end) for core in cores)
        self.time = end
        self._deliver()
        self._tell_time()
        return True

    def story(self) -> dict[str, object]:
        """What happened, for people and tests: time in ms, packets, reports, and each core with its program, state and place."""
        cores = {core.name: self._core_story(chip, number) for chip in self.chips.values() for number, core in sorted(chip.cores.items())}
        return {"ms": self.time / TICKS_PER_MS, "packets": self.packets, "reports": self.reports.seen, "cores": cores}

    @staticmethod
    def _core_story(chip: Chip, number: int) -> dict[str, object]:
        core = chip.cores[number]
        name = chip.memory.read(chip.vcpu(number, Vcpu.NAME), Vcpu.NAME_BYTES).split(b"\0")[0].decode("ascii", "replace")
        state = chip.state(number)
        told = State(state).name if state in {*State} else str(state)
        place = f"{core.registers()['pc']:#010x}"
        return {
            "program": name,
            "state": told,
            "pc": place,
            "asleep": core.asleep,
            "instructions": core.instructions,
            "queue": core.comms.most,
        }

    def _deliver(self) -> None:
        sent, self._sent = self._sent, []
        self.packets += len(sent)
        for chip, packet in sent:
            try:
                self._travel(chip, packet, None)
            except NotEmulatedError as error:
                self.reports.tell(f"{chip.name}: {error}")

    def _travel(self, chip: Chip, packet: Packet, came_by: int | None) -> None:
        ways: list[tuple[Chip, int | None]] = [(chip, came_by)]
        for hop in range(_MOST_HOPS):
            if hop == len(ways):
                return
            place, by = ways[hop]
            passage = place.router.passage(packet, by)
            if passage.dropped:
                self.reports.tell(f"{place.name}: packets with key {packet.key:#010x} are dropped: no entry of the router leads anywhere")
            for core in passage.cores:
                self._arrive(place, core, packet)
            ends = ((link, place.links.get(link)) for link in passage.links)
            ways += [(end, (link + LINKS // 2) % LINKS) for link, end in ends if end]
        self.reports.tell(f"{chip.name}: the packet with key {packet.key:#010x} passed {_MOST_HOPS} routers and goes on; it is dropped")

    def _arrive(self, chip: Chip, core: int, packet: Packet) -> None:
        if core in chip.cores and not chip.cores[core].halted:
            chip.cores[core].deliver(packet)
        else:
            self.reports.tell(f"{chip.name}, core {core}: packets arrive, and no program runs there")

    def _tell_time(self) -> None:
        ms = self.time // TICKS_PER_MS
        if ms == self._told_ms:
            return
        self._told_ms = ms
        for chip in self.chips.values():
            if chip.cores:
                chip.memory.write(layout.SV + Sv.CLOCK_MS, struct.pack("<QH2xI", ms, ms % 1000, self._started_at + ms // 1000))

"""One chip: what its cores share, and the records in its memory that programs and monitor agree on."""

import struct
from dataclasses import dataclass, field

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.core import Core, Device
from esd_localsite.spinnaker.devices.router import Router
from esd_localsite.spinnaker.devices.sysctl import SystemController
from esd_localsite.spinnaker.heap import Heap
from esd_localsite.spinnaker.layout import State, Sv, Vcpu
from esd_localsite.spinnaker.memory import Memory
from esd_localsite.spinnaker.unknown import NotEmulatedError

_ROOT_HERE, _NO_WAY = 7, 6
_HOP_WORDS, _TAGS, _APPS = 65536, 65536, 256
_SYSTEM_BLOCK = 256 * 1024
_NAME = b"scamp-emulated"


@dataclass(frozen=True)
class Absent:
    """A peripheral of which nothing is emulated."""

    name: str

    def read(self, register: int) -> int:
        raise NotEmulatedError(f"read of the {self.name}'s register {register:#x}")

    def write(self, register: int, value: int) -> None:
        raise NotEmulatedError(f"write of {value:#x} to the {self.name}'s register {register:#x}")


@dataclass(repr=False, eq=False)
class Chip:
    """One chip. Core 0 is the monitor, which is no emulated core but `esd_localsite.spinnaker.monitor`."""

    x: int
    y: int
    links: dict[int, "Chip"] = field(default_factory=dict)
    """Link → neighbour."""
    memory: Memory = field(default_factory=Memory)
    router: Router = field(default_factory=Router)
    cores: dict[int, Core] = field(default_factory=dict)
    """Cores that run a program."""
    apps: dict[int, int] = field(default_factory=dict)
    """Core → application."""

    def __post_init__(self) -> None:
        self.name = f"chip {self.x},{self.y}"
        self.system = SystemController(self._asleep)
        self._absent = {
            layout.WATCHDOG[0]: Absent("watchdog"),
            layout.MEMORY_CONTROLLER[0]: Absent("SDRAM controller"),
            layout.ETHERNET[0]: Absent("Ethernet controller"),
        }

    @property
    def address(self) -> int:
        return self.x << 8 | self.y

    def device(self, base: int) -> Device:
        shared: dict[int, Device] = {layout.ROUTER[0]: self.router, layout.SYSTEM_CONTROLLER[0]: self.system}
        return shared.get(base) or self._absent[base]

    def interrupted(self, core: int) -> bool:
        return bool(self.system.irq >> core & 1)

    def read(self, address: int, size: int) -> bytes:
        """What the monitor sees at an address: memory, or registers of the shared peripherals. Raises NotEmulatedError."""
        found = self._register(address)
        if not found or size == 0:
            return self.memory.read(address, size)
        device, register = found
        words = [device.read(place) for place in range(register & ~3, register + size, 4)]
        data = struct.pack(f"<{len(words)}I", *words)
        return data[register & 3 : (register & 3) + size]

    def write(self, address: int, data: bytes) -> None:
        """Raises NotEmulatedError."""
        found = self._register(address)
        if not found or not data:
            self.memory.write(address, data)
            return
        device, register = found
        if register & 3 or len(data) & 3:
            raise NotEmulatedError(f"{len(data)} bytes at {address:#010x}: only whole registers are emulated")
        for offset in range(0, len(data), 4):
            device.write(register + offset, int.from_bytes(data[offset : offset + 4], "little"))

    def vcpu(self, core: int, offset: int) -> int:
        """Address of a field of a core's record."""
        return layout.VCPU + core * layout.VCPU_SIZE + offset

    def state(self, core: int) -> int:
        return self.memory.byte(self.vcpu(core, Vcpu.STATE))

    def set_state(self, core: int, state: State, app: int = 0) -> None:
        self.memory.set_byte(self.vcpu(core, Vcpu.STATE), state)
        self.memory.set_byte(self.vcpu(core, Vcpu.APP), app)

    def sv(self, offset: int) -> int:
        return self.memory.word(layout.SV + offset)

    @property
    def sdram_heap(self) -> Heap:
        return Heap(self.memory, self.sv(Sv.SDRAM_HEAP))

    @property
    def sysram_heap(self) -> Heap:
        return Heap(self.memory, self.sv(Sv.SYSRAM_HEAP))

    @property
    def system_heap(self) -> Heap:
        return Heap(self.memory, self.sv(Sv.SYSTEM_HEAP))

    def boot(self, values: bytes, dimensions: tuple[int, int], ip: bytes, chips: list["Chip"]) -> None:
        """Lay out the memory as the monitor does after a boot.

        `values` are the first 128 bytes of the system variables, as the host sent them.
        """
        self.memory.write(layout.SV, values.ljust(256, b"\0"))
        sizes = {name: self.sv(name) for name in (Sv.SYSRAM_HEAP, Sv.SDRAM_HEAP, Sv.SYSTEM_BUFFERS, Sv.BUFFER_WORDS)}
        self._boot_variables(dimensions, ip, len(chips))
        self._boot_sysram(sizes[Sv.SYSRAM_HEAP])
        self._boot_sdram(sizes[Sv.SYSTEM_BUFFERS], sizes[Sv.SDRAM_HEAP], sizes[Sv.BUFFER_WORDS])
        self._boot_router(chips)
        for core in range(1, layout.CORES):
            self.idle(core)

    def idle(self, core: int) -> None:
        """Put the idle program on a core. It is not emulated: such a core does nothing."""
        self.cores.pop(core, None)
        self.apps[core] = 0
        self.memory.write(self.vcpu(core, 0), bytes(layout.VCPU_SIZE - 16))
        self.memory.set_byte(self.vcpu(core, Vcpu.PHYSICAL), core)
        self.set_state(core, State.IDLE)

    def _boot_variables(self, dimensions: tuple[int, int], ip: bytes, chips: int) -> None:
        memory, sv = self.memory, layout.SV
        root = not (self.x or self.y)
        bytes_ = {Sv.P2P_UP: 1, Sv.ETHERNET_UP: root, Sv.ROOT_CHIP: root, Sv.CORES: layout.CORES, Sv.LINKS_ENABLED: self.link_bits()}
        halves = {
            Sv.ADDRESS: self.address,
            Sv.DIMENSIONS: dimensions[0] << 8 | dimensions[1],
            Sv.ACTIVE_CHIPS: chips,
            Sv.ETHERNET_ADDRESS: 0,
        }
        for offset, value in bytes_.items():
            memory.set_byte(sv + offset, int(value))
        for offset, value in halves.items():
            memory.set_half(sv + offset, value)
        memory.set_half(sv + Sv.ROOT, 0)
        memory.write(sv + Sv.IP, ip if root else bytes(4))
        memory.set_word(sv + Sv.VERSION, layout.SOFTWARE_VERSION)
        same = bytes(core if core < layout.CORES else 255 for core in range(20))
        memory.write(sv + Sv.PHYSICAL_TO_VIRTUAL, same)
        memory.write(sv + Sv.VIRTUAL_TO_PHYSICAL, same)

    def _boot_sysram(self, words: int) -> None:
        memory, sv = self.memory, layout.SV
        heap = Heap.create(memory, layout.SYSRAM_USER_BASE + 4 * words, layout.SYSRAM_USER_TOP)
        memory.set_word(sv + Sv.SYSRAM_BASE, layout.SYSRAM_USER_BASE)
        memory.set_word(sv + Sv.SYSRAM_HEAP, heap.base)
        memory.set_word(sv + Sv.VCPU_BASE, layout.VCPU)
        memory.write(layout.VCPU, bytes(layout.CORES * layout.VCPU_SIZE))
        self.set_state(0, State.RUNNING)
        memory.write(self.vcpu(0, Vcpu.NAME), _NAME)
        memory.set_word(self.vcpu(0, Vcpu.VERSION), layout.SOFTWARE_VERSION)
        count = memory.byte(sv + Sv.MESSAGE_BUFFERS)
        buffers = heap.allocate(count * layout.MESSAGE_SIZE)
        memory.set_word(sv + Sv.MESSAGES, buffers)
        memory.set_word(sv + Sv.FREE_MESSAGE, buffers)
        for number in range(count):
            place = buffers + number * layout.MESSAGE_SIZE
            memory.set_word(place, place + layout.MESSAGE_SIZE if number + 1 < count else 0)

    def _boot_sdram(self, system_bytes: int, user_words: int, buffer_words: int) -> None:
        memory, sv = self.memory, layout.SV
        base = layout.SDRAM + 4 * layout.CORES * buffer_words
        system = layout.SDRAM + layout.SDRAM_SIZE - system_bytes
        heap = Heap.create(memory, base + 4 * user_words, system)
        own = Heap.create(memory, system + _SYSTEM_BLOCK, layout.SDRAM + layout.SDRAM_SIZE)
        places = {
            Sv.SYSTEM_BUFFERS: layout.SDRAM,
            Sv.SDRAM_BASE: base,
            Sv.SDRAM_HEAP: heap.base,
            Sv.SDRAM_SYSTEM: system,
            Sv.SYSTEM_HEAP: own.base,
        }
        sizes = {Sv.HOPS: 4 * _HOP_WORDS, Sv.ROUTER_COPY: (layout.ROUTER_ENTRIES + 1) * layout.ROUTER_RECORD, Sv.TAGS: 4 * _TAGS}
        places |= {offset: own.allocate(size) for offset, size in sizes.items()}
        places[Sv.APPS] = own.allocate(_APPS * layout.APP_RECORD)
        for offset, value in places.items():
            memory.set_word(sv + offset, value)
        for offset in (Sv.TAGS, Sv.APPS):
            memory.write(places[offset], bytes(4 * _TAGS if offset == Sv.TAGS else _APPS * layout.APP_RECORD))

    def _boot_router(self, chips: list["Chip"]) -> None:
        for other in chips:
            self.router.set_chip(other.address, _ROOT_HERE if other is self else self.way_to(other))

    def way_to(self, target: "Chip") -> int:
        """The first link of a shortest way to another chip."""
        seen = {self.address}
        ways = [(link, chip) for link, chip in sorted(self.links.items())]
        while ways:
            first, chip = ways.pop(0)
            if chip is target:
                return first
            if chip.address not in seen:
                seen.add(chip.address)
                ways += [(first, further) for _, further in sorted(chip.links.items(), key=lambda item: item[0])]
        return _NO_WAY

    def link_bits(self) -> int:
        return sum(1 << link for link in self.links)

    def _asleep(self) -> int:
        return sum(1 << number for number in range(1, layout.CORES) if number not in self.cores or self.cores[number].asleep)

    def _register(self, address: int) -> tuple[Device, int] | None:
        spans = [(base, layout.ROUTER_SIZE) for base in layout.ROUTER]
        others = (layout.SYSTEM_CONTROLLER, layout.WATCHDOG, layout.MEMORY_CONTROLLER, layout.ETHERNET)
        spans += [(base, 0x1000) for bases in others for base in bases]
        for base, size in spans:
            if base <= address < base + size:
                return self.device(base & ~0x10000000), address - base
        return None

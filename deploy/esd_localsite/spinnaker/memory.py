"""The two memories that all cores of a chip share."""

import mmap
import struct
from ctypes import addressof, c_char

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.unknown import NotEmulatedError

_HALF, _WORD = struct.Struct("<H"), struct.Struct("<I")


class Region:
    """Memory at a fixed place of this process, for several emulated cores to map. The system gives it, zeroed, when it is touched."""

    def __init__(self, size: int) -> None:
        self.bytes = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.size = size
        self.pointer = addressof(c_char.from_buffer(self.bytes))


class Memory:
    """SDRAM and system RAM of one chip, by the addresses that cores use."""

    def __init__(self) -> None:
        self.sdram = Region(layout.SDRAM_SIZE)
        self.sysram = Region(layout.SYSRAM_SIZE)
        self.places = (
            (layout.SDRAM, self.sdram),
            (layout.SDRAM_UNBUFFERED, self.sdram),
            (layout.SYSRAM, self.sysram),
            (layout.SYSRAM_UNBUFFERED, self.sysram),
        )

    def holds(self, address: int) -> bool:
        return any(base <= address < base + region.size for base, region in self.places)

    def read(self, address: int, size: int) -> bytes:
        """Raises NotEmulatedError for what is not wholly in one memory."""
        region, start = self._find(address, size)
        return region.bytes[start : start + size]

    def write(self, address: int, data: bytes) -> None:
        """Raises NotEmulatedError for what is not wholly in one memory."""
        region, start = self._find(address, len(data))
        region.bytes[start : start + len(data)] = data

    def fill(self, address: int, size: int, word: int) -> None:
        """Raises NotEmulatedError for what is not wholly in one memory."""
        region, start = self._find(address, size)
        region.bytes[start : start + size] = _WORD.pack(word) * (size // 4)

    def word(self, address: int) -> int:
        region, start = self._find(address, 4)
        value: int = _WORD.unpack_from(region.bytes, start)[0]
        return value

    def set_word(self, address: int, value: int) -> None:
        region, start = self._find(address, 4)
        _WORD.pack_into(region.bytes, start, value & 0xFFFFFFFF)

    def half(self, address: int) -> int:
        region, start = self._find(address, 2)
        value: int = _HALF.unpack_from(region.bytes, start)[0]
        return value

    def set_half(self, address: int, value: int) -> None:
        region, start = self._find(address, 2)
        _HALF.pack_into(region.bytes, start, value & 0xFFFF)

    def byte(self, address: int) -> int:
        return self.read(address, 1)[0]

    def set_byte(self, address: int, value: int) -> None:
        self.write(address, bytes((value & 0xFF,)))

    def _find(self, address: int, size: int) -> tuple[Region, int]:
        for base, region in self.places:
            if address >= base and size >= 0 and address + size <= base + region.size:
                return region, address - base
        raise NotEmulatedError(f"{size} bytes at {address:#010x}: neither SDRAM nor system RAM")

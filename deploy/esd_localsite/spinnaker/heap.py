"""The heaps in a chip's memory, in the form that programs on the cores share: blocks chained in the order of their addresses."""

from dataclasses import dataclass

from esd_localsite.spinnaker.memory import Memory

_ROOT, _BLOCK = 16, 8
_FREE, _FIRST, _LAST, _BYTES = 0, 4, 8, 12
_OWNED = 0xFFFF0000
_MOST_BLOCKS = 1_000_000


class HeapError(Exception):
    """A heap whose chain a program has broken, or a block that is none."""


@dataclass(frozen=True)
class Heap:
    """One heap. A block has two words: the next block, and the next free block or, of a block in use, its owner."""

    memory: Memory
    base: int

    @classmethod
    def create(cls, memory: Memory, base: int, top: int) -> "Heap":
        """An empty heap of the addresses from base to top."""
        first, last = base + _ROOT, top - _BLOCK
        for offset, value in ((_FREE, first), (_FIRST, first), (_LAST, last), (_BYTES, last - first - _BLOCK)):
            memory.set_word(base + offset, value)
        for address, value in ((first, last), (first + 4, 0), (last, 0), (last + 4, 0)):
            memory.set_word(address, value)
        return cls(memory, base)

    @property
    def free_bytes(self) -> int:
        return self.memory.word(self.base + _BYTES)

    def largest(self) -> int:
        """Bytes of the largest block that could be had."""
        sizes = [self._next(block) - block - _BLOCK for block in self._free_blocks() if self._next(block)]
        return max(sizes, default=0)

    def allocate(self, size: int, owner: int = 0) -> int:
        """Address of a new block of at least so many bytes, or 0. The owner is `app id << 8 | tag`."""
        need = ((size + 3) & ~3) + _BLOCK
        before = 0
        for block in self._free_blocks():
            after = self._next(block)
            if block + need > after:
                before = block
                continue
            self._take(before, block, need, after)
            self.memory.set_word(self.base + _BYTES, self.free_bytes - need)
            self.memory.set_word(block + 4, _OWNED + owner)
            return block + _BLOCK
        return 0

    def free(self, address: int) -> int:
        """Give a block back; the result is its owner. Raises HeapError for an address that no block in use has."""
        block = address - _BLOCK
        if block not in self._blocks() or self.memory.word(block + 4) & _OWNED != _OWNED:
            raise HeapError(f"{address:#010x} is no block in use")
        owner = self.memory.word(block + 4) & 0xFFFF
        self.memory.set_word(self.base + _BYTES, self.free_bytes + self._next(block) - block)
        free = [*self._free_blocks()]
        before = max((other for other in free if other < block), default=0)
        after = min((other for other in free if other > block), default=0)
        self._set(block + 4, after)
        self._set(before + 4 if before else self.base + _FREE, block)
        self._merge(block, after)
        self._merge(before, block)
        return owner

    def owned(self, app: int) -> list[int]:
        """Addresses of an application's blocks."""
        words = ((block, self.memory.word(block + 4)) for block in self._blocks())
        return [block + _BLOCK for block, word in words if word & _OWNED == _OWNED and (word >> 8) & 0xFF == app]

    def _take(self, before: int, block: int, need: int, after: int) -> None:
        rest = block + need
        if rest + _BLOCK < after:
            self._set(rest, after)
            self._set(block, rest)
            self._set(rest + 4, self.memory.word(block + 4))
            self._set(block + 4, rest)
        self._set(before + 4 if before else self.base + _FREE, self.memory.word(block + 4))

    def _merge(self, block: int, after: int) -> None:
        if block and after and self._next(block) == after:
            self._set(block, self._next(after))
            self._set(block + 4, self.memory.word(after + 4))

    def _blocks(self) -> list[int]:
        return [block for block in self._chain(self.memory.word(self.base + _FIRST), 0) if self._next(block)]

    def _free_blocks(self) -> list[int]:
        return self._chain(self.memory.word(self.base + _FREE), 4)

    def _chain(self, block: int, link: int) -> list[int]:
        found = []
        while block:
            found.append(block)
            if len(found) > _MOST_BLOCKS or not self.memory.holds(block):
                raise HeapError(f"the chain of the heap at {self.base:#010x} is broken at {block:#010x}")
            block = self.memory.word(block + link)
        return found

    def _next(self, block: int) -> int:
        return self.memory.word(block)

    def _set(self, address: int, value: int) -> None:
        self.memory.set_word(address, value)

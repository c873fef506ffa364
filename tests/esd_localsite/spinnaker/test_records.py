"""Heaps, programs, boot messages, topology."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.esd_localsite.spinnaker.boards import COUNTER, aplx, values

from esd_localsite.spinnaker import topology
from esd_localsite.spinnaker.aplx import AplxError, load
from esd_localsite.spinnaker.bootrom import BootRom
from esd_localsite.spinnaker.heap import Heap, HeapError
from esd_localsite.spinnaker.layout import LINKS, SDRAM
from esd_localsite.spinnaker.memory import Memory
from esd_localsite.spinnaker.packets import Boot, MalformedError, parse_boot, parse_scp, parse_udp


@given(st.lists(st.tuples(st.integers(1, 3000), st.booleans()), max_size=30))
def test_a_heap_gives_and_takes_back(requests):
    heap = Heap.create(Memory(), SDRAM, SDRAM + 20_000)
    whole, held = heap.largest(), []
    for size, keep in requests:
        block = heap.allocate(size, 0x1E00)
        if not block:
            continue
        assert all(block >= other + length or other >= block + size for other, length in held)
        held.append((block, size))
        if not keep:
            heap.free(held.pop(0)[0])
    assert sorted(heap.owned(0x1E)) == sorted(block for block, _ in held)
    for block, _ in held:
        heap.free(block)
    assert heap.largest() == whole
    assert whole <= heap.free_bytes <= whole + 8 * len(requests), "as in the original, a small rest of a block counts as free twice"


def test_what_is_no_block_is_not_freed():
    heap = Heap.create(Memory(), SDRAM, SDRAM + 1000)
    block = heap.allocate(10)
    heap.free(block)
    for address in (block, block + 4, 0):
        with pytest.raises(HeapError, match="no block in use"):
            heap.free(address)


def test_a_broken_chain_is_told():
    memory = Memory()
    heap = Heap.create(memory, SDRAM, SDRAM + 1000)
    memory.set_word(SDRAM, 0x12345678)
    with pytest.raises(HeapError, match="broken at 0x12345678"):
        heap.largest()


def test_a_program_is_read_from_its_table():
    data = aplx(COUNTER)
    program = load(lambda address, size: data[address - 100 : address - 100 + size], 100)
    assert program.entry == 0x40
    ((address, code),) = program.pieces
    assert (address, code[: 4 * len(COUNTER)]) == (0, struct.pack(f"<{len(COUNTER)}I", *COUNTER))


@pytest.mark.parametrize(
    ("table", "why"),
    [((7, 0, 0, 0), "operation 0x7"), ((3, 0, 0x7FFFFFFF, 0), "piece of 2147483647 bytes"), ((3, 0, 32, 0), "more than 64 entries")],
)
def test_broken_tables_are_told(table, why):
    data = struct.pack("<4I", *table) * 100
    with pytest.raises(AplxError, match=why):
        load(lambda address, size: data[address : address + size], 0)


def boot_messages(image):
    blocks = [image[place : place + 1024] for place in range(0, len(image), 1024)]
    swapped = [b"".join(block[i : i + 4][::-1] for i in range(0, len(block), 4)) for block in blocks]
    return [
        Boot(1, 0, 0, len(blocks) - 1, b""),
        *(Boot(3, 0xFF00 | n, 0, 0, block) for n, block in enumerate(swapped)),
        Boot(5, 1, 0, 0, b""),
    ]


def test_the_boot_image_brings_the_variables():
    rom = BootRom()
    image = bytes(384) + values() + bytes(3000)
    *first, last = boot_messages(image[: len(image) // 4 * 4])
    assert [rom.receive(message) for message in first] == [None] * len(first)
    assert rom.receive(last) == values()


def test_a_lost_boot_block_leaves_the_board_unbooted():
    rom = BootRom()
    messages = boot_messages(bytes(4096))
    assert [rom.receive(message) for message in messages if message.operand1 != 0xFF02] == [None] * 5
    assert [rom.receive(message) for message in messages][-1] == bytes(128), "the host tries again"


@pytest.mark.parametrize(
    "message", [Boot(1, 0, 0, 40, b""), Boot(3, 0, 0, 0, bytes(1024)), Boot(2, 0, 0, 0, b""), Boot(3, 5, 0, 0, b"123")], ids=str
)
def test_boot_messages_that_are_none(message):
    with pytest.raises(MalformedError):
        BootRom().receive(message)


@given(st.binary(max_size=400))
def test_no_datagram_is_believed(data):
    for parse in (parse_udp, parse_boot, parse_scp):
        with suppress(MalformedError):
            parse(data)


@pytest.mark.parametrize(("version", "chips", "links"), [(3, 4, 16), (5, 48, 240)])
def test_links_lead_back(version, chips, links):
    places = topology.chips(version)
    ends = {(x, y, link): topology.neighbour(version, x, y, link) for x, y in places for link in range(LINKS)}
    there = {way: end for way, end in ends.items() if end}
    assert (len(places), len(there)) == (chips, links)
    assert all(ends[end[0], end[1], (link + 3) % LINKS] == (x, y) for (x, y, link), end in there.items())

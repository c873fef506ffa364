"""SCP commands, as hosts send them; hostile ones too."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.esd_localsite.spinnaker.boards import APP, COUNTER, HOST, aplx, ask, booted, code, place, start

from esd_localsite.spinnaker.layout import SDRAM, State, Sv
from esd_localsite.spinnaker.monitor.apps import Signal
from esd_localsite.spinnaker.monitor.results import Command, Result
from esd_localsite.spinnaker.packets import MalformedError, Scp, Sdp

OK = Result.OK


def test_version():
    _, desk = booted()
    answer = ask(desk, Scp(Command.VERSION, 7))
    assert struct.unpack("<2H", answer[:4]) == (OK, 7)
    assert struct.unpack("<3I", answer[4:16]) == (0, 0xFFFF0100, 0)
    assert answer[16:] == b"SC&MP/SpiNNaker\x004.0.0\0"


def test_a_board_that_was_not_booted_is_silent():
    board, desk = booted()
    board.booted = False
    desk.receive(b"\0\0" + Sdp(0x87, 255, 0, 255, 0, 0, Scp(0, 1).pack()).pack(), HOST)
    assert desk.outbox == []


@pytest.mark.parametrize("version", [3, 5])
def test_every_chip_tells_what_it_is(version):
    board, desk = booted(version)
    for address in board.chips:
        answer = ask(desk, Scp(Command.INFO, 1), chip=address)
        flags, sdram, sysram = struct.unpack("<3I", answer[4:16])
        assert (flags & 31, flags >> 14 & 0x7FF, flags >> 25 & 1) == (18, 1023, address == 0)
        assert sdram == 123_469_792, "as SpiNNMachine has it for real boards"
        assert sysram > 16_000
        assert answer[16:34] == bytes((State.RUNNING, *(State.IDLE,) * 17))


def test_memory_is_written_read_and_filled():
    _, desk = booted()
    data = bytes(range(256))
    assert code(ask(desk, Scp(Command.WRITE, 1, SDRAM + 0x1000, 256, 2, data), chip=0x100)) == OK
    assert ask(desk, Scp(Command.READ, 2, SDRAM + 0x1000, 256, 0), chip=0x100)[4:] == data
    assert ask(desk, Scp(Command.LINK_READ, 3, SDRAM + 0x1000, 8, 0), chip=0)[4:] == data[:8], "by link 0 of its neighbour"
    assert code(ask(desk, Scp(Command.FILL, 4, SDRAM + 0x1000, 0x01020304, 8))) == OK
    assert ask(desk, Scp(Command.READ, 5, SDRAM + 0x1000, 12, 0))[4:] == bytes((4, 3, 2, 1, 4, 3, 2, 1, 0, 0, 0, 0))


def test_registers_of_the_router_are_memory_to_hosts():
    _, desk = booted()
    assert ask(desk, Scp(Command.READ, 1, 0xE1000200, 8, 2))[4:] == struct.pack("<2I", 0x01FE7CF1, 0x01FEBCF1)
    assert code(ask(desk, Scp(Command.WRITE, 2, 0xF100002C, 4, 2, b"\xff" * 4))) == OK


@pytest.mark.parametrize(
    ("command", "result"),
    [
        (Scp(Command.READ, 1, 0, 4, 0), Result.ARGUMENT),
        (Scp(Command.READ, 1, SDRAM + 128 * 2**20 - 2, 4, 0), Result.ARGUMENT),
        (Scp(Command.READ, 1, 0xFFFFFFFF, 256, 0), Result.ARGUMENT),
        (Scp(Command.READ, 1, SDRAM, 257, 0), Result.ARGUMENT),
        (Scp(Command.READ, 1, SDRAM, 4, 3), Result.ARGUMENT),
        (Scp(Command.WRITE, 1, SDRAM, 8, 0, b"1234"), Result.LENGTH),
        (Scp(Command.WRITE, 1, 0xE1000001, 4, 0, b"1234"), Result.ARGUMENT),
        (Scp(Command.FILL, 1, SDRAM, 0, 0xFFFFFFFC), Result.ARGUMENT),
        (Scp(Command.LINK_READ, 1, SDRAM, 4, 9), Result.ARGUMENT),
        (Scp(Command.ALLOCATE, 1, 9), Result.ARGUMENT),
        (Scp(Command.ALLOCATE, 1, 1, 0x12345678), Result.ARGUMENT),
        (Scp(Command.ROUTER, 1, 1 | 2000 << 16, 1), Result.ARGUMENT),
        (Scp(Command.ROUTER, 1, 2 | 5 << 16, 0x12345678), Result.ARGUMENT),
        (Scp(Command.IPTAG, 1, 1 << 16 | 99), Result.ARGUMENT),
        (Scp(Command.SIGNAL, 1, 1), Result.ARGUMENT),
        (Scp(Command.RESET, 1, 1), Result.ARGUMENT),
        (Scp(Command.COPY_RUN, 1, 0, 3, 2), Result.ARGUMENT),
        (Scp(Command.REMAP, 1), Result.COMMAND),
        (Scp(Command.SROM, 1), Result.COMMAND),
        (Scp(64, 1), Result.COMMAND),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_reported(command, result):
    board, desk = booted()
    assert code(ask(desk, command)) == result
    (report,) = board.reports.seen
    assert report.startswith("chip 0,0: command ")
    assert code(ask(desk, Scp(Command.VERSION, 2))) == OK


def test_addresses_that_are_none():
    _, desk = booted()
    assert code(ask(desk, Scp(Command.VERSION, 1), chip=0x5555)) == Result.ROUTE
    assert code(ask(desk, Scp(Command.VERSION, 1), core=18)) == Result.CORE
    assert code(ask(desk, Scp(Command.VERSION, 1), core=3)) == Result.DEAD
    assert code(ask(desk, Scp(Command.VERSION, 1), core=1 << 5)) == Result.PORT


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_command_ends_the_machine(data):
    board, desk = booted()
    word = st.sampled_from((0, 1, 3, SDRAM, SDRAM + 0x7FFFFFF, 0xE5007000, 0xFFFFFFFF, 0x10000)) | st.integers(0, 2**32 - 1)
    for _ in range(5):
        command = Scp(
            data.draw(st.integers(0, 40)), 1, data.draw(word), data.draw(word), data.draw(word), data.draw(st.binary(max_size=40))
        )
        chip, port = data.draw(st.sampled_from((0, 0x101, 0xFFFF, 0x1234))), data.draw(st.sampled_from((0, 1, 255)))
        desk.receive(b"\0\0" + Sdp(0x87, 255, port, 255, chip, 0, command.pack()).pack(), HOST)
        desk.sort()
        board.step()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_datagram_ends_the_machine(datagram):
    _, desk = booted()
    with suppress(MalformedError):
        desk.receive(datagram, HOST)


def test_blocks_with_tags_are_found_and_freed():
    _, desk = booted()
    block = ask(desk, Scp(Command.ALLOCATE, 1, APP << 8, 1000, 7))[4:]
    assert ask(desk, Scp(Command.ALLOCATE, 2, APP << 8 | 7, 7))[4:] == block
    assert ask(desk, Scp(Command.ALLOCATE, 3, 4 << 16 | APP << 8, 1000, 7))[4:] == block, "asked again"
    assert ask(desk, Scp(Command.ALLOCATE, 4, APP << 8, 1000, 7))[4:] == bytes(4), "the tag is taken"
    assert ask(desk, Scp(Command.ALLOCATE, 5, APP << 8 | 2))[4:] == b"\1\0\0\0"
    assert ask(desk, Scp(Command.ALLOCATE, 6, APP << 8 | 7, 7))[4:] == bytes(4)


def test_router_entries_are_had_loaded_and_given_back():
    board, desk = booted()
    first = struct.unpack("<I", ask(desk, Scp(Command.ALLOCATE, 1, APP << 8 | 3, 2))[4:])[0]
    second = struct.unpack("<I", ask(desk, Scp(Command.ALLOCATE, 2, 31 << 8 | 3, 1))[4:])[0]
    assert (first, second) == (1, 3)
    table = struct.pack("<2H3I", 0, 0, 1 << 7, 0xAB00, 0xFFFFFF00) + struct.pack("<2H3I", 1, 0, 1, 0xCD00, 0xFFFFFF00)
    board.root.memory.write(SDRAM + 64, table)
    assert code(ask(desk, Scp(Command.ROUTER, 3, 2 << 16 | APP << 8 | 2, SDRAM + 64, first))) == OK
    assert board.root.router.routes[1:3] == [1 << 7, 1]
    assert struct.unpack("<4I", board.root.memory.read(board.root.sv(Sv.ROUTER_COPY) + 16, 16))[1:] == (1 << 7, 0xAB00, 0xFFFFFF00)
    assert ask(desk, Scp(Command.ALLOCATE, 4, APP << 8 | 5, 1))[4:] == b"\1\0\0\0"
    assert board.root.router.routes[1] == 0xFF000000
    assert struct.unpack("<I", ask(desk, Scp(Command.ALLOCATE, 5, APP << 8 | 3, 2))[4:])[0] == 1


def test_tags_send_to_hosts():
    _, desk = booted()
    there = int.from_bytes(bytes((127, 0, 0, 9)), "little")
    assert code(ask(desk, Scp(Command.IPTAG, 1, 1 << 28 | 1 << 16 | 2, 5555, there))) == OK
    record = ask(desk, Scp(Command.IPTAG, 2, 2 << 16 | 2, 1))[4:]
    assert (record[:4], struct.unpack_from("<3H", record, 10)) == (bytes((127, 0, 0, 9)), (5555, 0, 0x8100))
    desk.receive(b"\0\0" + Sdp(0x07, 2, 255, 1, 0, 0, b"hello").pack(), HOST)
    assert desk.outbox.pop() == (("127.0.0.9", 5555), b"hello")
    assert code(ask(desk, Scp(Command.IPTAG, 3, 3 << 16 | 2))) == OK
    desk.receive(b"\0\0" + Sdp(0x07, 2, 255, 1, 0, 0, b"hello").pack(), HOST)
    assert desk.outbox == []


def test_programs_are_started_copied_counted_and_stopped():
    pytest.importorskip("unicorn")
    board, desk = booted()
    data = aplx(COUNTER)
    place(board.root, data)
    total = sum(struct.unpack(f"<{len(data) // 4}I", data)) & 0x1FFFFFFF
    request = APP << 24 | 1 << 5
    assert code(ask(desk, Scp(Command.RESET, 1, request))) == OK
    assert code(ask(desk, Scp(Command.COPY_RUN, 2, total << 3 | 3, len(data), request), chip=0x100)) == OK
    assert code(ask(desk, Scp(Command.COPY_RUN, 3, (total ^ 1) << 3 | 3, len(data), request), chip=0x100)) == Result.CHECKSUM
    assert ask(desk, Scp(Command.COUNT, 4, APP, State.INITIALISING))[4:] == b"\2\0\0\0"
    stop = 5 << 28 | Signal.STOP << 16 | 0xFF << 8 | APP
    assert code(ask(desk, Scp(Command.FLOOD, 5, 0x3F0000, stop, 0))) == OK
    assert ask(desk, Scp(Command.COUNT, 6, APP, State.INITIALISING))[4:] == bytes(4)
    assert not any(chip.cores for chip in board.chips.values())


def test_signals_reach_mailbox_flag_and_interrupt():
    pytest.importorskip("unicorn")
    board, desk = booted()
    start(board, COUNTER, core=4)
    ask(desk, Scp(Command.SIGNAL, 1, 0, Signal.SYNC0 << 16 | 0xFF << 8 | APP))
    assert board.root.system.flags >> 4 & 1 == 0
    ask(desk, Scp(Command.SIGNAL, 2, 0, Signal.SYNC1 << 16 | 0xFF << 8 | APP))
    assert board.root.system.flags >> 4 & 1 == 1
    assert board.root.system.irq >> 4 & 1
    ask(desk, Scp(Command.SIGNAL, 3, 0, Signal.USER0 << 16 | 0xFF << 8 | APP))
    assert board.root.memory.byte(board.root.vcpu(4, 56)) == 3
    assert board.root.memory.word(board.root.vcpu(4, 48)) == Signal.USER0

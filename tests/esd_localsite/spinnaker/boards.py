"""Emulated boards and programs for the tests of this folder. The programs are a few words of ARM code, assembled by hand."""

import struct

from esd_localsite.spinnaker.board import Board
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.layout import DTCM, Sv
from esd_localsite.spinnaker.monitor import apps
from esd_localsite.spinnaker.monitor.desk import Desk
from esd_localsite.spinnaker.packets import Scp, Sdp

HOST = ("127.0.0.1", 4711)
APP = 30
TICKS = DTCM + 0x100
"""Where COUNTER counts."""

COUNTER = (
    *(0xE59FF018,) * 5,  # 00: five exceptions: ldr pc, [pc, #0x18]: to 20 …
    0xE1A00000,
    0xE51FFFF0,  # 18: interrupt: ldr pc, [pc, #-0xff0]: where the interrupt controller says
    0xEAFFFFFE,
    *(0x40, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90),  # 20: reset, then the handlers of exceptions
    # 40: the program: r1 = timer, r2 = interrupt controller
    0xE3A01421,  # mov r1, #0x21000000
    0xE3A0241F,  # mov r2, #0x1f000000
    0xE3A00080,  # mov r0, #0x80           handler
    0xE5820100,  # str r0, [r2, #0x100]    … of slot 0
    0xE3A00024,  # mov r0, #0x24           on, input 4: timer 1
    0xE5820200,  # str r0, [r2, #0x200]
    0xE3A00010,  # mov r0, #0x10
    0xE5820010,  # str r0, [r2, #0x10]     enable input 4
    0xE59F0024,  # ldr r0, [pc, #0x24]     = word at 8c: 200000 ticks
    0xE5810000,  # str r0, [r1]            load
    0xE3A000E2,  # mov r0, #0xe2
    0xE5810008,  # str r0, [r1, #8]        control: on, periodic, with interrupt
    0xE3A03501,  # mov r3, #0x400000
    0xE321F013,  # msr cpsr_c, #0x13       interrupts on
    0xEE070F90,  # 78: wait for interrupt
    0xEAFFFFFD,  # 7c: b 78
    # 80: the handler
    0xE581000C,  # str r0, [r1, #0xc]      clear the timer's interrupt
    0xEA000003,  # 84: b 98
    0xE1A00000,
    200_000,  # 8c
    0xEAFFFFFE,  # 90: exceptions: for ever
    0xE1A00000,
    0xE5930100,  # 98: ldr r0, [r3, #0x100]
    0xE2800001,  # add r0, r0, #1
    0xE5830100,  # str r0, [r3, #0x100]
    0xE5820030,  # str r0, [r2, #0x30]     done, says the interrupt controller
    0xE25EF004,  # subs pc, lr, #4
)
"""Counts the interrupts of a timer that comes every millisecond (200 000 ticks) in the word at TICKS."""


def aplx(words: tuple[int, ...]) -> bytes:
    """A program in the form in which it is loaded: one piece of code to address 0, then execution from its reset vector."""
    code = struct.pack(f"<{len(words)}I", *words)
    table = struct.pack("<8I", 2, 0, 32, len(code), 4, words[8], 0, 0)
    return table + code.ljust((len(code) + 31) // 32 * 32, b"\0")


def values(**changed: int) -> bytes:
    """The system variables that a host sends with the boot image."""
    data = bytearray(128)
    for offset, form, value in (
        (0x0A, "B", 3),
        (Sv.UNIX_TIME, "I", 1_700_000_000),
        (Sv.CPU_CLOCK, "H", 200),
        (Sv.MESSAGE_BUFFERS, "B", 7),
        (Sv.SYSRAM_HEAP, "I", 1024),
        (0x50, "I", 16384),
        (Sv.SYSTEM_BUFFERS, "I", 8 * 2**20),
        (Sv.BUFFER_WORDS, "I", 32768),
    ):
        struct.pack_into(f"<{form}", data, offset, value)
    return bytes(data)


def booted(version: int = 3) -> tuple[Board, Desk]:
    board = Board(version)
    board.boot(values())
    desk = Desk(board)
    desk.restart()
    return board, desk


def place(chip: Chip, program: bytes) -> int:
    """Leave a program in a chip's memory; its address."""
    address = chip.sv(Sv.SDRAM_SYSTEM)
    chip.memory.write(address, program)
    return address


def start(board: Board, words: tuple[int, ...], core: int = 1, chip: Chip | None = None) -> None:
    chip = chip or board.root
    apps.start(chip, place(chip, aplx(words)), APP << 24 | 1 << core, board.new_core)


def ask(desk: Desk, command: Scp, chip: int = 0xFFFF, core: int = 0) -> bytes:
    """Send a command as a host does; the answer from its result code on."""
    message = Sdp(0x87, 255, core, 255, chip, 0, command.pack())
    desk.receive(b"\0\0" + message.pack(), HOST)
    (host, answer) = desk.outbox.pop(0)
    assert host == HOST
    return answer[10:]


def code(answer: bytes) -> int:
    return int.from_bytes(answer[:2], "little")

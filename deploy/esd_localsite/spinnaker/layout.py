"""Addresses of a SpiNNaker chip and of the records in its memory: facts of `spinnaker.h` and `sark.h`, version 4.0.0."""

from enum import IntEnum

CORES = 18
LINKS = 6
CLOCK_MHZ = 200
"""Clock of a core; a *tick* in this package is one period of it (5 ns)."""
TICKS_PER_MS = CLOCK_MHZ * 1000

ITCM, ITCM_SIZE = 0x00000000, 0x8000
DTCM, DTCM_SIZE = 0x00400000, 0x10000
SDRAM, SDRAM_SIZE = 0x60000000, 128 * 2**20
SDRAM_UNBUFFERED = 0x70000000
SYSRAM, SYSRAM_SIZE = 0xE5000000, 0x8000
SYSRAM_UNBUFFERED = 0xF5000000

COMMS = (0x10000000, 0x20000000)
TIMERS = (0x11000000, 0x21000000)
VIC = (0x1F000000, 0x2F000000, 0xFFFFF000)
DMA = (0x30000000, 0x40000000)
MEMORY_CONTROLLER = (0xE0000000, 0xF0000000)
ROUTER, ROUTER_SIZE = (0xE1000000, 0xF1000000), 0x20000
SYSTEM_CONTROLLER = (0xE2000000, 0xF2000000)
WATCHDOG = (0xE3000000, 0xF3000000)
ETHERNET = (0xE4000000, 0xF4000000)

VCPU, VCPU_SIZE = 0xE5007000, 128
SV = 0xE5007F00
SYSRAM_USER_BASE, SYSRAM_USER_TOP = 0xE5000100, 0xE5007000


class Vcpu:
    """Offsets in the 128-byte record of one core in system RAM."""

    REGISTERS, PSR, SP, LR = 0, 32, 36, 40
    RT_CODE, PHYSICAL, STATE, APP = 44, 45, 46, 47
    TO_CORE_MESSAGE, TO_MONITOR_MESSAGE = 48, 52
    TO_CORE, TO_MONITOR = 56, 57
    TIME, NAME, VERSION = 68, 72, 92
    NAME_BYTES = 16


class Sv:
    """Offsets in the 256-byte record of system variables in system RAM."""

    ADDRESS, DIMENSIONS, P2P_UP = 0x00, 0x02, 0x06
    ETHERNET_ADDRESS, HARDWARE, ETHERNET_UP = 0x08, 0x0A, 0x0B
    CLOCK_MS, TIME_MS, UNIX_TIME = 0x10, 0x18, 0x1C
    CPU_CLOCK, ROOT = 0x24, 0x2E
    RANDOM, ROOT_CHIP, MESSAGE_BUFFERS = 0x3C, 0x40, 0x41
    SYSRAM_HEAP, SDRAM_HEAP = 0x48, 0x4C
    SYSTEM_BUFFERS, BUFFER_WORDS = 0x54, 0x58
    LINKS_ENABLED = 0x65
    FREE_MESSAGE, MESSAGES_IN_USE = 0x68, 0x6C
    PHYSICAL_TO_VIRTUAL, VIRTUAL_TO_PHYSICAL = 0x94, 0xA8
    CORES, ROM_CORES = 0xBC, 0xBD
    SDRAM_BASE, SYSRAM_BASE, SDRAM_SYSTEM, VCPU_BASE = 0xC0, 0xC4, 0xC8, 0xCC
    SYSTEM_HEAP, ROUTER_COPY, HOPS, TAGS = 0xD0, 0xD4, 0xD8, 0xDC
    ROUTER_FREE, ACTIVE_CHIPS, APPS, MESSAGES, MAILBOXES = 0xE0, 0xE2, 0xE4, 0xE8, 0xEC
    IP, FIXED_ROUTE, VERSION = 0xF0, 0xF4, 0xFC
    BOOT_BYTES = 128
    """How much of the record a host sends with the boot image."""


class State(IntEnum):
    """What a core is doing, as its record says."""

    DEAD, POWERED_DOWN, CRASHED, WATCHDOG = 0, 1, 2, 3
    INITIALISING, WAITING, STARTED, RUNNING = 4, 5, 6, 7
    SYNC0, SYNC1, PAUSED, FINISHED = 8, 9, 10, 11
    IDLE = 15


class Mail(IntEnum):
    """What lies in a mailbox between monitor and core."""

    IDLE, MESSAGE, NOTHING, SIGNAL, COMMAND = range(5)


class Lock(IntEnum):
    """Which of the system controller's test-and-set registers guards what."""

    MESSAGES, MAILBOXES, ETHERNET, GPIO, API, SEMAPHORES, HEAP, ROUTER = range(8)


class Interrupt(IntEnum):
    """Inputs of a core's interrupt controller, of which this emulation raises some."""

    SOFTWARE, TIMER1, TIMER2 = 1, 4, 5
    PACKET, TRANSMIT_FULL, TRANSMIT_EMPTY = 6, 9, 11
    DMA_DONE, MONITOR, SLOW_CLOCK, TRANSMIT_FREE = 12, 18, 22, 23
    MULTICAST, FIXED_ROUTE = 24, 27


MESSAGE_SIZE = 292
"""Bytes of a message buffer in system RAM: link, length, checksum, header and data, padding."""
APP_RECORD, ROUTER_RECORD = 8, 16
ROUTER_ENTRIES = 1024
SOFTWARE_VERSION = 0x040000
"""What the programs on the cores compare with their own version."""
VERSION_TEXT = "4.0.0"

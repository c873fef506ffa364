"""Numbers of SCP commands and results, and the error that becomes a result."""

from enum import IntEnum


class Command(IntEnum):
    """The commands of version 4.0.0 of the low-level tools."""

    VERSION, RUN, READ, WRITE, APLX, FILL = range(6)
    COUNT, REMAP, LINK_READ, LINK_WRITE, RESET = range(15, 20)
    FLOOD, COPY_RUN, SIGNAL, FLOOD_DATA, START, LED, IPTAG, SROM = range(20, 28)
    ALLOCATE, ROUTER, RESERVED, INFO, SYNC = range(28, 33)


class Result(IntEnum):
    """What an answer says."""

    OK = 0x80
    LENGTH, CHECKSUM, COMMAND, ARGUMENT, PORT, TIMEOUT, ROUTE, CORE, DEAD, BUFFER = range(0x81, 0x8B)


class RefusedError(Exception):
    """A command that is answered with an error."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.result = result


def known(code: int) -> str:
    """Name of a command, for people."""
    return Command(code).name if code in {*Command} else f"{code} (which SC&MP 4.0.0 does not have)"

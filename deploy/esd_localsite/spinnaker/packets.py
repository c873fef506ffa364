"""SDP and SCP, the datagrams between host and machine; and boot messages. Pure."""

import struct
from dataclasses import dataclass, replace

_SDP = struct.Struct("<BBBBHH")
_SCP = struct.Struct("<HHIII")
_BOOT = struct.Struct(">HIIII")
_PADDING = b"\0\0"
REPLY = 0x80
"""Bit of the flags of a request that wants an answer."""
NO_REPLY = 0x07
ETHERNET_PORT = 0xFF
ROOT = 0xFFFF
"""The address that stands for the root chip."""
MOST_DATA = 256
_MOST = _SDP.size + _SCP.size + MOST_DATA


class MalformedError(Exception):
    """A datagram that is none; the message says why."""


@dataclass(frozen=True)
class Sdp:
    """One datagram: to and from are chip (x << 8 | y) and port (SDP port << 5 | core)."""

    flags: int
    tag: int
    to_port: int
    from_port: int
    to_chip: int
    from_chip: int
    payload: bytes = b""

    @property
    def to_core(self) -> int:
        return self.to_port & 31

    def pack(self) -> bytes:
        return _SDP.pack(self.flags, self.tag, self.to_port, self.from_port, self.to_chip, self.from_chip) + self.payload

    def answer(self, payload: bytes) -> "Sdp":
        """The datagram back to the sender."""
        return replace(
            self,
            flags=NO_REPLY,
            to_port=self.from_port,
            from_port=self.to_port,
            to_chip=self.from_chip,
            from_chip=self.to_chip,
            payload=payload,
        )


@dataclass(frozen=True)
class Scp:
    """A command, or an answer to one: `code` is the command or the result."""

    code: int
    sequence: int
    arg1: int = 0
    arg2: int = 0
    arg3: int = 0
    data: bytes = b""

    def pack(self) -> bytes:
        return _SCP.pack(self.code, self.sequence, self.arg1, self.arg2, self.arg3) + self.data


def parse_sdp(datagram: bytes) -> Sdp:
    """An SDP datagram without the two bytes of padding. Raises MalformedError."""
    if not _SDP.size <= len(datagram) <= _MOST:
        raise MalformedError(f"a datagram of {len(datagram)} bytes: an SDP datagram has {_SDP.size} to {_MOST}")
    flags, tag, to_port, from_port, to_chip, from_chip = _SDP.unpack_from(datagram)
    return Sdp(flags, tag, to_port, from_port, to_chip, from_chip, datagram[_SDP.size :])


def parse_udp(datagram: bytes) -> Sdp:
    """What arrives at the machine's SCP port. Raises MalformedError."""
    return parse_sdp(datagram[len(_PADDING) :])


def udp(message: Sdp) -> bytes:
    """What is sent over UDP for a datagram."""
    return _PADDING + message.pack()


def parse_scp(payload: bytes) -> Scp:
    """A command with its three arguments. Raises MalformedError."""
    if len(payload) < _SCP.size:
        raise MalformedError(f"an SCP command of {len(payload)} bytes: it needs at least {_SCP.size}")
    code, sequence, arg1, arg2, arg3 = _SCP.unpack_from(payload)
    return Scp(code, sequence, arg1, arg2, arg3, payload[_SCP.size :])


def result(code: int, sequence: int, body: bytes = b"") -> bytes:
    """An answer: result code, sequence of the command, and what the command returns."""
    return struct.pack("<HH", code, sequence) + body


@dataclass(frozen=True)
class Boot:
    """One message to the boot port."""

    operation: int
    operand1: int
    operand2: int
    operand3: int
    data: bytes


BOOT_START, BOOT_BLOCK, BOOT_END = 1, 3, 5


def parse_boot(datagram: bytes) -> Boot:
    """Raises MalformedError."""
    if len(datagram) < _BOOT.size:
        raise MalformedError(f"a boot message of {len(datagram)} bytes: it needs at least {_BOOT.size}")
    version, operation, operand1, operand2, operand3 = _BOOT.unpack_from(datagram)
    if version != 1:
        raise MalformedError(f"a boot message of version {version}: this board knows version 1")
    return Boot(operation, operand1, operand2, operand3, datagram[_BOOT.size :])

"""IP tags: where a board's datagrams for hosts go."""

import socket
import struct
from dataclasses import dataclass, field

from esd_localsite.spinnaker.monitor.results import RefusedError, Result
from esd_localsite.spinnaker.packets import Scp

_FIXED, _POOL = 8, 8
_RECORD = struct.Struct("<4s6s3HI2HB7x")
_NEW, _SET, _GET, _CLEAR, _TIMEOUT = range(5)
_VALID, _TRANSIENT, _USE_SENDER, _REVERSE, _STRIP = 0x8000, 0x4000, 0x0400, 0x0200, 0x0100
_NONE = 255

Host = tuple[str, int]


@dataclass
class Tag:
    """One tag: a host and port for datagrams from the board, or a port of the board and a core for those to it."""

    ip: str = "0.0.0.0"  # noqa: S104 (no address)
    port: int = 0
    timeout: int = 0
    flags: int = 0
    count: int = 0
    own_port: int = 0
    chip: int = 0
    core_port: int = 0

    @property
    def host(self) -> Host:
        return self.ip, self.port

    @property
    def strip(self) -> bool:
        return bool(self.flags & _STRIP)

    @property
    def reverse(self) -> bool:
        return bool(self.flags & _REVERSE)

    def record(self) -> bytes:
        return _RECORD.pack(
            socket.inet_aton(self.ip), bytes(6), self.port, self.timeout, self.flags, self.count, self.own_port, self.chip, self.core_port
        )


@dataclass
class Tags:
    """The sixteen tags of a board: eight that hosts set, eight for answers that come later."""

    tags: list[Tag] = field(default_factory=lambda: [Tag() for _ in range(_FIXED + _POOL)])
    timeout: int = 9
    turn: int = 0

    def transient(self, host: Host) -> int:
        """A tag of the pool for an answer to a host; the oldest gives way."""
        for number in range(_FIXED, _FIXED + _POOL):
            if self.tags[number].flags and self.tags[number].host == host:
                return number
        number = _FIXED + self.turn % _POOL
        self.turn += 1
        self.tags[number] = Tag(ip=host[0], port=host[1], flags=_VALID | _TRANSIENT)
        return number

    def find(self, number: int) -> Tag | None:
        return self.tags[number] if number < len(self.tags) and self.tags[number].flags else None

    def reverse_ports(self) -> dict[int, int]:
        """Port of the board → tag."""
        return {tag.own_port: number for number, tag in enumerate(self.tags) if tag.flags and tag.reverse}

    def command(self, command: Scp, sender: Host) -> bytes:
        """Set, read or clear a tag. Raises RefusedError."""
        operation, number = command.arg1 >> 16 & 0xFF, command.arg1 & 0xFF
        if operation > _TIMEOUT or (number >= len(self.tags) and operation != _NEW):
            raise RefusedError(Result.ARGUMENT, f"operation {operation} on tag {number}: there are {len(self.tags)} tags")
        if operation in {_NEW, _SET}:
            return struct.pack("<I", self._set(command, sender, new=operation == _NEW))
        if operation == _GET:
            many = self.tags[number : number + command.arg2]
            if len(many) * _RECORD.size > 256:
                raise RefusedError(Result.ARGUMENT, f"{command.arg2} tags do not fit into an answer")
            return b"".join(tag.record() for tag in many)
        if operation == _CLEAR:
            self.tags[number] = Tag()
            return b""
        before, self.timeout = self.timeout, command.arg2 if command.arg2 < 16 else self.timeout
        return struct.pack("<I", _FIXED << 24 | _POOL << 16 | _RECORD.size << 8 | before)

    def _set(self, command: Scp, sender: Host, *, new: bool) -> int:
        number = command.arg1 & 0xFF
        if new:
            number = next((free for free in range(_FIXED, _FIXED + _POOL) if not self.tags[free].flags), _NONE)
            if number == _NONE:
                return number
        flags, timeout = command.arg1 >> 20 & 0x0F00, command.arg1 >> 24 & 15
        given = socket.inet_ntoa(struct.pack("<I", command.arg3))
        tag = Tag(flags=flags | _VALID, chip=command.arg2 >> 16, core_port=command.arg1 >> 8 & 0xFF)
        tag.timeout = 1 << (timeout - 1) if timeout and not flags else 0
        if flags & _REVERSE:
            tag.ip, tag.own_port = given, command.arg2 & 0xFFFF
        else:
            tag.ip = sender[0] if flags & _USE_SENDER or not command.arg3 else given
            tag.port = sender[1] if flags & _USE_SENDER else command.arg2 & 0xFFFF
        self.tags[number] = tag
        return number

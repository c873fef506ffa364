"""The communications controller of a core: where its packets leave and arrive."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from esd_localsite.spinnaker.layout import Interrupt
from esd_localsite.spinnaker.unknown import NotEmulatedError

_CONTROL, _DATA, _KEY, _STATUS, _GOT_DATA, _GOT_KEY, _SOURCE, _TEST = range(0, 0x20, 4)
_NAMES = ("TCR", "TXDATA", "TXKEY", "RSR", "RXDATA", "RXKEY", "SAR", "TEST")
_EMPTY, _NOT_FULL, _RECEIVED = 1 << 31, 1 << 28, 1 << 31
_PAYLOAD = 1 << 17


class Kind(IntEnum):
    """Packet types: two bits of the control byte."""

    MULTICAST, POINT_TO_POINT, NEAREST_NEIGHBOUR, FIXED_ROUTE = range(4)


@dataclass(frozen=True)
class Packet:
    """One packet. Data is None for a packet without payload."""

    control: int
    """The control byte, at bits 23:16."""
    key: int
    data: int | None = None

    @property
    def kind(self) -> Kind:
        return Kind(self.control >> 22 & 3)


@dataclass
class Comms:
    """Sends at once, and keeps what has arrived until the program reads it: nothing is lost by congestion."""

    send: Callable[[Packet], None]
    control: int = 0
    data: int = 0
    written: bool = False
    """Whether the program wrote a payload for the next packet. It need not set the payload bit: sPyNNaker's Poisson sources do not."""
    source: int = 0
    arrived: deque[Packet] = field(default_factory=deque)
    most: int = 0
    """The longest queue there was."""

    def deliver(self, packet: Packet) -> None:
        self.arrived.append(packet)
        self.most = max(self.most, len(self.arrived))

    def lines(self) -> int:
        lines = 1 << Interrupt.TRANSMIT_EMPTY | 1 << Interrupt.TRANSMIT_FREE
        if self.arrived:
            lines |= 1 << Interrupt.PACKET | 1 << (Interrupt.MULTICAST + self.arrived[0].kind)
        return lines

    def read(self, register: int) -> int:
        first = self.arrived[0] if self.arrived else None
        if register == _CONTROL:
            return _EMPTY | _NOT_FULL | self.control
        if register == _STATUS:
            return _RECEIVED | first.control if first else 0
        if register == _GOT_DATA:
            return (first.data or 0) if first else 0
        if register == _GOT_KEY:
            return self.arrived.popleft().key if first else 0
        if register == _SOURCE:
            return self.source
        raise NotEmulatedError(f"read of the communications controller's register {_name(register)}")

    def write(self, register: int, value: int) -> None:
        if register == _CONTROL:
            self.control = value & 0xFF0000
        elif register == _DATA:
            self.data, self.written = value, True
        elif register == _KEY:
            self._send(value)
        elif register == _SOURCE:
            self.source = value
        elif register == _STATUS:
            pass  # clears the bits that tell of damaged packets, of which there are none
        else:
            raise NotEmulatedError(f"write of {value:#x} to the communications controller's register {_name(register)}")

    def _send(self, key: int) -> None:
        """A packet has a payload if the control byte says so, or if one was written since the last packet."""
        control = self.control | (_PAYLOAD if self.written else 0)
        self.written = False
        self.send(Packet(control, key, self.data if control & _PAYLOAD else None))


def _name(register: int) -> str:
    return _NAMES[register // 4] if register // 4 < len(_NAMES) else f"{register:#x}"

"""The board at its UDP ports: one thread that answers datagrams and lets time pass on the board."""

import logging
import select
import socket
from dataclasses import dataclass, field

from esd_localsite.errors import LocalSiteError
from esd_localsite.spinnaker.board import Board
from esd_localsite.spinnaker.bootrom import BootRom
from esd_localsite.spinnaker.monitor.desk import Desk
from esd_localsite.spinnaker.packets import MalformedError, parse_boot

SCP_PORT, BOOT_PORT = 17893, 54321
"""The ports of every SpiNNaker board; hosts have no option for others."""
_LOG = logging.getLogger(__name__)
_LONGEST, _REST_S = 2048, 0.2
_STEPS = 8
"""Steps of the board between two looks at the sockets."""
_RESERVED = 1024
_RECEIVE_BYTES = 4 * 2**20


@dataclass
class Server:
    """An emulated board at one loopback address. Raises LocalSiteError if its ports are taken."""

    board: Board
    lose: frozenset[int] = frozenset()
    """Numbers of datagrams (from 1) at the SCP port that are lost on the way: a fault for tests."""
    received: int = 0
    stopping: bool = False
    resetting: bool = False
    rom: BootRom = field(default_factory=BootRom)

    def __post_init__(self) -> None:
        self.desk = Desk(self.board)
        self._scp = _bound(self.board.ip, SCP_PORT)
        self._boot = _bound(self.board.ip, BOOT_PORT)
        self._reverse: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Until `stopping` is set."""
        running = False
        while not self.stopping:
            self._look(0 if running else _REST_S)
            if self.resetting:
                self.reset()
            running = self.board.booted and self._pass()
            self._send()

    def close(self) -> None:
        for one in (self._scp, self._boot, *self._reverse.values()):
            one.close()

    def _pass(self) -> bool:
        """Let some time pass on the board; whether more can."""
        for _ in range(_STEPS):
            going = self.board.step()
            self.desk.sort()
            if not going and not any(core.ready() for core in self.board.cores()):
                return False
        return True

    def _look(self, wait_s: float) -> None:
        sockets = {self._boot: BOOT_PORT, self._scp: SCP_PORT, **{one: port for port, one in self._reverse.items()}}
        ready, _, _ = select.select([*sockets], [], [], wait_s)
        for one in ready:
            self._drain(one, sockets[one])

    def _drain(self, one: socket.socket, port: int) -> None:
        while True:
            try:
                datagram, host = one.recvfrom(_LONGEST)
            except (BlockingIOError, ConnectionError):
                return
            try:
                self._take(port, datagram, host)
            except MalformedError as error:
                self.board.reports.tell(f"port {port}: {error}")
            self._send()

    def _take(self, port: int, datagram: bytes, host: tuple[str, int]) -> None:
        if port == SCP_PORT:
            self.received += 1
            if self.received not in self.lose:
                self.desk.receive(datagram, host)
                self._open_reverse()
        elif port == BOOT_PORT:
            values = self.rom.receive(parse_boot(datagram)) if not self.board.booted else None
            if values:
                self.board.boot(values)
                self.desk.restart()
                _LOG.info("board %s: booted as an emulated SpiNN-%d", self.board.ip, self.board.version)
        else:
            self.desk.receive_reverse(port, datagram, host)

    def reset(self) -> None:
        """Switch the board off and on: it is unbooted, and every program is gone."""
        self.resetting = self.board.booted = False
        self.board.chips = {}
        self.rom = BootRom()
        self.desk.restart()
        _LOG.info("board %s: reset", self.board.ip)

    def _open_reverse(self) -> None:
        wanted = {port for port in self.desk.tags.reverse_ports() if port >= _RESERVED}
        for port in wanted - self._reverse.keys():
            self._reverse[port] = _bound(self.board.ip, port)
        for port in self._reverse.keys() - wanted:
            self._reverse.pop(port).close()

    def _send(self) -> None:
        for host, datagram in self.desk.outbox:
            try:
                self._scp.sendto(datagram, host)
            except OSError as error:
                self.board.reports.tell(f"a datagram to {host[0]}:{host[1]} was not sent: {error}")
        self.desk.outbox.clear()


def _bound(ip: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    try:
        one.bind((ip, port))
    except OSError as error:
        one.close()
        raise LocalSiteError(
            f"UDP port {port} at {ip}: {error.strerror}; does another emulated board run? Give another 127.… address"
        ) from error
    return one

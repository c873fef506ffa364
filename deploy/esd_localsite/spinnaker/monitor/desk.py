"""Where every datagram goes: to the monitor's commands, to a core, or back to a host."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from esd_localsite.spinnaker.board import Board
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.heap import HeapError
from esd_localsite.spinnaker.layout import CORES, Lock
from esd_localsite.spinnaker.monitor import apps, info, memory_commands, router_commands
from esd_localsite.spinnaker.monitor.mail import Letters
from esd_localsite.spinnaker.monitor.results import Command, RefusedError, Result, known
from esd_localsite.spinnaker.monitor.tags import Host, Tags
from esd_localsite.spinnaker.packets import (
    ETHERNET_PORT,
    NO_REPLY,
    REPLY,
    ROOT,
    MalformedError,
    Scp,
    Sdp,
    parse_scp,
    parse_udp,
    result,
    udp,
)
from esd_localsite.spinnaker.unknown import NotEmulatedError

_TRANSIENT = 255
_MOST_STEPS = 10_000
_NEEDS: dict[int, tuple[Lock, ...]] = {
    Command.ALLOCATE: (Lock.HEAP, Lock.ROUTER),
    Command.ROUTER: (Lock.ROUTER,),
    Command.SIGNAL: (Lock.HEAP, Lock.ROUTER),
}
_NEEDS[Command.FLOOD] = _NEEDS[Command.SIGNAL]
_SIGNAL_ALL = 0x3F0000
"""The nearest-neighbour broadcast that carries a signal."""


@dataclass
class Desk:
    """The monitors of a board's chips."""

    board: Board
    tags: Tags = field(default_factory=Tags)
    outbox: list[tuple[Host, bytes]] = field(default_factory=list)
    """Datagrams for hosts, in their order."""

    def __post_init__(self) -> None:
        self._letters: dict[int, Letters] = {}
        self._sender: Host = ("0.0.0.0", 0)  # noqa: S104 (no address)

    def restart(self) -> None:
        """After a boot."""
        self.tags = Tags()
        self._letters = {address: Letters(chip, self.board.reports) for address, chip in self.board.chips.items()}

    def receive(self, datagram: bytes, host: Host) -> None:
        """A datagram at the SCP port. Raises MalformedError; before a boot, nothing is answered."""
        if not self.board.booted:
            return
        message = replace(parse_udp(datagram), from_chip=0)
        self._sender = host
        if message.tag == _TRANSIENT and message.flags & REPLY:
            message = replace(message, tag=self.tags.transient(host))
        self._route(message)

    def receive_reverse(self, port: int, datagram: bytes, host: Host) -> None:
        """A datagram at the port of a reverse tag. Raises MalformedError."""
        number = self.tags.reverse_ports().get(port)
        tag = self.tags.find(number) if number is not None else None
        if number is None or tag is None:
            return
        if len(datagram) > 272:
            raise MalformedError(f"a datagram of {len(datagram)} bytes at port {port}: at most 272")
        tag.ip, tag.port = host
        self._route(Sdp(NO_REPLY, number, tag.core_port, ETHERNET_PORT, tag.chip, 0, datagram))

    def sort(self) -> None:
        """Between two steps: take and bring the cores' mail."""
        for letters in self._letters.values():
            if letters.chip.cores:
                for message in letters.collect():
                    self._route(message)
                letters.deliver()

    def _route(self, message: Sdp) -> None:
        chip = self.board.chips.get(0 if message.to_chip == ROOT else message.to_chip)
        if chip is None:
            self._refuse(message, Result.ROUTE)
        elif message.to_port == ETHERNET_PORT:
            self._to_host(message)
        elif message.to_core >= CORES:
            self._refuse(message, Result.CORE)
        elif message.to_core:
            self._to_core(chip, message)
        elif message.to_port >> 5:
            self._refuse(message, Result.PORT)
        else:
            self._command(chip, message)

    def _to_host(self, message: Sdp) -> None:
        tag = self.tags.find(message.tag)
        if tag is None or (tag.reverse and not tag.port):
            self.board.reports.tell(f"a message for tag {message.tag}, which is not set, is lost")
            return
        tag.count += 1
        self.outbox.append((tag.host, message.payload if tag.strip else udp(message)))

    def _to_core(self, chip: Chip, message: Sdp) -> None:
        letters = self._letters[chip.address]
        if letters.accepts(message.to_core):
            letters.post(message.to_core, message)
        else:
            self._refuse(message, Result.DEAD)

    def _refuse(self, message: Sdp, code: Result) -> None:
        if message.flags & REPLY and len(message.payload) >= 4:
            self._route(message.answer(result(code, int.from_bytes(message.payload[2:4], "little"))))

    def _command(self, chip: Chip, message: Sdp) -> None:
        try:
            command = parse_scp(message.payload)
        except MalformedError:
            self._refuse(message, Result.LENGTH)
            return
        code, body = self._answer(chip, command)
        if message.flags & REPLY:
            self._route(replace(message.answer(result(code, command.sequence, body)), from_chip=chip.address))

    def _answer(self, chip: Chip, command: Scp) -> tuple[Result, bytes]:
        """Result and what it returns. A command never ends the machine, whatever it wants."""
        try:
            self._wait_for_locks(chip, command.code)
            return Result.OK, self._handler(command.code)(chip, command)
        except RefusedError as error:
            self._tell(chip, command, str(error))
            return error.result, b""
        except (NotEmulatedError, HeapError) as error:
            self._tell(chip, command, str(error))
            return Result.ARGUMENT, b""

    def _tell(self, chip: Chip, command: Scp, why: str) -> None:
        self.board.reports.tell(f"{chip.name}: command {known(command.code)}: {why}")

    def _wait_for_locks(self, chip: Chip, code: int) -> None:
        """Let cores finish with what they have locked."""
        chips = self.board.chips.values() if code in {Command.SIGNAL, Command.FLOOD} else (chip,)
        locks = set(_NEEDS.get(code, ()))
        for _ in range(_MOST_STEPS):
            if not any(locks & {*one.system.taken} for one in chips) or not self.board.step():
                return

    def _handler(self, code: int) -> Callable[[Chip, Scp], bytes]:
        handlers: dict[int, Callable[[Chip, Scp], bytes]] = {
            Command.VERSION: info.version,
            Command.READ: memory_commands.read,
            Command.WRITE: memory_commands.write,
            Command.FILL: memory_commands.fill,
            Command.COUNT: self._count,
            Command.LINK_READ: memory_commands.link_read,
            Command.LINK_WRITE: memory_commands.link_write,
            Command.RESET: self._reset,
            Command.FLOOD: self._broadcast,
            Command.COPY_RUN: lambda chip, command: apps.copy_start(chip, command, self.board.new_core),
            Command.SIGNAL: self._signal,
            Command.START: self._start,
            Command.LED: lambda _chip, _command: b"",
            Command.IPTAG: lambda _chip, command: self.tags.command(command, self._sender),
            Command.ALLOCATE: _allocation,
            Command.ROUTER: router_commands.router,
            Command.INFO: info.information,
            Command.SYNC: lambda _chip, _command: b"",  # clocks of several boards; here is one
        }
        if code not in handlers:
            raise RefusedError(Result.COMMAND, "not emulated")
        return handlers[code]

    def _count(self, _chip: Chip, command: Scp) -> bytes:
        total = sum(apps.count(chip, command.arg1 & 0xFF, command.arg2) for chip in self.board.chips.values())
        return total.to_bytes(4, "little")

    def _reset(self, chip: Chip, command: Scp) -> bytes:
        apps.start(chip, info.program_place(chip), command.arg1, self.board.new_core)
        return b""

    def _start(self, chip: Chip, command: Scp) -> bytes:
        apps.start(chip, command.arg1, command.arg2, self.board.new_core)
        return b""

    def _signal(self, _chip: Chip, command: Scp) -> bytes:
        if command.arg1 not in {0, 2}:
            raise RefusedError(Result.ARGUMENT, f"signal of type {command.arg1}")
        for chip in self.board.chips.values():
            apps.signal(chip, command.arg2)
        return b""

    def _broadcast(self, _chip: Chip, command: Scp) -> bytes:
        if command.arg1 != _SIGNAL_ALL:
            raise RefusedError(Result.COMMAND, f"the broadcast with key {command.arg1:#x} is not emulated (a flood fill?)")
        for chip in self.board.chips.values():
            apps.signal(chip, command.arg2 & 0xFFFFFF)
        return b""


def _allocation(chip: Chip, command: Scp) -> bytes:
    about_router = command.arg1 & 0xFF in memory_commands.ROUTER_OPERATIONS
    return router_commands.allocation(chip, command) if about_router else memory_commands.allocation(chip, command)

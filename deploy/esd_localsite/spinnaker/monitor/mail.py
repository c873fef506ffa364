"""Messages between a chip's monitor and its cores, in the buffers in system RAM."""

from collections import deque
from dataclasses import dataclass, field

from esd_localsite.spinnaker import layout
from esd_localsite.spinnaker.chip import Chip
from esd_localsite.spinnaker.layout import CORES, Lock, Mail, State, Sv, Vcpu
from esd_localsite.spinnaker.packets import MalformedError, Sdp, parse_sdp
from esd_localsite.spinnaker.unknown import NotEmulatedError, Reports

_LENGTH, _BODY = 4, 8
_MOST_WAITING = 64


@dataclass
class Letters:
    """The mail of one chip: what waits for cores, and what cores have sent."""

    chip: Chip
    reports: Reports
    waiting: dict[int, deque[Sdp]] = field(default_factory=dict)

    def accepts(self, core: int) -> bool:
        """Whether a message can be left for a core: it runs, and not too many wait."""
        running = core in self.chip.cores and self.chip.state(core) > State.WATCHDOG
        return running and len(self.waiting.get(core, ())) < _MOST_WAITING

    def post(self, core: int, message: Sdp) -> None:
        self.waiting.setdefault(core, deque()).append(message)
        self.deliver()

    def deliver(self) -> None:
        """Put into mailboxes what fits now. A program that has broken the buffers' chain gets nothing more."""
        try:
            self._deliver()
        except NotEmulatedError as error:
            self.reports.tell(f"{self.chip.name}: the message buffers are broken: {error}")

    def collect(self) -> list[Sdp]:
        """What the cores have sent since the last time."""
        flags = self.chip.sv(Sv.MAILBOXES)
        if not flags or {Lock.MAILBOXES, Lock.MESSAGES} & self.chip.system.taken:
            return []
        self.chip.system.irq &= ~1
        self.chip.memory.set_word(layout.SV + Sv.MAILBOXES, 0)
        found = [self._open(core) for core in range(1, CORES) if flags >> core & 1]
        return [message for message in found if message]

    def _deliver(self) -> None:
        if Lock.MESSAGES in self.chip.system.taken:
            return
        memory = self.chip.memory
        for core, messages in self.waiting.items():
            if core not in self.chip.cores:
                messages.clear()
            if not messages or memory.byte(self.chip.vcpu(core, Vcpu.TO_CORE)) != Mail.IDLE:
                continue
            if not (buffer := self._take()):
                return
            body = messages.popleft().pack()
            memory.set_half(buffer + _LENGTH, len(body))
            memory.write(buffer + _BODY, body)
            memory.set_word(self.chip.vcpu(core, Vcpu.TO_CORE_MESSAGE), buffer)
            memory.set_byte(self.chip.vcpu(core, Vcpu.TO_CORE), Mail.MESSAGE)
            self.chip.system.irq |= 1 << core

    def _open(self, core: int) -> Sdp | None:
        memory, box = self.chip.memory, self.chip.vcpu(core, Vcpu.TO_MONITOR)
        kind = memory.byte(box)
        buffer = memory.word(self.chip.vcpu(core, Vcpu.TO_MONITOR_MESSAGE))
        memory.set_byte(box, Mail.IDLE)
        if kind != Mail.MESSAGE:
            self.reports.tell(f"{self.chip.name}, core {core}: mail of kind {kind}, which is not emulated")
            return None
        try:
            size = memory.half(buffer + _LENGTH)
            body = memory.read(buffer + _BODY, min(size, layout.MESSAGE_SIZE - _BODY - 4))
            self._give_back(buffer)
            return parse_sdp(body)
        except (MalformedError, NotEmulatedError) as error:
            self.reports.tell(f"{self.chip.name}, core {core}: sent {error}")
            return None

    def _take(self) -> int:
        memory, root = self.chip.memory, layout.SV + Sv.FREE_MESSAGE
        buffer = memory.word(root)
        if buffer:
            memory.set_word(root, memory.word(buffer))
            used = memory.half(layout.SV + Sv.MESSAGES_IN_USE) + 1
            memory.set_half(layout.SV + Sv.MESSAGES_IN_USE, used)
            memory.set_half(layout.SV + Sv.MESSAGES_IN_USE + 2, max(used, memory.half(layout.SV + Sv.MESSAGES_IN_USE + 2)))
        return buffer

    def _give_back(self, buffer: int) -> None:
        memory, root = self.chip.memory, layout.SV + Sv.FREE_MESSAGE
        memory.set_word(buffer, memory.word(root))
        memory.set_word(root, buffer)
        memory.set_half(layout.SV + Sv.MESSAGES_IN_USE, memory.half(layout.SV + Sv.MESSAGES_IN_USE) - 1)

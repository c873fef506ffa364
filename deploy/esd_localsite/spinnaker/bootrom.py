"""The boot: what a host sends to a board without a monitor."""

from dataclasses import dataclass, field

from esd_localsite.spinnaker.layout import Sv
from esd_localsite.spinnaker.packets import BOOT_BLOCK, BOOT_END, BOOT_START, Boot, MalformedError

_BLOCK, _MOST_BLOCKS = 1024, 32
_VARIABLES = 384
"""Where in the boot image the system variables are."""


@dataclass
class BootRom:
    """Collects a boot image. The image itself is not run: its monitor is emulated; its variables count."""

    blocks: dict[int, bytes] = field(default_factory=dict)
    expected: int = 0

    def receive(self, message: Boot) -> bytes | None:
        """The system variables, when the image is complete. Raises MalformedError for what cannot be a part of an image."""
        if message.operation == BOOT_START:
            if message.operand3 >= _MOST_BLOCKS:
                raise MalformedError(f"a boot image of {message.operand3 + 1} blocks: at most {_MOST_BLOCKS}")
            self.blocks, self.expected = {}, message.operand3 + 1
        elif message.operation == BOOT_BLOCK:
            number = message.operand1 & 0xFF
            if number >= self.expected or len(message.data) > _BLOCK or len(message.data) % 4:
                raise MalformedError(f"boot block {number} of {len(message.data)} bytes: {self.expected} blocks were announced")
            self.blocks[number] = message.data
        elif message.operation == BOOT_END:
            return self._variables()
        else:
            raise MalformedError(f"boot operation {message.operation:#x}: 1, 3 and 5 are emulated")
        return None

    def _variables(self) -> bytes | None:
        """None as long as a block is missing: the board stays unbooted, and the host tries again."""
        if not self.expected or len(self.blocks) < self.expected:
            return None
        image = b"".join(self.blocks[number] for number in range(self.expected))
        self.blocks, self.expected = {}, 0
        if len(image) < _VARIABLES + Sv.BOOT_BYTES:
            raise MalformedError(f"a boot image of {len(image)} bytes: it has no system variables")
        words = image[_VARIABLES : _VARIABLES + Sv.BOOT_BYTES]
        return b"".join(words[place : place + 4][::-1] for place in range(0, len(words), 4))

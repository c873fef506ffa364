"""What this emulation was asked for and does not have: told by name, never guessed."""

import logging
from dataclasses import dataclass, field

_LOG = logging.getLogger(__name__)
_MOST = 1000


class NotEmulatedError(Exception):
    """A register, address or command that this emulation does not have; the message names it."""


@dataclass
class Reports:
    """Everything that was missing or went wrong on a board, each once and in the order of its first appearance."""

    seen: dict[str, int] = field(default_factory=dict)
    """Text → how often."""

    def tell(self, text: str) -> None:
        """Keep the text and log it the first time. Of more than a thousand different texts, the last are only counted."""
        if text not in self.seen and len(self.seen) >= _MOST:
            text = "further reports were left out"
        if text not in self.seen:
            _LOG.warning("%s", text)
        self.seen[text] = self.seen.get(text, 0) + 1

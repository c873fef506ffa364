"""Prints foreign text safely: a terminal shows it as plain text, whatever it contains. All output of the commands goes through here."""

import re
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from esd_build.net.answers import UNSAFE, printable

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_ENDLESS = sys.maxsize


def say(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    r"""Print a text, or a JSON document. What a terminal would obey is written as `\u001b`, which JSON takes for the same."""
    stream = sys.stderr if err else sys.stdout
    words = str(text).encode(errors="replace").decode()
    stream.write(UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", words) + ("\n" if nl else ""))
    stream.flush()


def coloured(output: bytes) -> bytes:
    """A program's output for a terminal: with its colours and its returned carriages, without all else that a terminal obeys."""
    text, pieces, at = output.decode(errors="replace"), [], 0
    for colour in _COLOUR.finditer(text):
        pieces += [_tame(text[at : colour.start()]), colour[0]]
        at = colour.end()
    return "".join((*pieces, _tame(text[at:]))).encode()


def _tame(text: str) -> str:
    return "\r".join(printable(part, _ENDLESS) for part in text.split("\r"))


class SafeConsole(Console):
    """rich's, which passes on whatever a table or a line holds."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text, _ENDLESS), style, control)

"""Reading what a server sent: JSON that can be written again and calculated with, and words that a terminal takes as words."""

import re
from collections.abc import Iterable, Iterator

from esd_build.data.errors import ToolError

_LARGEST = 2**63
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, which terminals obey (OSC 52 fills the clipboard), and those that turn the order of writing around."""


def parsed(content: bytes | str, what: str) -> object:
    """JSON of at most 200 levels, with numbers that fit 64 bits and texts that are Unicode. Raises ToolError that begins with `what`."""
    from pydantic_core import from_json  # noqa: PLC0415 - every command loads this module, and lists of names parse nothing

    try:
        value: object = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise ToolError(f"{what}: no JSON ({printable(str(error), 200)})") from error
    for number in _numbers(value):
        if not -_LARGEST <= number < _LARGEST:  # nor is what is not a number between them
            raise ToolError(f"{what}: it contains a number outside the valid range")
    return value


def printable(text: object, longest: int = 2000) -> str:
    """Words of somebody else, fit to be shown: without what a terminal would obey, and not without end."""
    words = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text)).encode(errors="replace").decode()
    return words if len(words) <= longest else f"{words[:longest]}…"


def gathered(pieces: Iterable[bytes], what: str, most: int) -> bytes:
    """All pieces of what comes, put together. Raises ToolError where they are more than `most` bytes."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > most:
            raise ToolError(f"{what}: more than {most // 1024} KiB arrived, too much for this kind of answer; nothing was kept")
    return bytes(content)


def beginning(pieces: Iterable[bytes], most: int) -> bytes:
    """The first `most` bytes of what comes; the rest is not waited for."""
    content = bytearray()
    for piece in pieces:
        content += piece[: most - len(content)]
        if len(content) == most:
            break
    return bytes(content)


def _numbers(value: object) -> Iterator[int | float]:
    """All numbers in a value; without recursion, for it may be deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, int | float):
            yield one

"""Where the commands print what a person reads."""

import sys
from collections.abc import Iterable
from typing import NoReturn

from esd_build.net.answers import printable
from esd_build.net.words import SafeConsole, say

# A log is wide enough for a digest; a terminal keeps its width.
out = SafeConsole(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120)


def printed_array(items: Iterable[str]) -> None:
    """A JSON array, one item after the other: thousands of records need the memory of one. What was begun is closed, come what may."""
    between = "[\n"
    try:
        for item in items:
            say(between + item, nl=False)
            between = ",\n"
    finally:
        say("[]" if between == "[\n" else "\n]")


def stop(message: str, code: int) -> NoReturn:
    """End the command with one message."""
    print(f"esd-deploy: {printable(message, 100_000)}", file=sys.stderr)
    raise SystemExit(code)

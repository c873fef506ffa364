"""Where the commands print what a person reads."""

import sys
from typing import NoReturn

from esd_build.net.answers import printable
from esd_build.net.words import SafeConsole

# A log is wide enough for a digest; a terminal is as wide as it is.
out = SafeConsole(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


def stop(message: str, code: int) -> NoReturn:
    """End the command with one message."""
    print(f"esd-deploy: {printable(message, 100_000)}", file=sys.stderr)
    raise SystemExit(code)

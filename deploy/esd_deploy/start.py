"""Where `esd-deploy` begins: quiet when it is interrupted while its own code is still being loaded."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """The program; Ctrl-C in its first second ends it with one line, as later."""
    try:
        from esd_deploy.cli import main as program  # noqa: PLC0415 - this is what takes the second
    except KeyboardInterrupt:
        sys.stderr.write("esd-deploy: interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    program()

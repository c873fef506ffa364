"""Where `esd-build` begins: quiet when it is interrupted while its own code is still being loaded."""

from typing import NoReturn

from esd_build.data.loading import interruptible


def main() -> NoReturn:
    """The program; Ctrl-C in its first second ends it with one line, as later."""
    with interruptible("esd-build"):
        from esd_build.cli import main as program  # noqa: PLC0415 - this is what takes the second
    program()

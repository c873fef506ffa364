"""Where `esd-build` begins: quiet when it is interrupted while its own code is still being loaded."""

from esd_build.program.loading import Interruptible

TYPE_CHECKING = False  # `typing` takes a hundredth of a second, in which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """The program; Ctrl-C at any moment ends it with one line."""
    interruptible = Interruptible("esd-build")
    with interruptible:
        from esd_build.cli import main as program  # noqa: PLC0415 - this is what takes the second
    interruptible.call(program)

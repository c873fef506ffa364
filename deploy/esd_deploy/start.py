"""Where `esd-deploy` begins: what goes wrong before a command is known is one message, too."""

import os
import sys

from esd_build.program.loading import Interruptible

TYPE_CHECKING = False  # `typing` takes a hundredth of a second, in which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from typing import NoReturn

_WRONG_CALL = 3


def main() -> "NoReturn":
    """The program; Ctrl-C at any moment ends it with one line. Closed streams and arguments that are no text are told."""
    interruptible = Interruptible("esd-deploy")
    with interruptible:
        _reopen()
        _require_text(sys.argv[1:])
        from esd_deploy.cli import main as program  # noqa: PLC0415 - this is what takes the second
    try:
        interruptible.call(program)
    except (RuntimeError, KeyError) as error:
        if not any(word in str(error) for word in ("home directory", "getpwuid")):
            raise
        _stop("this account has no home folder and no entry in the machine's list of accounts; set HOME", _WRONG_CALL)


def _reopen() -> None:
    """Streams that the caller closed lead nowhere; they are not missing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for the life of the process


def _require_text(arguments: list[str]) -> None:
    for number, word in enumerate(arguments, 1):
        if any(0xD800 <= ord(one) <= 0xDFFF for one in word):
            _stop(f"argument {number} ({word!a}) is not UTF-8; rename the file, or give another word", _WRONG_CALL)


def _stop(message: str, code: int) -> "NoReturn":
    sys.stderr.write(f"esd-deploy: {message}\n")
    raise SystemExit(code) from None

"""Commands and options that got another name: the old one works for one release and says so."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def told(old: str, new: str) -> None:
    """Say on standard error that a name has changed."""
    print(f"`{old}` is now `{new}`; the old name ends with the next release", file=sys.stderr)


def formerly(old: str, new: str, command: Callable[P, R]) -> Callable[P, R]:
    """A command under its old name: it says its new one, then does the same."""

    @wraps(command)
    def alias(*args: P.args, **kwargs: P.kwargs) -> R:
        told(old, new)
        return command(*args, **kwargs)

    return alias

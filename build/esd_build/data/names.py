"""Names that people type: the one that is known, or a message with the nearest."""

import difflib
from collections.abc import Iterable

from esd_build.data.errors import UsageError


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: what may have been meant, or what there is."""
    names = sorted(known)
    close = [one for one in names if one.casefold() == name.casefold()] or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there is: {', '.join(names)}" if names else "there is none"


def choose(name: str, known: Iterable[str], *, what: str) -> str:
    """Return `name` if it is among the known ones; raises UsageError with the nearest match otherwise."""
    names = list(known)
    if name not in names:
        raise UsageError(f"unknown {what} '{name}'; {nearest(name, names)}")
    return name

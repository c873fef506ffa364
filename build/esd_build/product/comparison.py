"""What differs between two builds of an image, file by file. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esd_build.product.contents import Entry

_KNOWN = (
    (re.compile(r"/etc/apt/sources\.list"), "names the Debian mirror that the builder used"),
    (re.compile(r"/\.singularity\.d/(labels\.json|Singularity|bootstrap_history/.*)"), "written by Apptainer: its version, the definition"),
    (re.compile(r"/opt/esd/(packages\.txt|apt\.lock)"), "other versions of Debian packages"),
    (re.compile(r".*\.pyc"), "bytecode; the source beside it is compared, too"),
)
"""Differences that are understood: path → why."""


@dataclass(frozen=True)
class Difference:
    """One file that is not the same: what differs (`missing`, `added`, or names of an entry's fields), and why where that is known."""

    path: str
    what: tuple[str, ...]
    reason: str | None

    def __str__(self) -> str:
        return f"{self.path}: {', '.join(self.what)}" + (f" ({self.reason})" if self.reason else "")


def compare(first: Mapping[str, Entry], second: Mapping[str, Entry]) -> Sequence[Difference]:
    """All differences, by path; none where the two are the same."""
    found = []
    for path in sorted(first.keys() | second.keys()):
        what = _what(first.get(path), second.get(path))
        if what:
            found.append(Difference(path, what, next((why for pattern, why in _KNOWN if pattern.fullmatch(path)), None)))
    return tuple(found)


def _what(first: Entry | None, second: Entry | None) -> tuple[str, ...]:
    if first is None:
        return ("added",)
    if second is None:
        return ("missing",)
    fields = ("mode", "owner", "size", "time", "content")
    return tuple(field for field in fields if getattr(first, field) != getattr(second, field))

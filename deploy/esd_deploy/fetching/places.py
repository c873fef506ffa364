"""Where each result goes in the run's folder. Names stay as they are if possible; otherwise the new name is reported. Pure."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

OWN = frozenset({"run.json", ".lock", ".record.lock"})
"""Names at the top of a run's folder that belong to esd-deploy."""
_OWN = re.compile(r"\.?run\.json(\.\d+\.part)?|\.(record\.)?lock(\.held(\..*)?)?")
CHANGED = ".changed"
"""Appended to the name of an input that the job changed: the original stays beside it, for `rerun`."""
_LONGEST = 255
"""Most bytes of one part of a path, on every common file system."""


def text(path: str) -> str:
    r"""A path of the site in a form for records: a byte that is not UTF-8 as `\xe9`."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def escaped(path: str) -> str:
    """The path with escapes like `%0A` for control characters and bytes that are not UTF-8."""
    return "/".join(_part(part) for part in path.split("/"))


def part_name(name: str) -> str:
    """The name of an incomplete file."""
    part = f".{name}.part"
    return part if len(os.fsencode(part)) <= _LONGEST else f".{_digest(name)}.part"


def is_own(path: str) -> bool:
    """Whether a place belongs to esd-deploy, or is in a folder of such a name, in any spelling that some disks treat as equal."""
    top = same(path.partition("/")[0])
    return top in OWN or _OWN.fullmatch(top) is not None


def _housed(path: str) -> str:
    """The path escaped, and never a file of esd-deploy."""
    place = escaped(path)
    top, slash, rest = place.partition("/")
    return f"{top}.result{slash}{rest}" if is_own(place) else place


def same(path: str) -> str:
    """The common form of all spellings that some disks treat as equal: by case, composition, or invisible characters."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", path) if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFKC", plain.casefold())


class Places:
    """Local names, none of them used twice: two names of the site may have the same escaped form."""

    def __init__(self, taken: Iterable[str]) -> None:
        """`taken`: names of sent files, which no result replaces on any disk."""
        self._taken = set(taken)
        self._sent = {same(path): path for path in self._taken}
        self._given: dict[str, str] = {}

    def of(self, path: str, *, changed: bool = False) -> str:
        """The place of a result, the same at each call. `changed`: an input that the job wrote to."""
        if path not in self._given:
            place = _housed(path)
            self._given[path] = self._free(f"{place}{CHANGED}" if changed else place)
        return self._given[path]

    def known(self, path: str) -> str:
        """The place of a path, used already or not."""
        return self._given.get(path, _housed(path))

    def _free(self, place: str) -> str:
        number, found = 1, place
        while found in self._taken or self._sent.get(same(found), found) != found:
            number += 1
            found = str(PurePosixPath(place).with_name(f"{PurePosixPath(place).name}~{number}"))
        self._taken.add(found)
        return found


def _part(part: str) -> str:
    safe = "".join(_character(one) for one in part)
    if len(os.fsencode(safe)) <= _LONGEST:
        return safe
    return os.fsencode(safe)[: _LONGEST - 20].decode("utf-8", errors="ignore") + "~" + _digest(part)


def _character(one: str) -> str:
    if one.isprintable() or (ord(one) > 0x9F and not 0xD800 <= ord(one) <= 0xDFFF):
        return one
    return "".join(f"%{byte:02X}" for byte in os.fsencode(one))


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]

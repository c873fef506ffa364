"""Where each result goes in the run's folder. Names stay as they are if possible; otherwise the new name is reported. Pure."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable

OWN = frozenset({"run.json", ".lock", ".record.lock"})
"""Names at the top of a run's folder that belong to esd-deploy."""
_OWN = re.compile(r"\.?run\.json(\.\d+\.part)?|\.(record\.)?lock(\.held(\.over|\..*\.\d+\.\d+)?)?")
_PART = re.compile(r"\..+\.part", re.DOTALL)
"""As `part_name` makes them, in every folder."""
_ODD = frozenset({"", ".", ".."})
_BESIDE = ".result"
"""Behind a result's name that is the client's own."""
CHANGED = ".changed"
"""Appended to the name of an input that the job changed: the original stays beside it, for `rerun`."""
_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the order of writing around: with one of them a program's name looks like that of a picture."""
_LONGEST = 255
"""Most bytes of one part of a path, on every common file system."""


def text(path: str) -> str:
    r"""A path of the site in a form for records: a byte that is not UTF-8 as `\xe9`."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def escaped(path: str) -> str:
    """The path with escapes like `%0A` for control characters, bytes that are not UTF-8, and what turns the order of writing around."""
    return "/".join(_part(part) for part in path.split("/"))


def part_name(name: str) -> str:
    """The name of an incomplete file."""
    part = f".{name}.part"
    return part if len(os.fsencode(part)) <= _LONGEST else f".{_digest(name)}.part"


def is_own(path: str) -> bool:
    """Whether a place belongs to esd-deploy, or is in a folder of such a name, in any spelling that some disks treat as equal."""
    top = same(path.partition("/")[0])
    return top in OWN or _OWN.fullmatch(top) is not None


def same(path: str) -> str:
    """The common form of all spellings that some disks treat as equal: by case, composition, or invisible characters."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", path) if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFKC", plain.casefold())


def fitted(name: str, end: str) -> str:
    """The name of a file with that end, no longer than a disk takes it."""
    if len(os.fsencode(name + end)) <= _LONGEST:
        return name + end
    digest = "~" + _digest(name)
    return os.fsencode(name)[: _LONGEST - len(digest) - len(end)].decode("utf-8", errors="ignore") + digest + end


class Places:
    """Local names, none of them used twice: two names of the site may have the same escaped form, or a folder the name of a sent file."""

    def __init__(self, taken: Iterable[str], *, alike: bool = False) -> None:
        """`taken`: names of what was sent, which no result replaces on any disk. `alike`: this disk makes no difference of case."""
        self._alike = alike
        self._sent = {same(path): path for path in taken}
        self._given = {path: path for path in self._sent.values()}
        self._folders = {folder: folder for path in self._given for folder in _above(path)}
        self._used = {self._key(place) for place in (*self._given, *self._folders)}
        self._taken = frozenset({*self._given, *self._folders})
        self._results: dict[str, str] = {}

    def of(self, path: str) -> str:
        """The place of a result; the same one each time it is asked for. What was sent stays where it is: the result is beside it.

        What is not the name of a file in this folder stays as it is, and is refused where it would be written.
        """
        if _ODD.intersection(path.split("/")):
            return path
        if path not in self._results:
            self._results[path] = self._free(*self._split(path), changed=path in self._taken)
        return self._results[path]

    def known(self, path: str) -> str:
        """Where a path was put, or would be."""
        known = self._results.get(path) or self._folders.get(path) or self._given.get(path)
        if known or not path:
            return known or path
        above, _, name = path.rpartition("/")
        return _joined(self.known(above), _housed(name, at_top=not above))

    def folder(self, path: str) -> str:
        """The place of a folder; one that holds something of what was sent is the same here."""
        if path and path not in self._folders:
            self._folders[path] = self._free(*self._split(path), changed=path in self._given)
        return self._folders[path] if path else ""

    def _split(self, path: str) -> tuple[str, str]:
        above, _, name = path.rpartition("/")
        return self.folder(above), _housed(name, at_top=not above)

    def _free(self, above: str, name: str, *, changed: bool) -> str:
        end = CHANGED if changed else ""
        number, place = 1, _joined(above, fitted(name, end))
        while self._key(place) in self._used or self._sent.get(same(place), place) != place:
            number += 1
            place = _joined(above, fitted(name, f"{end}~{number}"))
        self._used.add(self._key(place))
        return place

    def _key(self, place: str) -> str:
        return same(place) if self._alike else place


def _above(path: str) -> list[str]:
    """All folders that a path lies in."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _joined(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _housed(name: str, *, at_top: bool) -> str:
    """The name escaped, and beside the client's own files."""
    place = _part(name)
    ours = _PART.fullmatch(same(place)) or (at_top and is_own(place))
    return fitted(place, _BESIDE) if ours else place


def _part(part: str) -> str:
    return fitted("".join(_character(one) for one in part), "")


def _character(one: str) -> str:
    if one.isprintable() or (ord(one) > 0x9F and not 0xD800 <= ord(one) <= 0xDFFF and one not in _TURNING):
        return one
    return "".join(f"%{byte:02X}" for byte in os.fsencode(one))


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]

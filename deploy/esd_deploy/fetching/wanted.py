"""What to fetch from a job's folder, what to create here, and what cannot be fetched, with the reason. Pure."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from esd_deploy.backends import inventory
from esd_deploy.backends.connection import RemoteFile
from esd_deploy.backends.inventory import Entry, Inventory, is_plain
from esd_deploy.fetching.places import Places, text
from esd_deploy.plans.launch import is_image
from esd_deploy.plans.paths import shortest

# UNICORE's own files in a job's folder: the scripts that it and its TSI made, with a time in their names, the exit code and the numbers
# that they noted. A program's own `bss_submit_mine` is a result.
_HOUSEKEEPING = re.compile(
    r"\.UNICORE_[^/]*/.*|UNICORE_SCRIPT_(EXIT_CODE|PID)|UNICORE_ALLOCATION_ID|(UNICORE_Job|TSI_submit|bss_(submit|abort))_\d+"
)
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half a character, which no file's name has: Python writes a byte that is no UTF-8 as one of the others."""
# What the job's own scripts note for themselves (job/claim.sh, job/inventory.sh); where a service is, and its token (services/).
_NOTES = re.compile(r"esd/((originals|jobs|output|plain-names|service)(/.*)?|before\.list|claim|over|[^/]*\.part)")

HashName: TypeAlias = Literal["sha256", "sha1"]
WITH_CONTENT = frozenset({"file", "folder"})
"""Kinds with content, which is lost if they are not fetched; a pipe or a link to elsewhere has none."""


@dataclass(frozen=True)
class Wanted:
    """A file to fetch: its path at the site, its place in the run's folder, and its size in bytes and the site's hash if known."""

    path: str
    place: str
    size: int | None
    sha256: str | None = None
    sha1: str | None = None
    executable: bool = False
    unless: str | None = None
    """Drop the file if it has this hash: it is an input, and nobody noted whether the job changed it."""

    @property
    def noted(self) -> tuple[HashName, str] | None:
        """The best hash that the site noted: its kind and its hex digits."""
        if self.sha256 is not None:
            return "sha256", self.sha256
        return ("sha1", self.sha1) if self.sha1 is not None else None


@dataclass(frozen=True)
class Link:
    """A link to create here: its place, and its target relative to its own folder."""

    path: str
    place: str
    target: str


@dataclass(frozen=True)
class Problem:
    """An entry at the site that is not fetched. `lost`: it had content; a pipe or a link to elsewhere has none."""

    path: str
    size: int | None
    reason: str
    kind: str = "file"

    @property
    def lost(self) -> bool:
        return self.kind in WITH_CONTENT


@dataclass(frozen=True)
class Todo:
    """All of it."""

    files: tuple[Wanted, ...] = ()
    links: tuple[Link, ...] = ()
    folders: tuple[str, ...] = ()
    """Empty ones."""
    problems: tuple[Problem, ...] = ()


def wanted(files: Iterable[RemoteFile], staged: Iterable[str]) -> list[RemoteFile]:
    """The entries of a server's list that the job made: not sent files, the linked image, or notes of UNICORE and esd-deploy."""
    ours = set(staged)
    named = {one.path: one for one in map(_shortly_named, files)}
    return [named[path] for path in sorted(named) if path not in ours and not is_image(path) and not is_housekeeping(path)]


def _shortly_named(file: RemoteFile) -> RemoteFile:
    """The entry under its normal name: a server may write `./net.py`. An invalid name stays as it is and is refused later."""
    try:
        return replace(file, path=shortest(file.path))
    except ValueError:
        return replace(file, path=_HALF.sub("\N{REPLACEMENT CHARACTER}", file.path))


def is_housekeeping(path: str) -> bool:
    """Whether a file does not come from the program: by its name only, for jobs without notes."""
    return bool(_HOUSEKEEPING.fullmatch(path) or _NOTES.fullmatch(path))


def todo(
    listed: Iterable[RemoteFile], found: Inventory | None, sent: Mapping[str, str | None], *, ended: bool = True, alike: bool = False
) -> Todo:
    """What follows from a server's list and the job's inventory (None if the job did not reach its end).

    `sent`: the staged files: path → SHA-256, None for esd-deploy's own files, which never change. `alike`: this disk ignores case, as on
    most Macs.
    """
    places = Places(sent, alike=alike)
    if found is None:
        return _of_list(list(listed), sent, places, ended=ended)
    known = _of_inventory(found, sent, places)
    odd = {_blurred(path) for path in found.entries if not path.isprintable()}
    more = [
        file
        for file in wanted(listed, sent)
        if file.path not in found.entries and not found.is_behind_link(file.path) and not (file.problem and _told(file.path, found))
        if _blurred(file.path) not in odd
    ]
    rest = _of_list(more, {}, places, ended=ended)
    return Todo((*known.files, *rest.files), known.links, known.folders, (*known.problems, *rest.problems))


def _told(path: str, found: Inventory) -> bool:
    """Whether the inventory replaces the server's list of this folder: it names everything inside, or why nobody can know."""
    return path == "" or path in found.entries


def _blurred(path: str) -> str:
    """How servers write names that they cannot represent: `caf?.txt`, with various replacements."""
    return re.sub(r"(?:[^ -~]|\?)+", "?", path)


def _of_list(listed: list[RemoteFile], sent: Mapping[str, str | None], places: Places, *, ended: bool) -> Todo:
    problems = tuple(Problem(text(file.path), file.size, file.problem, file.kind) for file in listed if file.problem)
    plain = [file for file in listed if not file.problem]
    files = [Wanted(file.path, places.of(file.path), file.size, file.sha256, file.sha1) for file in wanted(plain, sent)]
    inputs = [file for file in plain if ended and sent.get(file.path)]
    files += [Wanted(file.path, places.of(file.path), file.size, sha1=file.sha1, unless=sent[file.path]) for file in inputs]
    return Todo(tuple(files), problems=problems)


def _of_inventory(found: Inventory, sent: Mapping[str, str | None], places: Places) -> Todo:
    results = [one for path, one in sorted(found.entries.items()) if not is_image(path) and not _NOTES.fullmatch(path)]
    problems = [Problem(text(one.path), _size(one), reason, one.kind) for one in results if (reason := inventory.why_not(one, found))]
    named = {one.path for one in problems}
    usable = [one for one in results if text(one.path) not in named]
    files = tuple(_wanted_of(one, found, places) for one in usable if one.kind == "file" and not _is_as_sent(one, found, sent))
    links = tuple(_links((one for one in usable if one.kind == "link"), found, places))
    folders = tuple(places.folder(path) for path in found.empty_folders() if not path.startswith("esd/"))
    return Todo(files, links, folders, tuple(problems))


def _is_as_sent(one: Entry, found: Inventory, sent: Mapping[str, str | None]) -> bool:
    """Whether it is the staged file; if the job could not read it, nothing shows a change."""
    return one.path in sent and (sent[one.path] is None or found.hashes.get(one.path) in {None, sent[one.path]})


def _wanted_of(one: Entry, found: Inventory, places: Places) -> Wanted:
    return Wanted(one.path, places.of(one.path), one.size, found.hashes.get(one.path), executable=int(one.mode, 8) & 0o100 != 0)


def _links(links: Iterable[Entry], found: Inventory, places: Places) -> Iterator[Link]:
    placed = [(one, places.of(one.path)) for one in links]  # one of them may lead to another
    for one, place in placed:
        leads_to = found.inside(one) or ""
        there = places.known(leads_to)
        exact = (place, there) == (one.path, leads_to) and is_plain(one.path, one.target)
        yield Link(one.path, place, one.target if exact else posixpath.relpath(there or ".", posixpath.dirname(place) or "."))


def _size(one: Entry) -> int | None:
    return one.size if one.kind == "file" else None

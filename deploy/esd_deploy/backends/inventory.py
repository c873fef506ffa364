"""The content of a job's folder at its end, as the job noted it (job/inventory.sh), and what follows for each entry. Pure.

The server's own list is not enough: it follows links, leaves out what it cannot read, and stops at a certain depth.
"""

import posixpath
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

LIST = "esd/results.list"
HASHES = "esd/results.sha256"
"""What job.sh writes at the end of a job: the hash of each result, as `sha256sum --zero` prints it."""
_ENTRY = re.compile(r"([!.]) (\S) (\S) ([0-9]{1,18}) ([0-7]{1,5}) \./(.+)", re.DOTALL)
_DEEPEST = 40
"""So many links on the way of one: as Linux has it."""
_KINDS = {"f": "file", "d": "folder", "l": "link", "p": "pipe", "s": "socket", "b": "device", "c": "device"}


@dataclass(frozen=True)
class Entry:
    """One entry of the folder. `size` in bytes; `path` may hold bytes that are not UTF-8, as surrogates."""

    path: str
    kind: str
    """file · folder · link · pipe · socket · device"""
    size: int = 0
    mode: str = "644"
    readable: bool = True
    target: str = ""
    """The target of a link."""


@dataclass(frozen=True)
class Inventory:
    """All entries by their path, and the folder that they are in."""

    root: str
    entries: Mapping[str, Entry]
    hashes: Mapping[str, str]
    """Path → SHA-256 in hex, of every file that could be read."""

    @cached_property
    def links(self) -> frozenset[str]:
        """The paths of all links."""
        return frozenset(path for path, one in self.entries.items() if one.kind == "link")

    def is_behind_link(self, path: str) -> bool:
        """Whether a path that the server lists leads through a link."""
        parents = path.split("/")[:-1]
        return any("/".join(parents[: depth + 1]) in self.links for depth in range(len(parents)))

    def inside(self, link: Entry) -> str | None:
        """The path that a link leads to, where it stays inside the job's folder; else None. The links on its way are followed."""
        top = self.root.strip("/").split("/")
        found = self._walked([*top, *link.path.split("/")[:-1]], link.target, top)
        return "/".join(found[len(top) :]) if found is not None and found[: len(top)] == top else None

    def _walked(self, at: list[str], target: str, top: list[str]) -> list[str] | None:
        """Where one gets from a folder, all parts from `/` on. None for ways that this list does not tell: outside, and in circles."""
        followed, waiting = 0, deque(_steps(target))
        while waiting:
            at = _stepped(at, waiting.popleft())
            inside = at[: len(top)] == top
            if not inside and at != top[: len(at)]:
                return None
            on_the_way = self.entries.get("/".join(at[len(top) :])) if inside and waiting else None
            if on_the_way is not None and on_the_way.kind == "link":
                followed, at = followed + 1, at[:-1]
                waiting.extendleft(reversed(_steps(on_the_way.target)))
            if followed > _DEEPEST:
                return None
        return at

    def empty_folders(self) -> list[str]:
        """Folders with nothing in them."""
        full = {posixpath.dirname(path) for path in self.entries}
        return sorted(path for path, one in self.entries.items() if one.kind == "folder" and one.readable and path not in full)


def parse(listed: bytes, hashes: bytes) -> Inventory:
    """Parse what job.sh wrote; skip every other line."""
    root, *fields = listed.decode("utf-8", errors="surrogateescape").split("\0")
    found = (_entry(line, target) for line, target in zip(fields[::2], fields[1::2], strict=False))
    return Inventory(root, {one.path: one for one in found if one}, parse_hashes(hashes))


def _steps(target: str) -> list[str]:
    return [*(["/"] if target.startswith("/") else []), *(part for part in target.split("/") if part not in {"", "."})]


def _stepped(at: list[str], step: str) -> list[str]:
    if step == "/":
        return []
    return at[:-1] if step == ".." else [*at, step]


def links(listed: bytes) -> frozenset[str]:
    """The paths of all links: below them a server would show the same files again."""
    return parse(listed, b"").links


def parse_hashes(content: bytes) -> dict[str, str]:
    """Path → SHA-256 in hex, from the output of `sha256sum --zero` for `./path`s."""
    lines = (line.partition("  ") for line in content.decode("utf-8", errors="surrogateescape").split("\0"))
    return {path.removeprefix("./"): digest for digest, _, path in lines if re.fullmatch(r"[0-9a-f]{64}", digest)}


def _entry(line: str, target: str) -> Entry | None:
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    mark, kind, _, size, mode, path = match.groups()
    return Entry(path, _KINDS.get(kind, "file"), int(size), mode, mark == ".", target)


def why_not(one: Entry, inventory: Inventory) -> str:
    """Why this entry cannot be fetched; empty if it can."""
    if not one.readable and one.kind in {"file", "folder"}:
        return f"the job left it with mode {one.mode}, so it cannot be read; `chmod` it in the script"
    if one.kind in {"pipe", "socket", "device"}:
        return f"a {one.kind}, which has no content that could be fetched"
    if one.kind == "link" and inventory.inside(one) is None:
        return f"a link that leads out of the job's folder, to {one.target}; it is not followed"
    return ""


def is_plain(link: str, target: str) -> bool:
    """Whether a link's text means the same in a copy of the tree: it leads up, no further than the top, and then down."""
    parts = target.split("/")
    up = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and up <= link.count("/") and ".." not in parts[up:]

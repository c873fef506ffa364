"""The content of a job's folder at its end, as the job noted it (job/inventory.sh), and what follows for each entry. Pure.

The server's own list is not enough: it follows links, leaves out what it cannot read, and stops at a certain depth.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

LIST = "esd/results.list"
HASHES = "esd/results.sha256"
"""What job.sh writes at the end of a job: the hash of each result, as `sha256sum --zero` prints it."""
_ENTRY = re.compile(r"([!.]) (\S) (\S) (\d+) (\d+) \./(.+)", re.DOTALL)
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
        """A link's target relative to the link's own folder, if it stays inside the job's folder; else None."""
        here = posixpath.dirname(f"{self.root}/{link.path}")
        leads_to = posixpath.normpath(posixpath.join(here, link.target))
        if leads_to == self.root or leads_to.startswith(f"{self.root}/"):
            return posixpath.relpath(leads_to, here) if link.target.startswith("/") else link.target
        return None

    def empty_folders(self) -> list[str]:
        """Folders with nothing in them."""
        full = {posixpath.dirname(path) for path in self.entries}
        return sorted(path for path, one in self.entries.items() if one.kind == "folder" and one.readable and path not in full)


def parse(listed: bytes, hashes: bytes) -> Inventory:
    """Parse what job.sh wrote; skip every other line."""
    root, *fields = listed.decode("utf-8", errors="surrogateescape").split("\0")
    found = (_entry(line, target) for line, target in zip(fields[::2], fields[1::2], strict=False))
    return Inventory(root, {one.path: one for one in found if one}, parse_hashes(hashes))


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

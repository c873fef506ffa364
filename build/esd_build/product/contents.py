"""What is inside a SIF file: each file's kind, owner, time, size and content, read with squashfs-tools, without starting the image."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from esd_build.data.errors import ToolError
from esd_build.tools import sif
from esd_build.tools.handover import reachable
from esd_build.tools.process import Account, run

_LINE = re.compile(r"(?P<mode>[-dlcbps][-rwxsStT]{9}) (?P<owner>\d+/\d+) +(?P<size>\d+(, *\d+)?) \S+ \S+ squashfs-root(?P<path>.*)")


@dataclass(frozen=True)
class Entry:
    """One file: `mode` as `ls -l` writes it, `owner` is `uid/gid`, `content` the SHA-256 of a file or the target of a link.

    `time` is the last change, in seconds since 1970; None if only a listing was read.
    """

    mode: str
    owner: str
    size: str
    time: int | None
    content: str


@dataclass(frozen=True)
class Reader:
    """Reads images as one account; the root file system of an image belongs to no account of this machine."""

    account: Account

    def listing(self, image: Path) -> Mapping[str, Entry]:
        """Path → entry, without the content of files."""
        lines: list[str] = []
        self._unsquashfs(image, ("-lln",), lines)
        return dict(found for line in lines if (found := _entry(line)))

    def unpack(self, image: Path, folder: Path, only: Sequence[str] = ()) -> Path:
        """The files of an image (all of them, or those that match) below a new folder; devices are left out."""
        self._unsquashfs(image, ("-quiet", "-no-progress", "-no-xattrs", "-ignore-errors", "-dest", str(folder)), [], only)
        return folder

    def entries(self, image: Path, folder: Path) -> Mapping[str, Entry]:
        """Path → entry with content; unpacks the image into a new folder."""
        self.unpack(image, folder)
        return {path: _with_content(entry, folder / path.lstrip("/")) for path, entry in self.listing(image).items()}

    def _unsquashfs(self, image: Path, options: Sequence[str], lines: list[str], only: Sequence[str] = ()) -> None:
        offset = sif.root_file_system(image).offset
        with reachable(self.account, (image,)) as (file,):
            argv = ("unsquashfs", *options, "-offset", str(offset), str(file), *only)
            finished = run(argv, account=self.account, environment={"TZ": "UTC"}, cwd=Path("/"), on_line=lines.append, keep_lines=20)
        if finished.returncode not in {0, 2}:  # 2: something that is not fatal, such as a device that an ordinary user cannot make
            raise ToolError(f"{image} is unreadable, perhaps damaged; `make image` builds it again:\n{finished.text}")


def _entry(line: str) -> tuple[str, Entry] | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    path, _, target = found["path"].partition(" -> ") if found["mode"].startswith("l") else (found["path"], "", "")
    return path or "/", Entry(found["mode"], found["owner"], found["size"], None, target)


def _with_content(entry: Entry, path: Path) -> Entry:
    """What only the unpacked file tells; a device is not there."""
    if not os.path.lexists(path):
        return entry
    entry = replace(entry, time=int(path.lstat().st_mtime))
    if not entry.mode.startswith("-"):
        return entry
    with path.open("rb") as file:
        return replace(entry, content=hashlib.file_digest(file, "sha256").hexdigest())

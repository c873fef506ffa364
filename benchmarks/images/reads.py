"""What a start reads of an image's file.

    unshare --mount python benchmarks/images/reads.py IMAGE.sif…      (root; strace, squashfuse_ll)

Each start has a mount of its own by squashfuse_ll, as Apptainer makes it for users, and runs there by chroot: no page of it is in memory.
Prints a row for each image and program: calls of pread64 and their bytes; of them, those that met a page for the first time, which a file
system must answer, and the bytes of all different pages.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.tools import sif

NETWORK = "import nest; cells = nest.Create('iaf_psc_alpha', 100); nest.Connect(cells, cells); nest.Simulate(100.0)"
PROGRAMS = {
    "`true`": ("/bin/true",),
    "the first line of Python": ("python3", "-c", "pass"),
    "`import nest`": ("python3", "-c", "import nest"),
    "`import pyNN.nest`": ("python3", "-c", "import pyNN.nest"),
    "a network of 100 neurons": ("python3", "-c", NETWORK),
}
INSIDE = ("env", "-i", "PATH=/opt/nest/bin:/usr/bin:/bin", "PYTHONNOUSERSITE=1", "LC_ALL=C.UTF-8", "HOME=/tmp")
PAGE = 4096
_READ = re.compile(r"pread64\(\d+, .*, \d+, (\d+)\) += (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Reads:
    """Of one start: calls and their bytes; calls that met a new page, and the bytes of all pages."""

    calls: int
    read: int
    new: int
    different: int

    @classmethod
    def of(cls, trace: str) -> "Reads":
        """From what strace wrote."""
        found = [(int(offset), int(got)) for offset, got in _READ.findall(trace)]
        pages: set[int] = set()
        new = 0
        for offset, got in found:
            before = len(pages)
            pages.update(range(offset // PAGE, -(-(offset + got) // PAGE)))
            new += len(pages) > before
        return cls(len(found), sum(got for _, got in found), new, len(pages) * PAGE)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The image's files below a folder; what the mount reads is in `trace` beside it once it is gone."""
    (root := folder / "root").mkdir()
    offset = sif.root_file_system(image).offset
    trace = ("strace", "-f", "-s", "0", "-e", "trace=pread64", "-o", str(folder / "trace"))
    mount = subprocess.Popen((*trace, "squashfuse_ll", "-f", "-o", f"ro,offset={offset}", str(image), str(root)))
    try:
        while not root.is_mount():
            if mount.poll() is not None:
                sys.exit(f"{image}: squashfuse_ll ended with {mount.returncode}")
            time.sleep(0.02)
        for name in ("proc", "sys", "dev", "tmp"):
            _run("mount", "--bind", f"/{name}", str(root / name))
        yield root
    finally:
        _run("umount", "--recursive", "--lazy", str(root))
        mount.wait()


def reads(image: Path, program: tuple[str, ...]) -> Reads:
    """Of one start of a program in an image."""
    with tempfile.TemporaryDirectory() as folder:
        with mounted(image, Path(folder)) as root:
            _run("chroot", str(root), *INSIDE, *program)
        return Reads.of((Path(folder) / "trace").read_text())


def main() -> None:
    """A table in Markdown."""
    print("| image | program | reads | MB read | reads of new pages | MB of different pages |\n|---|---|---|---|---|---|")
    for word in sys.argv[1:]:
        for name, program in PROGRAMS.items():
            found = reads(Path(word).resolve(), program)
            numbers = f"{found.calls} | {found.read / 1e6:.1f} | {found.new} | {found.different / 1e6:.1f}"
            print(f"| {Path(word).name} | {name} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()

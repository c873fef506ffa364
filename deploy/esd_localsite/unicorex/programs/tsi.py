"""UNICORE's own TSI, the program that acts as the users: from an archive or a folder, else from its public repository."""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import make_folder, whole_folder, write
from esd_localsite.state.repositories import Repository
from esd_localsite.unicorex.programs.listing import problems, read_list

_HERE = Path(__file__).parent
PINNED = "10.1.3"
_TOO_NEW = (10, 2)
"""From here on the server of `pom.xml` fails at each command on the login node ("Could not read PID file")."""
_MARK = "__VERSION__"
_LARGEST = 2**20
_SOURCE = re.compile(r"(?:^|/)(lib/\w+\.py|slurm/BSS\.py|CHANGES\.md)$")


REPOSITORY = Repository(
    url="https://github.com/UNICORE-EU/tsi",
    commit="c522894cfbc4e7e0d7cdc4b2253c774bbb6b6b43",
    what="UNICORE's TSI",
    advice="give the TSI with --tsi ARCHIVE or --tsi FOLDER",
)
"""The repository and commit of the pinned version."""


def install_tsi(
    given: Path | None, store: Path, target: Path, progress: Callable[[str], None], repository: Repository | None = None
) -> str:
    """Put the TSI for Slurm into `target`, ready to run; returns its version.

    `given`: an archive or a folder; None: the pinned version, fetched once and kept in `store`.
    Raises LocalSiteError if it cannot be fetched, is not a TSI, or does not fit the server.
    """
    if given is not None:
        with opened(given) as folder:
            return assemble(folder, target, version_of(folder, given))
    pinned = store / f"tsi-{PINNED}"
    if not pinned.is_dir() or differences(pinned):
        progress(f"fetching UNICORE's TSI {PINNED} (once)")
        fetch(pinned, repository or REPOSITORY)
    return assemble(pinned, target, PINNED)


def assemble(folder: Path, target: Path, version: str) -> str:
    """What the TSI's own installer does: copies the library, replaces general files by Slurm's variant, and fills in the version."""
    library = {path.name: path for path in (folder / "lib").glob("*.py")}
    library["BSS.py"] = folder / "slurm" / "BSS.py"
    shutil.rmtree(target, ignore_errors=True)
    make_folder(target)
    for name, path in library.items():
        write(target / name, path.read_text().replace(_MARK, version) if name == "TSI.py" else path.read_bytes())
    return version


def differences(folder: Path) -> tuple[str, ...]:
    """The differences between the sources and the pinned ones, in words."""
    return problems(folder, read_list((_HERE / "tsi.sha256").read_text()), _sources(folder))


def version_of(folder: Path, given: Path) -> str:
    """The version of sources that the user named. Raises LocalSiteError if the server cannot work with them."""
    if not (folder / "lib" / "TSI.py").is_file() or not (folder / "slurm" / "BSS.py").is_file():
        raise LocalSiteError(f"--tsi {given}: this is not a TSI: it lacks lib/TSI.py or slurm/BSS.py")
    if not differences(folder):
        return PINNED
    changes = folder / "CHANGES.md"
    told = re.search(r"^Version (\d+\.\d+\.\d+)", changes.read_text(errors="replace"), re.MULTILINE) if changes.is_file() else None
    if told is None:
        raise LocalSiteError(f"--tsi {given}: it has no CHANGES.md that names its version, which the server needs. Tested: {PINNED}")
    if tuple(map(int, told[1].split(".")))[:2] >= _TOO_NEW:
        raise LocalSiteError(f"--tsi {given}: TSI {told[1]} does not work with UNICORE/X 2.9.0, which needs one before 10.2; use {PINNED}")
    return told[1]


@contextmanager
def opened(given: Path) -> Iterator[Path]:
    """The sources' folder, unpacked if need be. Raises LocalSiteError."""
    if given.is_dir():
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="esd-tsi-") as temporary:
        try:
            with tarfile.open(given) as archive:
                _unpack(archive, Path(temporary))
        except (OSError, tarfile.TarError) as error:
            raise LocalSiteError(f"--tsi {given}: this is neither a readable tar archive nor a folder: {error}") from error
        yield Path(temporary)


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack only ordinary files among the sources; ignore everything else in the archive."""
    for member in archive:
        match = _SOURCE.search(member.name)
        if match and member.isfile() and member.size <= _LARGEST:
            stream = archive.extractfile(member)
            target = folder / match[1]
            make_folder(target.parent)
            target.write_bytes(stream.read() if stream else b"")


def fetch(target: Path, repository: Repository) -> None:
    """Fetch the pinned commit into `target`, completely or not at all; check each file. Raises LocalSiteError."""
    with whole_folder(target) as clone:
        repository.fetch(clone)
        found = differences(clone)
        if found:
            raise LocalSiteError(
                f"{repository.url} has another TSI under commit {repository.commit}: {', '.join(found[:4])}; nothing was kept"
            )


def _sources(folder: Path) -> list[str]:
    """The files of a TSI for Slurm."""
    return [
        *(f"lib/{path.name}" for path in (folder / "lib").glob("*.py")),
        *(["slurm/BSS.py"] if (folder / "slurm" / "BSS.py").is_file() else []),
    ]

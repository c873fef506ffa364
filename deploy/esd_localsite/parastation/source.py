"""ParaStation Management's source: an archive or a folder, else its public repository; known by the hash of its files."""

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import make_folder
from esd_localsite.state.repositories import Repository

REPOSITORY = Repository(
    url="https://github.com/ParaStation/psmgmt",
    commit="c4fcc57c85cc973be1fb2fa45c011fd5f2b1ed26",
    what="ParaStation Management",
    advice="give its source with --psmgmt ARCHIVE or --psmgmt FOLDER",
)
PINNED = "0420c6d7d1ad0c8b12cc401b133ef98d25abaf51761815c75fc5420cd41f0931"
"""The hash of that commit's files."""
_MOST_FILES = 20_000
_MOST_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Source:
    """An unpacked source, and the hash of its files."""

    folder: Path
    hash: str


@contextmanager
def opened(given: Path | None, accepted: str | None, progress: Callable[[str], None]) -> Iterator[Source]:
    """The source in a folder that ends with the context.

    `given`: an archive or a folder; None: the pinned commit is fetched. `accepted`: the hash of its files; None: the pinned one.
    Raises LocalSiteError for a source that cannot be read or fetched, that is something else, or whose files have another hash.
    """
    with tempfile.TemporaryDirectory(prefix="esd-psmgmt-") as temporary:
        folder = Path(temporary) / "psmgmt"
        make_folder(folder)
        if given is None:
            progress(f"fetching ParaStation Management {REPOSITORY.commit[:7]} (once)")
            REPOSITORY.fetch(folder)
        else:
            _copy(given, folder)
        yield _checked(folder, given, accepted or PINNED)


def _checked(folder: Path, given: Path | None, wanted: str) -> Source:
    name = f"--psmgmt {given}" if given else REPOSITORY.url
    for part in ("configure", "plugins/psslurm/src/psslurm/psslurm.c", "plugins/pspmix/slurm/mpi_pspmix.c"):
        if not (folder / part).is_file():
            raise LocalSiteError(f"{name}: this is not the source of ParaStation Management: it lacks {part}")
    found = files_hash(folder)
    if found != wanted:
        raise LocalSiteError(
            f"{name}: its files have the hash {found}; expected is {wanted}, and nothing was built. "
            f"To build and run this source as root all the same, say so: --psmgmt-hash {found}"
        )
    return Source(folder, found)


def files_hash(folder: Path) -> str:
    """The SHA-256 over path, right to execute and content of all ordinary files but git's own, in hexadecimal digits.

    An archive, a folder and a clone of the same commit have the same; the archive's packing and dates do not count.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix()):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{content} {'x' if path.stat().st_mode & 0o100 else '-'} {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts:
            yield path


def _copy(given: Path, target: Path) -> None:
    """Copy the ordinary files of an archive or a folder, nothing else."""
    if given.is_dir():
        for path in _files(given):
            copy = target / path.relative_to(given)
            make_folder(copy.parent)
            shutil.copyfile(path, copy)
            copy.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        return
    try:
        with tarfile.open(given) as archive:
            _unpack(archive, given, target)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise LocalSiteError(f"--psmgmt {given}: this is neither a readable tar archive nor a folder: {error}") from error


def _unpack(archive: tarfile.TarFile, given: Path, target: Path) -> None:
    """Unpack the ordinary files below the archive's one folder."""
    size = count = 0
    for member in archive:
        if not member.isfile():
            continue
        parts = PurePosixPath(member.name).parts
        size, count = size + member.size, count + 1
        if size > _MOST_BYTES or count > _MOST_FILES:
            raise LocalSiteError(f"--psmgmt {given}: it unpacks to more than {_MOST_BYTES // 2**20} MB or {_MOST_FILES} files")
        if len(parts) < 2 or ".." in parts or parts[0] == "/" or ".git" in parts:
            continue
        stream, path = archive.extractfile(member), target.joinpath(*parts[1:])
        make_folder(path.parent)
        path.write_bytes(stream.read() if stream else b"")
        path.chmod(0o755 if member.mode & 0o100 else 0o644)

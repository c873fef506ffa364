"""Fetches a job's files: each whole, checked, resumed where a download broke off, and never outside the run's folder."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying

from esd_build.data.errors import ToolError
from esd_build.net.answers import gathered, printable
from esd_deploy.backends import inventory
from esd_deploy.backends.connection import AwayError, Connection, ConnectionLostError, GoneError, RefusedError, RemoteFile
from esd_deploy.backends.inventory import Inventory, parse_hashes
from esd_deploy.display.progress import Moving
from esd_deploy.fetching.download import DifferentError, DiskError, download
from esd_deploy.fetching.folder import clear, is_alike, make_folder, make_link, make_way, target
from esd_deploy.fetching.places import part_name, same, text
from esd_deploy.fetching.wanted import Problem, Wanted, todo, wanted
from esd_deploy.records.record import FileRecord, MissingRecord

__all__ = ["MANIFEST", "Fetched", "fetch", "parse_manifest", "target", "wanted"]

MANIFEST = inventory.HASHES
parse_manifest = parse_hashes
_AT_ONCE = 4
_TRIES = 5
"""How often in a row one path may fail while the site answers everything else."""
_DIFFERENT = 2
"""How often a file may arrive whole with another hash than the site noted: a third time would bring the same."""
_LISTS = 3
_MOST_BYTES = 64 * 1024**2
"""Most bytes of the job's notes about its folder: 200 bytes a file, for more files than a server lists."""
T = TypeVar("T")


@dataclass(frozen=True)
class Fetched:
    """The fetched files, and the missing ones with the reason."""

    files: tuple[FileRecord, ...]
    missing: tuple[MissingRecord, ...]


def outdated(earlier: Iterable[FileRecord], fetched: Fetched) -> list[str]:
    """The places of files of an earlier fetch that are no longer in the job's folder. One that just did not come this time may be."""
    came = {same(one.path) for one in fetched.files}
    failed = tuple(f"{one.path}/" for one in fetched.missing if one.lost)
    if "/" in failed:  # the job's folder itself was not listed
        return []
    return [one.path for one in earlier if same(one.path) not in came and not f"{one.origin or one.path}/".startswith(failed)]


@dataclass(frozen=True)
class _Job:
    """A job whose site gets time to recover."""

    connection: Connection
    url: str
    retry: Retrying
    notice: Callable[[str], None]
    """Receives messages about slow steps."""

    def persistently(self, ask: Callable[[], T], progress: Callable[[], int] = lambda: 0) -> T:
        """The answer about one path. Raises PathError if only this path fails, the site's own error if it is lost or refuses the login.

        After each failure it asks about the job itself, to tell one case from the other.
        A download that gets further each time may fail more often.
        """
        attempt, different, before = 0, 0, progress()
        while True:
            try:
                return ask()
            except AwayError:
                return self.retry(ask)
            except (ConnectionLostError, RefusedError, GoneError) as error:
                self.retry(self.connection.state, self.url)
                furthest = max(before, progress())
                attempt = attempt + 1 if furthest == before else 1
                before = furthest
                different += isinstance(error, DifferentError)
                final = isinstance(error, GoneError) or (isinstance(error, RefusedError) and attempt > 1)
                if final or attempt >= _TRIES or different >= _DIFFERENT:
                    raise PathError(_reason(error)) from error
            self.retry.sleep(min(10.0, 0.2 * 3 ** (attempt - 1)))

    def bytes_of(self, path: str) -> bytes:
        """The content of a small file."""

        def read() -> bytes:
            with self.connection.read(self.url, path) as pieces:
                return gathered(pieces, f"{self.url}: {path}", _MOST_BYTES)

        return self.persistently(read)


class PathError(ToolError):
    """One path cannot be fetched, although the site answers."""


def _reason(error: ToolError) -> str:
    if isinstance(error, GoneError):
        return f"the site no longer has it: {error}"
    if isinstance(error, DifferentError):
        return f"{error}; fetched {_DIFFERENT} times; tell the site's support, and do not use a copy that you get in another way unchecked"
    return "the site does not let you read it" if isinstance(error, RefusedError) else str(error)


def fetch(  # noqa: PLR0913 - the first five as they always were
    connection: Connection,
    job: str,
    folder: Path,
    staged: Iterable[str],
    retry: Retrying,
    *,
    sent: Mapping[str, str] | None = None,
    ended: bool = True,
    notice: Callable[[str], None] = lambda _text: None,
) -> Fetched:
    """Download all results into `folder`. A file appears under its name only when it is whole; files that are here already stay.

    `sent`: SHA-256 (hex) of the staged inputs, to notice those that the job changed. A file that cannot be fetched does not stop the
    others. Raises ToolError if the site is lost, or this disk is full.
    """
    asked, staged = _Job(connection, job, retry, notice), tuple(staged)
    listed, found = _look(asked)
    plan = todo(listed, found, {**dict.fromkeys(staged), **(sent or {})}, ended=ended, alike=is_alike(folder))
    _require_space(plan.files, folder)
    clear(folder, [one.place for one in plan.files], plan.folders, [one.place for one in plan.links])
    make_way(folder, plan.links, staged)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        came = list(pool.map(lambda file: _bring(asked, file, folder, ended=ended), plan.files))
    made = [*(make_folder(folder, one) for one in plan.folders), *(make_link(folder, one) for one in plan.links)]
    problems = [one for one in (*plan.problems, *came, *made) if isinstance(one, Problem)]
    return Fetched(
        tuple(one for one in came if isinstance(one, FileRecord)),
        tuple(MissingRecord(path=printable(one.path), size=one.size, reason=printable(one.reason), kind=one.kind) for one in problems),
    )


def _look(asked: _Job) -> tuple[list[RemoteFile], Inventory | None]:
    """The server's list of files, and the job's notes about them. Asks again for folders that the server could not list."""
    for attempt in range(_LISTS):
        listed = list(asked.retry(asked.connection.files, asked.url))
        if not any(file.problem for file in listed):
            break
        asked.retry.sleep(0.2 * 3**attempt)
    names = {file.path for file in listed}
    if MANIFEST not in names:
        return listed, None
    if inventory.LIST in names:
        return listed, inventory.parse(asked.bytes_of(inventory.LIST), asked.bytes_of(MANIFEST))
    hashes = parse_hashes(asked.bytes_of(MANIFEST))  # a job of an older esd-deploy
    return [replace(file, sha256=hashes.get(file.path)) for file in listed], None


def _bring(asked: _Job, file: Wanted, folder: Path, *, ended: bool) -> FileRecord | Problem | None:
    try:
        place = target(folder, file.place)
        part = place.with_name(part_name(place.name))

        def came() -> tuple[int, str]:
            return download(asked.connection, asked.url, file, place, Moving(asked.notice, f"fetching {text(file.path)}", file.size or 0))

        size, digest = asked.persistently(came, lambda: _length(part))
    except (DiskError, ConnectionLostError, GoneError, RefusedError):
        raise
    except ToolError as error:
        vanished = not ended and isinstance(error.__cause__, GoneError)
        return Problem(text(file.path), file.size, str(error), "vanished" if vanished else "file")
    if file.unless == digest:
        place.unlink()
        return None
    origin = text(file.path) if file.place != file.path else None
    by = file.noted[0] if file.noted else None
    return FileRecord(path=file.place, size=size, sha256=digest, checked=by is not None, checked_by=by, origin=origin)


def _length(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _is_here(folder: Path, path: str) -> bool:
    try:
        return target(folder, path).is_file()
    except ToolError:
        return False


def _require_space(files: Iterable[Wanted], folder: Path) -> None:
    needed = sum(file.size or 0 for file in files if not _is_here(folder, file.place))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ToolError(
            f"the results need {needed / 1e6:,.0f} MB, but {folder} has {free / 1e6:,.0f} MB free; make room, then `esd-deploy fetch`"
        )

"""The files that a lock is built from, and a mirror of them: a folder in Spack's own layout, for machines without a network."""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from esd_build.building.stage import file_hash
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import whole
from esd_build.providers.spack.sources import index
from esd_build.providers.spack.sources.accepted import Accepted
from esd_build.providers.spack.workshop.tool import CACHE, Spack
from esd_build.tools.process import Finished

LISTER = Path(__file__).parents[1] / "inside" / "list_sources.py"
MIRROR = "mirror"
_TIMEOUT_S = 30.0
# How recipes name a file on the package index: kind, first letter, project, file.
_ON_INDEX = re.compile(r"/packages/(?:source|py\d[^/]*)/[^/]/([^/]+)/[^/]+$")
_AT_ONCE = 4


@dataclass(frozen=True)
class Source:
    """One file: where Spack looks for it in a mirror (`path`), and where it comes from.

    `index` is the project's name on the package index, empty if it is not from there. Without a `url` it is a commit of a git
    repository.
    """

    package: str
    version: str
    hash: str
    path: str
    url: str
    sha256: str
    index: str

    def __str__(self) -> str:
        return f"{self.package}@{self.version}"


@dataclass(frozen=True)
class Missing:
    """A source that a mirror lacks, and why it could not be had."""

    source: Source
    why: str

    def __str__(self) -> str:
        return f"{self.source}: {self.why}"


def listed(spack: Spack, environment: str) -> tuple[Source, ...]:
    """All sources of an environment's lock, as Spack's recipes name them."""
    (spack.work / LISTER.name).write_text(LISTER.read_text())
    return parsed(spack("python", f"/work/{LISTER.name}", environment=environment))


def parsed(finished: Finished) -> tuple[Source, ...]:
    """Read what the script in the image printed; raises ToolError with Spack's own words where it failed."""
    for line in finished.tail:
        if line.startswith("SOURCES "):
            return tuple(found for entry in json.loads(line.removeprefix("SOURCES ")) if (found := _source(entry)))
    raise ToolError("Spack could not list the sources of the lock:\n" + "\n".join(finished.tail[-15:]))


def _source(entry: Mapping[str, str]) -> Source | None:
    """None for what lies in Spack's package repository itself, and so needs no mirror."""
    if entry["url"].startswith("file:"):
        return None
    on_index = _ON_INDEX.search(entry["url"])
    return Source(**{**entry, "index": entry["index"] or (on_index[1] if on_index else "")})


def as_accepted(sources: Iterable[Source], checksums: Mapping[str, str]) -> tuple[Source, ...]:
    """The sources with the checksums of the files that were accepted in place of some (`accepted.checksums`)."""
    return tuple(with_checksum(source, checksums[source.sha256]) if source.sha256 in checksums else source for source in sources)


def with_checksum(source: Source, sha256: str) -> Source:
    """The source as another file: Spack looks for it under its checksum, `archive/ab/abc….tar.gz`."""
    path = source.path.replace(f"{source.sha256[:2]}/{source.sha256}", f"{sha256[:2]}/{sha256}")
    return replace(source, sha256=sha256, path=path)


def bring(file: Path, sources: Sequence[Source], mirror: Path, *, named: str | None, accept: str | None) -> Accepted | None:
    """Put a file that somebody brought into a mirror, as the source whose checksum it has.

    `named` (`package@version`) says which source it is to be. A file with another checksum than its recipe's is refused, unless `accept`
    is the file's own; then what was accepted is returned, to be noted. Raises UsageError, with what to do.
    """
    found = file_hash(file)
    source = next((one for one in sources if one.sha256 == found), None)
    if source is None:
        source = _named(named, [one for one in sources if one.sha256])
        _require_acceptance(file, found, source, accept)
    target = mirror / with_checksum(source, found).path
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as part:
        shutil.copyfile(file, part)
    return None if source.sha256 == found else Accepted(package=source.package, version=source.version, recipe=source.sha256, sha256=found)


def _named(name: str | None, sources: Sequence[Source]) -> Source:
    if name is None:
        wanted = ", ".join(str(source) for source in sources) or "none"
        raise UsageError(f"the file's checksum fits no source; name the source with --as PACKAGE@VERSION (needed: {wanted})")
    for source in sources:
        if str(source) == name:
            return source
    raise UsageError(f"the lock needs no source {name}; it needs: {', '.join(map(str, sources))}")


def _require_acceptance(file: Path, found: str, source: Source, accept: str | None) -> None:
    if accept == found:
        return
    told = f"{file} has the checksum {found}, the recipe of {source} wants {source.sha256}"
    if accept is not None:
        raise UsageError(f"{told}; --accept-checksum names {accept}, which is neither of them")
    raise UsageError(
        f"{told} ({source.url}). "
        f"For an image of this machine, which cannot be published and says so: --as {source} --accept-checksum {found}"
    )


def absent(sources: Iterable[Source], mirror: Path) -> tuple[Source, ...]:
    """The sources that are not in a mirror. Files with another content than the recipe says count as absent."""
    return tuple(source for source in sources if not _is_there(source, mirror))


def fill(spack: Spack, sources: Iterable[Source], mirror: Path, say: Callable[[str], None]) -> tuple[Missing, ...]:
    """Fetch what a mirror lacks, and say what could not be had. What is there is kept: an interrupted run goes on."""
    wanted = absent(sources, mirror)
    files, commits = [s for s in wanted if s.url], [s for s in wanted if not s.url]

    def one(source: Source) -> Missing | None:
        why = _fetch(source, mirror)
        say(f"    {source}{f': {why}' if why else ''}")
        return Missing(source, why) if why else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        missing = [found for found in pool.map(one, files) if found]
    return (*missing, *(found for source in commits if (found := _commit(spack, source, mirror))))


def _is_there(source: Source, mirror: Path) -> bool:
    path = mirror / source.path
    return path.is_file() and (not source.sha256 or file_hash(path) == source.sha256)


def _fetch(source: Source, mirror: Path) -> str:
    """Fetch one file, from the package index where it is from there; returns why it is missing, or nothing."""
    if not source.sha256:
        return "its recipe has no checksum"
    try:
        url = index.address(source.index, source.sha256) if source.index else None
    except ToolError as error:
        return str(error)
    if source.index and url is None and "/packages/" in source.url:
        return "the package index has no file with the recipe's checksum"
    target = mirror / source.path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole(target) as part:
            _download(url or source.url, part)
            _require(file_hash(part), source)
    except ToolError as error:
        return str(error)
    except (httpx.HTTPError, OSError) as error:
        return f"{source.url} cannot be reached ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    return ""


def _require(found: str, source: Source) -> None:
    """Raises ToolError if what came is not what the recipe wants."""
    if found != source.sha256:
        raise ToolError(f"checksum {found[:12]}…, its recipe says {(source.sha256 or '')[:12]}… ({source.url})")


def _download(url: str, target: Path) -> None:
    if url.startswith("file://"):
        target.write_bytes(Path(url.removeprefix("file://")).read_bytes())
        return
    with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT_S) as response:
        response.raise_for_status()
        with target.open("wb") as file:
            for chunk in response.iter_bytes(1024**2):
                file.write(chunk)


def _commit(spack: Spack, source: Source, mirror: Path) -> Missing | None:
    """Git repositories are Spack's to fetch: it knows how it wants them packed."""
    finished = spack("mirror", "create", "--directory", f"{CACHE}/{MIRROR}", f"/{source.hash}")
    if finished.returncode == 0 and (mirror / source.path).exists():
        return None
    errors = [line for line in finished.tail if "rror" in line] or ["Spack says nothing"]
    return Missing(source, f"its git repository cannot be reached ({errors[-1].strip()[:160]})")

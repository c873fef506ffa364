"""Before a build: which of its sources this machine has, and which it cannot fetch. Asks the addresses, fetches nothing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from esd_build.data.errors import ToolError
from esd_build.providers.spack.sources import index
from esd_build.providers.spack.sources.mirror import Missing, Source, absent

_TIMEOUT_S = 5.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Outlook:
    """The sources of an image: how many there are, how many the mirror has, and those that cannot be fetched."""

    total: int
    here: int
    unreachable: tuple[Missing, ...]

    def __str__(self) -> str:
        text = f"{self.here} of {self.total} in the mirror"
        if not self.unreachable:
            return f"{text}, the rest can be fetched" if self.here < self.total else text
        return "\n".join((f"{text}; {len(self.unreachable)} cannot be fetched:", *(f"  {one}" for one in self.unreachable)))


def outlook(sources: Sequence[Source], mirror: Path) -> Outlook:
    """Ask for what the mirror lacks: the package index for its own files, each other host for one answer."""
    wanted = absent(sources, mirror)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        reasons = list(pool.map(_obstacle, wanted))
    found = tuple(Missing(source, why) for source, why in zip(wanted, reasons, strict=True) if why)
    return Outlook(len(sources), len(sources) - len(wanted), found)


def _obstacle(source: Source) -> str:
    """Why a source cannot be fetched; empty if nothing says so."""
    try:
        if source.index and index.address(source.index, source.sha256):
            return ""
    except ToolError as error:
        return str(error)
    if source.index and "/packages/" in source.url:
        return "the package index has no file with the recipe's checksum"
    if not source.url:
        return ""  # a commit of a git repository: Spack's to fetch
    try:
        httpx.head(source.url, follow_redirects=True, timeout=_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        return f"{source.url} ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    return ""

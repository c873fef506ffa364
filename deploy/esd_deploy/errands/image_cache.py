"""The images that a site keeps in its scratch folder for all jobs of a user: one file for each content, named by its hash."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import Connection
from esd_deploy.errands import errand
from esd_deploy.sites.config import SiteConfig

Action = Literal["list", "check", "gc"]
_WELL = frozenset({"kept", "whole", "removed", "in use", "gone"})


@dataclass(frozen=True)
class CachedImage:
    """One file; `size` in bytes, `used`: when a job last asked for it, `state`: what was done or found."""

    sha256: str
    size: int
    used: datetime
    state: str

    @property
    def damaged(self) -> bool:
        """Whether its content did not match its name, and it was removed."""
        return self.state == "damaged, removed"

    @property
    def left(self) -> bool:
        """Whether it is still there although it is damaged, or could not be read or removed."""
        return not self.damaged and self.state not in _WELL


@dataclass(frozen=True)
class ImageCache:
    """Its images, its folder, and the free space there (bytes)."""

    folder: str
    free: int
    images: tuple[CachedImage, ...]


def ask(connection: Connection, config: SiteConfig, action: Action, *, keep_days: int = 30) -> ImageCache:
    """List, check or clean the cache by a small job on the login node. Raises ToolError if that fails."""
    environment = (("ESD_ACTION", action), ("ESD_KEEP_DAYS", str(keep_days)))
    answer = errand.run(connection, errand.of("images.sh", config, environment, "cache.sh"))
    if answer.exit_code != 0:
        raise ToolError(f"site '{config.name}': cannot read the image cache: {answer.stderr.strip()}")
    return understood(answer.stdout)


def understood(text: str) -> ImageCache:
    """What images.sh printed."""
    images = tuple(
        CachedImage(found[1], int(found[2]), datetime.fromtimestamp(int(found[3]), UTC), found[4] or "unknown")
        for found in re.finditer(r"(?m)^image ([0-9a-f]{64}) (\d+) (\d+) ?(.*)$", text)
    )
    free = re.search(r"(?m)^free (\d+) (.+)$", text)
    if free is None:
        raise ToolError(f"the list of the image cache is incomplete: {text[-200:]!r}")
    return ImageCache(free[2], int(free[1]), images)

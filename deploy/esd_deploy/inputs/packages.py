"""Python packages that a run has besides those of its image: locked by hash, installed once at the site, seen by the program. Pure."""

import hashlib
import re
from dataclasses import dataclass, field

from esd_build.data.errors import UsageError
from esd_deploy.sites.config import SiteConfig

LOCK_FILE = "esd/requirements.lock"
_INSIDE = "/opt/esd-packages"
_LARGEST = 1_000_000
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,100})==(?P<version>[\w.+!-]{1,100})( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?", re.ASCII)


@dataclass(frozen=True)
class Packages:
    """`lock`: every package with version and hashes, for one Python (3.13) and platform. `sums`: SHA-256 (hex) of the list of all files."""

    lock: bytes = field(repr=False)
    python: str
    platform: str
    image: str
    sums: str

    @property
    def key(self) -> str:
        """What names them in the site's cache: the same for the same image, lock and content."""
        return hashlib.sha256("\n".join((self.image, self.sums, hashlib.sha256(self.lock).hexdigest())).encode()).hexdigest()[:32]

    @property
    def versions(self) -> dict[str, str]:
        """Name → version of each."""
        return versions(self.lock)

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """Parameters of packages.sh."""
        return (("ESD_PACKAGES_KEY", self.key), ("ESD_PACKAGES_SUMS", self.sums))


def versions(lock: bytes) -> dict[str, str]:
    """Name → version of a lock. Raises UsageError for what is not a plain list of packages of an index, with hashes."""
    lines = lock.decode(errors="replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    if len(lock) > _LARGEST:
        raise UsageError(f"--requirements: the lock has more than {_LARGEST // 1_000_000} MB")
    for line, match in zip(lines, found, strict=True):
        if match is None:
            raise UsageError(
                f"--requirements: {line[:100].partition('://')[0]!r}: only packages by name, from an index; no URL, path or option"
            )
    return {match["name"]: match["version"] for match in found if match and match["name"]}


def seen(site: SiteConfig) -> SiteConfig:
    """The site, where the program sees the packages that packages.sh has linked into the job's folder."""
    own = site.environment.get("PYTHONPATH")
    path = _INSIDE if own is None else f"{_INSIDE}:{own}"
    binds = (*site.binds, f"$ESD_PACKAGES:{_INSIDE}:ro")
    return site.model_copy(update={"binds": binds, "environment": {**site.environment, "PYTHONPATH": path}})

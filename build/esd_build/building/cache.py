"""Where built and downloaded things are kept between builds and checkouts: outside the checkout, by content key."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from esd_build.building import packages
from esd_build.building.stage import Stage
from esd_build.data.errors import ToolError
from esd_build.tools.process import Account

# A build unpacks the base twice and the compiled simulator once, before squashfs makes it small.
NEEDED_BYTES = 4 * 1000**3
_ANYBODY_WRITES = 0o002


@dataclass(frozen=True)
class Cache:
    """A folder of the account that builds; every entry appears by rename, so existing entries are complete."""

    root: Path
    account: Account

    @classmethod
    def open(cls, account: Account) -> "Cache":
        """The account's cache: $ESD_IMAGES_CACHE, else the XDG cache folder (of the build user, where the caller is root)."""
        chosen = os.environ.get("ESD_IMAGES_CACHE")
        own = account.home / ".cache" / "esd-images" if account.is_other else platformdirs.user_cache_path("esd-images")
        return cls.at(Path(chosen).absolute() if chosen else own, account)

    @classmethod
    def at(cls, root: Path, account: Account) -> "Cache":
        """A cache in a folder, with all that belongs in one."""
        cache = cls(root, account)
        cache.make_folder(root)
        cache.require_own()
        for folder in ("images", "compiled", "wheels", "sources", "spack", "temporary", "logs", "locks"):
            cache.make_folder(cache.root / folder)
        return cache

    def require_own(self) -> None:
        """Raises ToolError if any other account can write to the cache: what lies there under an image's key becomes the image."""
        status = self.root.stat()
        if os.geteuid() not in {0, status.st_uid} and status.st_uid != 0:
            raise ToolError(f"{self.root} belongs to another account (uid {status.st_uid}); set ESD_IMAGES_CACHE to a folder of your own")
        if status.st_mode & _ANYBODY_WRITES:
            raise ToolError(
                f"{self.root} is writable for everybody; `chmod o-w {self.root}`, and empty it: others may have put files there"
            )

    def make_folder(self, folder: Path) -> Path:
        """Make a folder with its missing parents, all owned by the account that builds."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing if self.account.is_other else ():
            os.chown(path, self.account.uid, self.account.gid)
        return folder

    def path(self, stage: Stage) -> Path:
        """Where the result of a stage is, or will be; the stage's key must be known."""
        if stage.key is None:
            raise ValueError(f"stage {stage.name} has no key yet")
        match stage.kind:
            case "image":
                return self.root / "images" / f"{stage.name}-{stage.key}.sif"
            case "compile":
                return self.root / "compiled" / f"{stage.key}.tar"
            case "download":
                return self.root / stage.folder / stage.key

    def has(self, stage: Stage) -> bool:
        """Whether the result of a stage is there."""
        return stage.key is not None and self.path(stage).exists()

    def packages(self, image: str, key: str) -> Mapping[str, str] | None:
        """Debian packages (name → version) of a built base image; None if it was not built yet."""
        path = self.packages_file(image, key)
        if not path.exists():
            return None
        return packages.parse(path.read_text())

    def packages_file(self, image: str, key: str) -> Path:
        return self.root / "images" / f"{image}-{key}.packages.txt"

    def log(self, stage: Stage) -> Path:
        return self.root / "logs" / f"{stage.name.replace('/', '-')}-{stage.key}.log"

    @property
    def lock(self) -> FileLock:
        """One build at a time in this cache."""
        return FileLock(self.root / "locks" / "build.lock")

    def require_space(self, needed: int = NEEDED_BYTES) -> None:
        """Raises ToolError if a build would run into a full disk."""
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise ToolError(
                f"only {free / 1e9:.1f} GB free in {self.root}, but a build needs {needed / 1e9:.0f} GB; "
                "make room, or set ESD_IMAGES_CACHE to a folder on a larger disk"
            )

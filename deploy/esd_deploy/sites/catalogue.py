"""The sites and images that have names: the user's own, and those of a checkout or of the installed package."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import platformdirs

from esd_build.data import documents
from esd_build.data.errors import NoCheckoutError, ToolError
from esd_build.data.names import choose
from esd_deploy.sites.config import SiteConfig

PACKAGED = Path(__file__).parents[1] / "catalogue"
"""The installed package's copy of site-configs/ and of the files that name images; a checkout has the originals."""
SUFFIXES = frozenset({".yaml", ".yml"})
Origin = Literal["own", "checkout", "package"]


def own_sites() -> Path:
    """The folder of the user's own site files."""
    return platformdirs.user_config_path("esd-images") / "sites"


@dataclass(frozen=True)
class Known:
    """One site's file; `hides` is another file of the same name that it replaces."""

    name: str
    file: Path
    origin: Origin
    hides: Path | None = None


@dataclass(frozen=True)
class Catalogue:
    """The data folders of a checkout, or the copies in the installed package; the user's own sites come first."""

    root: Path
    own: Path = field(default_factory=own_sites)

    @classmethod
    def find(cls, start: Path | None = None) -> "Catalogue":
        """The checkout around `start` (default: the current folder), else the one that this code runs from, else the package's copy."""
        for origin in (start or Path.cwd(), Path(__file__)):
            for folder in (origin.resolve(), *origin.resolve().parents):
                if (folder / "site-configs").is_dir():
                    return cls(folder)
        if not PACKAGED.is_dir():
            raise ToolError(f"the installed esd-images is incomplete: {PACKAGED} is missing; install it again, or change into a checkout")
        return cls(PACKAGED)

    @property
    def is_checkout(self) -> bool:
        """Whether the folders are a checkout's, which also has measurements and images."""
        return self.root != PACKAGED

    def checkout(self, purpose: str) -> Path:
        """The checkout's folder. Outside a checkout, raises NoCheckoutError that names the `purpose` ("--model compiles …")."""
        if not self.is_checkout:
            raise NoCheckoutError(
                f"{purpose}, and {Path.cwd()} is not in a checkout of esd-images: change into one (git clone, then make setup)"
            )
        return self.root

    @property
    def sites(self) -> list[Known]:
        """Every site by name, each with the file in effect."""
        origin: Origin = "checkout" if self.is_checkout else "package"
        shared = {path.stem: path for path in self.root.glob("site-configs/*.yaml")}
        own = {path.stem: path for path in self.own.glob("*.yaml")}
        found = [Known(name, path, "own", shared.get(name)) for name, path in own.items()]
        return sorted([*found, *(Known(name, path, origin) for name, path in shared.items() if name not in own)], key=lambda one: one.name)

    @property
    def site_names(self) -> list[str]:
        return [one.name for one in self.sites]

    @property
    def image_names(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob("recipes/*/image.yaml"))

    def site(self, name: str) -> SiteConfig:
        """The site's configuration. Raises UsageError for an unknown name (with the nearest known one), ConfigError for an invalid file."""
        return read(self.known(name))

    def known(self, name: str) -> Known:
        """A site's file, by the site's name. Raises UsageError for an unknown name."""
        choose(name, self.site_names, what="site")
        return next(one for one in self.sites if one.name == name)


def read(site: Known) -> SiteConfig:
    """The configuration in a file. Remembers the path of the user's own file, which only this machine has. Raises ConfigError."""
    own = {"file": site.file.absolute()} if site.origin == "own" else {}
    return documents.load(site.file, SiteConfig, name=site.name, **own)


def load_site(name: str) -> tuple[SiteConfig, Path]:
    """A site by its name in the catalogue, or by the path of the user's YAML file; returns its configuration and its file."""
    path = Path(name)
    if path.suffix in SUFFIXES:
        return documents.load(path, SiteConfig, name=path.stem, file=path.absolute()), path
    known = Catalogue.find().known(name)
    return read(known), known.file

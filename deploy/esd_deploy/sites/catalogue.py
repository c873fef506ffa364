"""The sites and images that a checkout of esd-images knows by name."""

from dataclasses import dataclass
from pathlib import Path

from esd_build.data import documents
from esd_build.data.errors import UsageError
from esd_deploy.sites.config import SiteConfig


@dataclass(frozen=True)
class Catalogue:
    """The data folders of a checkout."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Catalogue":
        """The checkout around `start` (the current folder), else the one that this code runs from; UsageError without one."""
        for origin in (start or Path.cwd(), Path(__file__)):
            for folder in (origin.resolve(), *origin.resolve().parents):
                if (folder / "site-configs").is_dir():
                    return cls(folder)
        raise UsageError("no site-configs/ folder here or above: change into a checkout of esd-images, or give --site FILE.yaml")

    @property
    def site_names(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob("site-configs/*.yaml"))

    @property
    def image_names(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob("recipes/*/image.yaml"))

    def site(self, name: str) -> SiteConfig:
        """Raises UsageError for an unknown name (with the nearest known one), ConfigError for a wrong file."""
        documents.choose(name, self.site_names, what="site")
        return documents.load(self.site_file(name), SiteConfig, name=name)

    def site_file(self, name: str) -> Path:
        return self.root / "site-configs" / f"{name}.yaml"


def load_site(name: str) -> tuple[SiteConfig, Path]:
    """A site by its name in the catalogue, or by the path of a YAML file of one's own; with the file that it was read from."""
    path = Path(name)
    if path.suffix == ".yaml":
        return documents.load(path, SiteConfig, name=path.stem, file=path.absolute()), path
    catalogue = Catalogue.find()
    return catalogue.site(name), catalogue.site_file(name)

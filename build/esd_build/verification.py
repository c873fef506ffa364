"""Builds an image again in an empty cache, and compares the two file by file."""

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.building.stage import file_hash
from esd_build.data.project import Recipe
from esd_build.factory import Factory
from esd_build.product.comparison import Difference, compare
from esd_build.product.contents import Reader
from esd_build.tools import sif
from esd_build.tools.process import remove_as

_FOLDER = "verify"


@dataclass(frozen=True)
class Outcome:
    """The comparison of two images: the SIF files byte by byte, their root file systems byte by byte, and file by file."""

    same_file: bool
    same_payload: bool
    files: int
    differences: Sequence[Difference]

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        found = [str(difference) for difference in self.differences]
        found.append(f"files: {self.files} compared, {len(self.differences)} differ (kind, owner, time, size, content)")
        found.append(f"root file system: {'the same bytes' if self.same_payload else 'other bytes'}")
        found.append(f"SIF file: {'the same bytes' if self.same_file else 'other bytes'}")
        return tuple(found)


def rebuild(factory: Factory, recipe: Recipe) -> Path:
    """Build the image from nothing, without earlier results or downloads."""
    clean(factory)
    root = factory.cache.make_folder(factory.cache.root / _FOLDER)
    cache = Cache.at(root, factory.cache.account)
    apptainer = dataclasses.replace(factory.apptainer, temporary=root / "temporary")
    return dataclasses.replace(factory, cache=cache, apptainer=apptainer).build(recipe)


def clean(factory: Factory) -> None:
    """Remove what `rebuild` made."""
    if (factory.cache.root / _FOLDER).exists():
        remove_as(factory.cache.account, [factory.cache.root / _FOLDER])


def compare_images(first: Path, second: Path, reader: Reader, place: Path) -> Outcome:
    """Compare two images; unpacks them below `place` only where their root file systems are not the same bytes."""
    same_file = file_hash(first) == file_hash(second)
    same_payload = same_file or _payload(first) == _payload(second)
    if same_payload:
        return Outcome(same_file, same_payload, len(reader.listing(first)), ())
    with tempfile.TemporaryDirectory(dir=place, prefix="verify-") as folder:
        reader.account.own(Path(folder))
        one, two = (reader.entries(image, Path(folder) / name) for image, name in ((first, "one"), (second, "two")))
        remove_as(reader.account, [Path(folder) / "one", Path(folder) / "two"])
    return Outcome(same_file, same_payload, len(one.keys() | two.keys()), compare(one, two))


def _payload(image: Path) -> str:
    return sif.digest(image, sif.root_file_system(image))

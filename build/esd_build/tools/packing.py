"""How a finished root file system becomes a squashfs: the same files give the same bytes."""

from dataclasses import dataclass

from esd_build.data.project import Compression, Environment, Recipe

_ARGUMENTS: dict[Compression, str] = {
    # What is pulled by every site; docs/measurements/images.md has the measurements.
    "small": "-comp zstd -Xcompression-level 12 -b 128K",
    # What is unpacked a minute later to build on.
    "fast": "-comp zstd -Xcompression-level 3",
}


@dataclass(frozen=True)
class Packing:
    """`arguments` are mksquashfs's, which sorts files by itself; no file becomes younger than `epoch` (seconds since 1970)."""

    arguments: str
    epoch: int

    @classmethod
    def of(cls, recipe: Recipe, environment: Environment) -> "Packing":
        return cls(_ARGUMENTS["fast" if environment.draft else recipe.compression], int(environment.midnight.timestamp()))

    def __str__(self) -> str:
        return f"{self.arguments} {self.epoch}"

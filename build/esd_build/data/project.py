"""The project's data as models: recipes (what an image is) and environments (what is inside)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from esd_build.data import documents
from esd_build.data.certainty import Spelt
from esd_build.data.documents import Document
from esd_build.data.errors import ConfigError, NoCheckoutError, UsageError
from esd_build.data.names import choose

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Provider = Literal["debian", "spack"]
Compression = Literal["small", "fast"]
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Recipe(Document):
    """`recipes/<image>/image.yaml`: what an image is. The definition file `<image>.def` is beside it."""

    name: Name
    folder: Path
    description: str
    base: Name | None = Field(None, description="the image that this one is built on, in the same environment")
    providers: tuple[Provider, ...]
    inputs: tuple[Literal["apt.txt", "apt.lock", "requirements.txt", "wheels", "sources"], ...] = Field(
        description="what of the environment goes into the build folder; `wheels` and `sources` are downloaded, hash-checked"
    )
    compiled_with: tuple[str, ...] = Field((), description="Debian packages of the base whose version decides whether to compile anew")
    compression: Compression = Field("small", description="`fast` for an image that others stand on: it is read often, and goes nowhere")
    group: str | None = Field(None, description="provider spack: the group of spack.yaml that goes in; `full` is all of it")

    @property
    def definition(self) -> Path:
        own = self.folder / f"{self.name}.def"
        return own if own.is_file() else self.folder / f"{self.folder.name}.def"

    def shared(self, folder: Path) -> "Recipe":
        """The recipe with a definition that several images share, `<folder>/<folder>.def`; files beside its own are not used."""
        return self.model_copy(update={"folder": folder, "inputs": (), "compiled_with": ()})

    @property
    def files(self) -> tuple[Path, ...]:
        """What belongs to the definition: Python packages, and files except the description, the tests and their reference data."""
        own = (p for p in self.folder.iterdir() if _belongs(p))
        return tuple(sorted(own))


def _belongs(path: Path) -> bool:
    return path.suffix not in {".yaml", ".json", ".py", ".pyc"} if path.is_file() else (path / "__init__.py").is_file()


class Pin(Document):
    """One version of an environment, and how it is known."""

    version: str
    evidence: str
    certainty: Spelt | None = Field(None, description="of a release's pin, by its word or its letter (certainty.py)")
    package: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9-]*$", description="Spack's name of it; None: Spack does not install it")


class ImagePins(Document):
    """Versions that one image of an environment has otherwise than the others."""

    pins: dict[str, Pin]


class Variant(Document):
    """What a variant of an environment has otherwise than its release: another Debian suite gives other versions."""

    suite: str | None = Field(None, description="Debian suite of the base image; default: the release's")
    python: str | None = Field(None, pattern=r"^3\.\d+$", description="Python version of that suite")
    pins: dict[str, Pin] = Field(default_factory=dict, description="pins that go before the release's")


class ReleaseFile(Document):
    """`spack-envs/<name>/release.yaml`: a set of pinned versions, named after the ESD release."""

    name: Name
    folder: Path
    description: str
    provider: Provider
    suite: str = Field(description="Debian suite of the base image")
    python: str = Field(pattern=r"^3\.\d+$", description="Python version that the wheels are for")
    target: str = Field(pattern=r"^[a-z0-9_]+$", description="microarchitecture, in archspec's words")
    dated: date = Field(date(2026, 1, 1), description="the date that all images of the environment bear; no file in them is younger")
    pins: dict[str, Pin]
    images: dict[Name, ImagePins] = Field(default_factory=dict, description="pins that hold in one image only, and go before the others")
    variants: dict[Name, Variant] = Field(default_factory=dict, description="what a folder below the environment's has otherwise")
    quick: Name | None = Field(None, description="the variant that is meant where nobody names one: built in minutes, not in hours")

    @property
    def environment(self) -> "Environment":
        """The environment as this file says it, before anything is chosen."""
        return Environment(**{name: getattr(self, name) for name in ReleaseFile.model_fields})


class Environment(ReleaseFile):
    """The environment that was chosen for a build: what release.yaml says, and what the command line changed of it."""

    image: Name | None = Field(None, description="whose lists and pins these are; None: what all images share")
    variant: Name | None = Field(None, description="a folder below the environment's, with a spack.yaml and a lock of its own")
    default_provider: bool = Field(True, description="whether the provider is the one that release.yaml names")

    default_target: bool = Field(True, description="whether the target is the one that release.yaml names")

    draft: bool = Field(False, description="whether its images are packed quickly, to be tried and not to be given away")

    @property
    def label(self) -> str:
        """The environment's name in file names: with what sets it apart from the environment as release.yaml says it is."""
        variant = self.variant if self.variant != self.quick else None
        provider = [variant] if variant else [] if self.default_provider else [self.provider]
        return "-".join((self.name, *provider, *([] if self.default_target else [self.target]), *(["draft"] if self.draft else [])))

    @property
    def path(self) -> str:
        """Its folder below spack-envs/: `edge`, `25.02/system-bookworm`."""
        return f"{self.name}/{self.variant}" if self.variant else self.name

    def with_variant(self, variant: str, *, default_provider: bool) -> "Environment":
        """The environment as one of its variants installs it, with the variant's suite and pins."""
        own = self.variants.get(variant, Variant())
        changed = {key: value for key in ("suite", "python") if (value := getattr(own, key)) is not None}
        chosen = {"provider": "spack", "variant": variant, "default_provider": default_provider, "pins": {**self.pins, **own.pins}}
        return self.model_copy(update=chosen | changed)

    def with_target(self, target: str) -> "Environment":
        """The same versions for another processor."""
        return self if target == self.target else self.model_copy(update={"target": target, "default_target": False})

    @property
    def midnight(self) -> datetime:
        """The beginning of the environment's date (UTC): SOURCE_DATE_EPOCH of its builds."""
        return datetime.combine(self.dated, time(), UTC)

    def of(self, image: str) -> "Environment":
        """The environment as one image sees it: its own pins and lists go before the shared ones."""
        own = self.images[image].pins if image in self.images else {}
        return self.model_copy(update={"image": image, "pins": {**self.pins, **own}})

    def file(self, name: str) -> Path:
        """One of the environment's lists, such as `apt.txt`: that of the image in `<image>/`, else the shared one."""
        places = [self.folder / (self.image or "") / name, self.folder / name]
        if self.variant and self.image:  # what lies in the variant's folder itself are its externals
            places.insert(0, self.folder / self.variant / self.image / name)
        for path in places:
            self._require_locked(path)
            if path.is_file():
                return path
        raise ConfigError(f"{self.folder / name}: no such file; the environment '{self.name}' needs it for this image")

    def _require_locked(self, lock: Path) -> None:
        """Raises ConfigError if a list beside this lock (`requirements.in`) has none, or asks for more than it has."""
        wanted = lock.with_suffix(".in")
        if not wanted.is_file():
            return
        command = "make lock" if lock.parent == self.folder else f"make lock IMAGE={self.image} ENV={self.name}"
        if not lock.is_file():
            raise ConfigError(f"{wanted} has no lock {lock.name}; write it with: {command}")
        if missing := _not_locked(wanted.read_text(), lock.read_text()):
            raise ConfigError(f"{wanted} asks for {', '.join(missing)}, which {lock.name} does not have; renew it with: {command}")


def _not_locked(wanted: str, lock: str) -> tuple[str, ...]:
    """The packages that a list asks for and its lock does not have: the list was changed after it was locked."""
    names = {_distribution(line) for line in lock.splitlines() if "==" in line and not line.lstrip().startswith("#")}
    asked = [_distribution(line) for line in wanted.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-"))]
    return tuple(name for name in asked if name not in names)


def _distribution(requirement: str) -> str:
    """A requirement's package, as package indexes compare names."""
    name = _DISTRIBUTION.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", name[0] if name else requirement.strip()).lower()


@dataclass(frozen=True)
class Project:
    """A checkout of esd-images: where its data is."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> "Project":
        """The checkout around `start`; raises NoCheckoutError outside one."""
        for folder in (start, *start.parents):
            if (folder / "recipes").is_dir() and (folder / "spack-envs").is_dir():
                return cls(folder)
        raise NoCheckoutError(
            f"this command reads the recipes/ and spack-envs/ of a checkout of esd-images, and {start} is not in one: "
            "change into a checkout (git clone, then make setup); the installed package has none"
        )

    @property
    def recipe_names(self) -> list[str]:
        return sorted(p.parent.name for p in self.root.glob("recipes/*/image.yaml"))

    @property
    def environment_names(self) -> list[str]:
        return sorted(p.parent.name for p in self.root.glob("spack-envs/*/release.yaml"))

    @property
    def images(self) -> Path:
        """Where finished images lie."""
        return self.root / "dist" / "images"

    def recipe(self, name: str) -> Recipe:
        """Raises UsageError for an unknown name, ConfigError for a wrong file."""
        folder = self.root / "recipes" / choose(name, self.recipe_names, what="image")
        recipe = documents.load(folder / "image.yaml", Recipe, name=name, folder=folder)
        if not recipe.definition.is_file():
            raise ConfigError(f"{recipe.definition}: no such file; a recipe needs a definition of its own name")
        return recipe

    def environment(self, name: str, provider: str | None = None) -> Environment:
        """`name` may name a variant, too: `edge/system-trixie`.

        Raises UsageError for an unknown name or a provider that the environment does not have.
        """
        name, _, variant = name.partition("/")
        folder = self.root / "spack-envs" / choose(name, self.environment_names, what="environment")
        environment = documents.load(folder / "release.yaml", ReleaseFile, name=name, folder=folder).environment
        if variant:
            choose(variant, [path.parent.name for path in folder.glob("*/spack.yaml")], what=f"variant of environment {name}")
        elif provider is None and environment.quick:
            variant = environment.quick
        if variant and provider in {None, "spack"}:
            return environment.with_variant(variant, default_provider=environment.provider == "spack")
        if provider == "spack" and (folder / "spack.yaml").is_file():
            same = environment.provider == "spack" and environment.quick is None
            return environment.model_copy(update={"provider": "spack", "default_provider": same})
        if provider is not None and provider != environment.provider:
            raise UsageError(f"environment '{name}' is installed by provider '{environment.provider}', not by '{provider}'")
        return environment

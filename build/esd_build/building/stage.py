"""What a plan is made of: stages with their keys, and the values that a definition's arguments get."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from esd_build.data.project import Environment, Recipe
from esd_build.data.target import march

Kind = Literal["download", "compile", "image"]

# Arguments that say where something is, or that are keys themselves: not part of what goes in.
PLACES = frozenset({"mirror", "base", "compile_key", "plan"})

DOWNLOADED = frozenset({"wheels", "sources"})
"""Inputs of a recipe that are folders of the cache; the others are lists of the environment."""


class KnownPackages(Protocol):
    """Tells the Debian packages (name → version) of a base image that was built before, or None."""

    def __call__(self, image: str, key: str) -> Mapping[str, str] | None: ...


@dataclass(frozen=True)
class Stage:
    """One step of a build. `inputs` maps each input to its hash, or to None if an earlier stage must run first."""

    name: str
    kind: Kind
    inputs: Mapping[str, str | None]

    @property
    def folder(self) -> str:
        """Its name in the build folder: `wheels`, for the wheels of any image."""
        return self.name.rpartition("/")[2]

    @property
    def key(self) -> str | None:
        """Hash of the inputs, 16 hex digits; None while an input is not known."""
        if None in self.inputs.values():
            return None
        return hash_of(json.dumps(self.inputs, sort_keys=True).encode())[:16]


@dataclass(frozen=True)
class BuildPlan:
    """All stages of one image, in order; the last one is the image."""

    recipe: Recipe
    environment: Environment
    stages: tuple[Stage, ...]

    @property
    def image(self) -> Stage:
        return self.stages[-1]

    @property
    def own(self) -> tuple[Stage, ...]:
        """The stages of this image, without those of the images that it stands on."""
        others = [number for number, stage in enumerate(self.stages[:-1]) if stage.kind == "image"]
        return self.stages[others[-1] + 1 if others else 0 :]

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def file_name(self) -> str:
        return f"{self.recipe.name}-{self.environment.label}.sif"


def hash_of(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex; reads in constant memory. Of a folder: over the paths and hashes of its files, without Python's caches."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file() and one.parent.name != "__pycache__")
        return hash_of("".join(f"{one.relative_to(path)} {file_hash(one)}\n" for one in files).encode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_arguments(recipe: Recipe, environment: Environment) -> dict[str, str]:
    """Values for the `{{ arguments }}` of a definition, as far as the data decides them."""
    pins = {f"{name.lower().replace(' ', '_')}_version": pin.version for name, pin in environment.pins.items()}
    return {
        **pins,
        "title": recipe.name,
        "description": recipe.description,
        "environment": environment.name,
        "provider": environment.provider,
        "suite": environment.suite,
        "target": environment.target,
        "date": environment.midnight.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epoch": str(int(environment.midnight.timestamp())),
        "march": march(environment.target),
    }

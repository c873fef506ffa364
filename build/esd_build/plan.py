"""What has to be built, in which order, and under which key: the plan of an image, computed without acting.

A stage's key is a hash of all that goes into it, so equal keys mean equal content, and a changed input names itself.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from esd_build.definition import Definition
from esd_build.errors import ConfigError, UsageError
from esd_build.project import Environment, Project, Recipe

Kind = Literal["download", "compile", "image"]

# Arguments that say where something is, or that are keys themselves: not part of what goes in.
PLACES = frozenset({"mirror", "base", "compile_key", "plan"})


class KnownPackages(Protocol):
    """Tells the Debian packages (name → version) of a base image that was built before, or None."""

    def __call__(self, image: str, key: str) -> Mapping[str, str] | None: ...


@dataclass(frozen=True)
class Stage:
    """One step of a build. `inputs` maps what goes in to a hash of it, or to None where an earlier stage must run first."""

    name: str
    kind: Kind
    inputs: Mapping[str, str | None]

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

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def file_name(self) -> str:
        return f"{self.recipe.name}-{self.environment.name}.sif"


def hash_of(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex; reads in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_plan(project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages) -> BuildPlan:
    """The plan of one image; raises UsageError where recipe and environment do not go together."""
    if environment.provider not in recipe.providers:
        raise UsageError(f"image '{recipe.name}' has no provider '{environment.provider}', which environment '{environment.name}' needs")
    stages: list[Stage] = []
    base: Stage | None = None
    shared, environment = environment, environment.of(recipe.name)
    if recipe.base:
        base_plan = make_plan(project, project.recipe(recipe.base), shared, architecture, known_packages)
        stages += base_plan.stages
        base = base_plan.image
    stages += _downloads(recipe, environment)
    common = {"architecture": hash_of(architecture.encode()), **({"base": base.key} if base else {})}
    compile_text = Definition(recipe.definition.read_text()).stages.get("build")
    if compile_text is not None:
        stages.append(_compilation(recipe, environment, compile_text, common, known_packages, base))
    stages.append(_image(recipe, environment, common, stages))
    return BuildPlan(recipe, environment, tuple(stages))


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
        "march": environment.target.replace("_", "-"),  # archspec's x86_64_v3 is the compiler's x86-64-v3
    }


def _downloads(recipe: Recipe, environment: Environment) -> list[Stage]:
    stages = []
    if "wheels" in recipe.inputs:
        inputs = {"requirements.txt": file_hash(environment.file("requirements.txt")), "python": hash_of(environment.python.encode())}
        stages.append(Stage("wheels", "download", inputs))
    if "sources" in recipe.inputs:
        stages.append(Stage("sources", "download", {"sources.txt": file_hash(environment.file("sources.txt"))}))
    return stages


def _compilation(
    recipe: Recipe,
    environment: Environment,
    text: str,
    common: Mapping[str, str | None],
    known_packages: KnownPackages,
    base: Stage | None,
) -> Stage:
    """The compilation depends on the compiler and libraries of the base, not on the whole base."""
    packages = known_packages(base.name, base.key) if base and base.key else None
    used = {f"base: {name}": _version_hash(packages, name, recipe) for name in recipe.compiled_with}
    sources = {"sources.txt": file_hash(environment.file("sources.txt"))} if "sources" in recipe.inputs else {}
    inputs = {"architecture": common["architecture"], **_text_and_arguments(text, recipe, environment), **sources, **used}
    return Stage(f"{recipe.name}/build", "compile", inputs)


def _version_hash(packages: Mapping[str, str] | None, name: str, recipe: Recipe) -> str | None:
    if packages is None:
        return None
    if name not in packages:
        raise ConfigError(f"{recipe.folder / 'image.yaml'}: compiled_with: '{name}' is not a package of the base image '{recipe.base}'")
    return hash_of(packages[name].encode())


def _image(recipe: Recipe, environment: Environment, common: Mapping[str, str | None], before: list[Stage]) -> Stage:
    own = {path.name: file_hash(path) for path in recipe.files if path != recipe.definition}
    lists: dict[str, str] = {name: file_hash(environment.file(name)) for name in recipe.inputs if name.endswith(".txt")}
    earlier = {stage.name: stage.key for stage in before if stage.name in {"wheels", "sources", f"{recipe.name}/build"}}
    text = _text_and_arguments(recipe.definition.read_text(), recipe, environment)
    return Stage(recipe.name, "image", {**common, **text, **own, **lists, **earlier})


def _text_and_arguments(text: str, recipe: Recipe, environment: Environment) -> dict[str, str]:
    values = build_arguments(recipe, environment)
    unknown = Definition(text).arguments - values.keys() - PLACES
    if unknown:
        raise ConfigError(f"{recipe.definition}: nothing gives a value for {', '.join(sorted(unknown))}")
    used = {f"argument {name}": hash_of(values[name].encode()) for name in Definition(text).arguments - PLACES}
    return {"definition": hash_of(text.encode()), **dict(sorted(used.items()))}

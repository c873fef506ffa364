"""The provider `debian`: apt packages, hash-locked wheels, and sources that are compiled. Planning is pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_build.building import downloads
from esd_build.building.definition import Definition
from esd_build.building.progress import BuildProgress
from esd_build.building.stage import DOWNLOADED, PLACES, BuildPlan, KnownPackages, Stage, build_arguments, file_hash, hash_of
from esd_build.data.errors import ConfigError
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.port import PlanOf
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.workshop.session import Workshop
from esd_build.tools.packing import Packing


@dataclass(frozen=True)
class Debian:
    """Installs what the environment's lists name; needs nothing but Apptainer."""

    prerequisites: tuple[str, ...] = ()
    has_lock: bool = False

    def plan(
        self, project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages, plan_of: PlanOf
    ) -> BuildPlan:
        """Downloads, the compilation where the definition has one, the image; on top of its base's stages."""
        inherited: tuple[Stage, ...] = ()
        base: Stage | None = None
        if recipe.base:
            base_plan = plan_of(project.recipe(recipe.base), environment)
            inherited, base = base_plan.stages, base_plan.image
        own = environment.of(recipe.name)
        stages = [*inherited, *_downloads(recipe, own)]
        common = {"architecture": hash_of(architecture.encode()), **({"base": base.key} if base else {})}
        compile_text = Definition(recipe.definition.read_text()).stages.get("build")
        if compile_text is not None:
            lowest = next((stage for stage in inherited if stage.kind == "image"), None)
            stages.append(_compilation(recipe, own, compile_text, common, known_packages, lowest))
        stages.append(_image(recipe, own, common, stages[len(inherited) :]))
        return BuildPlan(recipe, own, tuple(stages))

    def download(self, workshop: Workshop, plan: BuildPlan, stage: Stage, built: Callable[[str], Path], progress: BuildProgress) -> None:
        downloads.FETCH[stage.folder](plan.environment, workshop.cache.path(stage))

    def fill(self, workshop: Workshop, plan: BuildPlan, folder: Path) -> Mapping[str, Path]:
        recipe = plan.recipe
        contents = {path.name: path for path in recipe.files}
        contents |= {name: plan.environment.file(name) for name in recipe.inputs if name not in DOWNLOADED}
        contents |= {stage.folder: workshop.cache.path(stage) for stage in plan.own if stage.kind == "download"}
        if recipe.base:
            base = next(stage for stage in plan.stages if stage.kind == "image" and stage.name == recipe.base)
            contents["base.sif"] = workshop.cache.path(base)
        return contents

    def arguments(self, project: Project, plan: BuildPlan) -> Mapping[str, str]:
        return build_arguments(plan.recipe, plan.environment)

    def binds(self, workshop: Workshop, plan: BuildPlan) -> str | None:
        return f"{workshop.cache.root / 'compiled'}:/mnt" if plan.stage(f"{plan.recipe.name}/build") else None

    def lock(self, project: Project, plan: BuildPlan) -> Lock | None:
        return None


def _downloads(recipe: Recipe, environment: Environment) -> list[Stage]:
    """What is fetched; where an image has a list of its own, the stage bears the image's name, too."""
    stages = []
    if "wheels" in recipe.inputs:
        lock = environment.file("requirements.txt")
        inputs = {"requirements.txt": file_hash(lock), "python": hash_of(environment.python.encode())}
        stages.append(Stage("wheels" if lock.parent == environment.folder else f"{recipe.name}/wheels", "download", inputs))
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
    """The compilation depends on the lowest base's compiler and libraries, not on the whole base; and on patches that its text names."""
    packages = known_packages(base.name, base.key) if base and base.key else None
    used = {f"base: {name}": _version_hash(packages, name, recipe) for name in recipe.compiled_with}
    sources = {"sources.txt": file_hash(environment.file("sources.txt"))} if "sources" in recipe.inputs else {}
    named = {name: digest for name, digest in _own_files(recipe).items() if name in text}
    given = {**_text_and_arguments(text, recipe, environment), **named}
    inputs = {"architecture": common["architecture"], **given, **sources, **used}
    return Stage(f"{recipe.name}/build", "compile", inputs)


def _version_hash(packages: Mapping[str, str] | None, name: str, recipe: Recipe) -> str | None:
    if packages is None:
        return None
    if name not in packages:
        raise ConfigError(f"{recipe.folder / 'image.yaml'}: compiled_with: '{name}' is not a package of the base image '{recipe.base}'")
    return hash_of(packages[name].encode())


def _image(recipe: Recipe, environment: Environment, common: Mapping[str, str | None], before: list[Stage]) -> Stage:
    lists: dict[str, str] = {name: file_hash(environment.file(name)) for name in recipe.inputs if name not in DOWNLOADED}
    earlier = {stage.name: stage.key for stage in before if stage.kind != "image"}
    text = _text_and_arguments(recipe.definition.read_text(), recipe, environment)
    packing = {"packing": hash_of(str(Packing.of(recipe, environment)).encode())}
    return Stage(recipe.name, "image", {**common, **text, **_own_files(recipe), **lists, **packing, **earlier})


def _own_files(recipe: Recipe) -> dict[str, str]:
    return {path.name: file_hash(path) for path in recipe.files if path != recipe.definition}


def _text_and_arguments(text: str, recipe: Recipe, environment: Environment) -> dict[str, str]:
    values = build_arguments(recipe, environment)
    unknown = Definition(text).arguments - values.keys() - PLACES
    if unknown:
        raise ConfigError(f"{recipe.definition}: nothing gives a value for {', '.join(sorted(unknown))}")
    used = {f"argument {name}": hash_of(values[name].encode()) for name in Definition(text).arguments - PLACES}
    return {"definition": hash_of(text.encode()), **dict(sorted(used.items()))}

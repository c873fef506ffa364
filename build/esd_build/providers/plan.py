"""What has to be built, in which order, and under which key: the plan of an image, computed without acting.

A stage's key is a hash of all that goes into it, so equal keys mean equal content, and a changed input names itself.
"""

from collections.abc import Mapping

from esd_build.building.definition import Definition
from esd_build.building.stage import DOWNLOADED, PLACES, BuildPlan, KnownPackages, Stage, build_arguments, file_hash, hash_of
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.spack import provider as spack_provider
from esd_build.tools.packing import Packing

__all__ = ["PLACES", "BuildPlan", "KnownPackages", "Stage", "build_arguments", "file_hash", "hash_of", "make_plan"]


def make_plan(project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages) -> BuildPlan:
    """The plan of one image; raises UsageError where recipe and environment do not go together."""
    if environment.provider not in recipe.providers:
        raise UsageError(f"image '{recipe.name}' has no provider '{environment.provider}', which environment '{environment.name}' needs")
    if environment.installs_by_spack(recipe):
        return spack_provider.make_plan(
            project, recipe, environment, architecture, lambda other, same: make_plan(project, other, same, architecture, known_packages)
        )
    inherited: tuple[Stage, ...] = ()
    base: Stage | None = None
    shared, environment = environment, environment.of(recipe.name)
    if recipe.base:
        base_plan = make_plan(project, project.recipe(recipe.base), shared, architecture, known_packages)
        inherited, base = base_plan.stages, base_plan.image
    stages = [*inherited, *_downloads(recipe, environment)]
    common = {"architecture": hash_of(architecture.encode()), **({"base": base.key} if base else {})}
    compile_text = Definition(recipe.definition.read_text()).stages.get("build")
    if compile_text is not None:
        stages.append(_compilation(recipe, environment, compile_text, common, known_packages, base))
    stages.append(_image(recipe, environment, common, stages[len(inherited) :]))
    return BuildPlan(recipe, environment, tuple(stages))


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
    lists: dict[str, str] = {name: file_hash(environment.file(name)) for name in recipe.inputs if name not in DOWNLOADED}
    earlier = {stage.name: stage.key for stage in before if stage.kind != "image"}
    text = _text_and_arguments(recipe.definition.read_text(), recipe, environment)
    packing = {"packing": hash_of(str(Packing.of(recipe, environment)).encode())}
    return Stage(recipe.name, "image", {**common, **text, **own, **lists, **packing, **earlier})


def _text_and_arguments(text: str, recipe: Recipe, environment: Environment) -> dict[str, str]:
    values = build_arguments(recipe, environment)
    unknown = Definition(text).arguments - values.keys() - PLACES
    if unknown:
        raise ConfigError(f"{recipe.definition}: nothing gives a value for {', '.join(sorted(unknown))}")
    used = {f"argument {name}": hash_of(values[name].encode()) for name in Definition(text).arguments - PLACES}
    return {"definition": hash_of(text.encode()), **dict(sorted(used.items()))}

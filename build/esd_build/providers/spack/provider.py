"""The provider `spack`: what has to be built for an image whose environment Spack installs, and what goes into the build folder. Pure.

An image holds one group of its environment's specs; the build sees that group's part of the lock, and nothing else decides.
"""

from collections.abc import Mapping
from pathlib import Path

from esd_build.building.definition import Definition
from esd_build.building.stage import PLACES, BuildPlan, Stage, build_arguments, hash_of
from esd_build.data.errors import ConfigError
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.port import PlanOf
from esd_build.providers.spack.locks import check
from esd_build.providers.spack.locks.environment import SpackEnvironment, read_tools
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.sources import accepted
from esd_build.providers.spack.sources.accepted import Accepted
from esd_build.providers.spack.workshop.tool import CACHE, scope
from esd_build.tools.packing import Packing

BUILDER = "spack-builder"
SOURCES = "spack-sources"
VIEW = "/opt/esd/view"
_PLACES = PLACES | {"builder"}
_TREES, _ENVIRONMENT = "/media", "/opt/esd/environment"


def spack_environment(project: Project, environment: Environment) -> SpackEnvironment:
    """The folder with the lock: the release's own, or that of a variant."""
    return SpackEnvironment(project, environment.path, environment)


def make_plan(project: Project, recipe: Recipe, environment: Environment, architecture: str, plan_of: PlanOf) -> BuildPlan:
    """Base, builder, sources, the group, the image. `plan_of` plans another image of the environment.

    Raises ConfigError if the lock does not belong to its environment any more: what it says would be built, not what is asked for.
    """
    base = plan_of(project.recipe(recipe.base or "base"), environment)
    builder = plan_of(project.recipe(BUILDER), environment)
    before = (*base.stages, *(stage for stage in builder.stages if stage not in base.stages))
    inputs = {**_group_inputs(project, recipe, environment), "architecture": hash_of(architecture.encode())}
    shared = recipe.shared(project.root / "recipes" / "spack")
    text = shared.definition.read_text()
    values = arguments(project, recipe, environment)
    taken = accepted.told(accepted_sources(project, recipe, environment))
    replaced = {"accepted": hash_of(taken.encode())} if taken else {}
    sources = Stage(SOURCES, "download", {"lock": inputs["lock"], **replaced})
    built = {**inputs, **replaced, **_text(Definition(text).stages["build"], values, shared), "builder": builder.image.key}
    compiled = Stage(f"{recipe.name}/build", "compile", built)
    packed = {"base": base.image.key, compiled.name: compiled.key, "externals": inputs["externals"], **_packing(shared, environment)}
    whole = {**packed, **_text(text, values, shared)}
    return BuildPlan(shared, environment, (*before, sources, compiled, Stage(recipe.name, "image", whole)))


def _packing(recipe: Recipe, environment: Environment) -> dict[str, str]:
    return {"packing": hash_of(str(Packing.of(recipe, environment)).encode())}


def arguments(project: Project, recipe: Recipe, environment: Environment) -> dict[str, str]:
    """Values for the definition's arguments, as far as the data decides them."""
    lock = spack_environment(project, environment).lock
    versions = {key: next((p.version for p in lock.named(name)), "none") for key, name in _LABELLED.items()}
    for key, pin in _PINNED.items():
        # An external MPI does not tell Spack what it is made of; the release does.
        if versions[key] == "none" and pin in environment.pins:
            versions[key] = environment.pins[pin].version
    commit = read_tools(project).spack.commit
    unverified = accepted.told(accepted_sources(project, recipe, environment))
    return {**build_arguments(recipe, environment), **versions, "spack_commit": commit, "unverified": unverified or "none"}


_LABELLED = {"mpi": "openmpi", "pmix": "pmix", "ucx": "ucx"}
_PINNED = {"mpi": "Open MPI", "pmix": "PMIx", "ucx": "UCX"}


def group_lock(project: Project, recipe: Recipe, environment: Environment) -> Lock:
    """The part of the lock that goes into the image."""
    found = spack_environment(project, environment)
    return found.lock.group(found.group(recipe.group or recipe.name))


def accepted_sources(project: Project, recipe: Recipe, environment: Environment) -> tuple[Accepted, ...]:
    """Sources of the image that a user accepted although their checksum is not the recipe's."""
    return accepted.of_lock(accepted.read(project), group_lock(project, recipe, environment))


def files(project: Project, recipe: Recipe, environment: Environment) -> Mapping[str, str]:
    """What goes into the build folder beside the images: path → text."""
    found = spack_environment(project, environment)
    specs = found.group(recipe.group or recipe.name)
    tools = read_tools(project)
    builtin = f"{_TREES}/{tools.packages.commit}/repos/spack_repo/builtin"
    config = {f"environment/scope/{name}": text for name, text in scope(f"{_ENVIRONMENT}/spack_repo/esd", builtin).items()}
    return {
        **config,
        "environment/scope/mirrors.yaml": _mirrors(),
        "environment/group/spack.yaml": group_text(specs),
        "environment/group/spack.lock": found.lock.group(specs).text,
        "externals.txt": _externals(found),
    }


def group_text(specs: tuple[str, ...], *, view: bool = True) -> str:
    """The `spack.yaml` of one group, which its lock belongs to; with a view of what runs, where it is for an image."""
    listed = "".join(f"    - {spec}\n" for spec in specs)
    shown = f"\n    default:\n      root: {VIEW}\n      link: run\n      link_type: symlink\n" if view else " false\n"
    return f"spack:\n  include:\n    - ../common\n  specs:\n{listed}  view:{shown}"


def folders(project: Project) -> Mapping[str, Path]:
    """Folders of the checkout that go into the build folder: path → where they are."""
    root = project.root / "spack-envs"
    return {"environment/common": root / "common", "environment/spack_repo": root / "spack_repo"}


def _mirrors() -> str:
    sources = f"  sources: {{url: 'file://{CACHE}/mirror', source: true, binary: false}}\n"
    return f"mirrors:\n{sources}  built: {{url: 'file://{CACHE}/built', source: false, binary: true, signed: false, autopush: true}}\n"


def _externals(found: SpackEnvironment) -> str:
    path = found.folder / "apt.txt"
    return path.read_text() if found.release.variant and path.is_file() else ""


def _group_inputs(project: Project, recipe: Recipe, environment: Environment) -> dict[str, str]:
    found = spack_environment(project, environment)
    wrong = check.problems(found)
    if wrong:
        lines = "\n".join(f"  {problem}" for problem in wrong)
        raise ConfigError(
            f"spack-envs/{found.name}/spack.lock does not belong to its environment:\n{lines}\n→ make spack-lock ENV={found.name}"
        )
    text = group_lock(project, recipe, environment).text
    return {"lock": hash_of(text.encode()), "externals": hash_of(_externals(found).encode())}


def _text(text: str, values: Mapping[str, str], recipe: Recipe) -> dict[str, str]:
    used = Definition(text).arguments - _PLACES
    unknown = used - values.keys()
    if unknown:
        raise ConfigError(f"{recipe.definition}: nothing gives a value for {', '.join(sorted(unknown))}")
    return {"definition": hash_of(text.encode()), **{f"argument {name}": hash_of(values[name].encode()) for name in sorted(used)}}

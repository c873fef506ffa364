"""Acts for the provider `spack`: fetches what a group is built from, and fills the build folder of its image."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.building.progress import BuildProgress
from esd_build.building.stage import BuildPlan, Stage
from esd_build.data.errors import ToolError
from esd_build.providers.spack import provider
from esd_build.providers.spack.locks.environment import SpackEnvironment
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.sources import accepted
from esd_build.providers.spack.sources import mirror as sources
from esd_build.providers.spack.workshop.session import Workshop
from esd_build.providers.spack.workshop.tool import Spack


def fetch_sources(workshop: Workshop, plan: BuildPlan, stage: Stage, builder: Path, progress: BuildProgress) -> None:
    """Fill the source mirror of this cache with what the group's lock needs; its stage's file lists them.

    Raises ToolError that names every source that cannot be fetched, all at once.
    """
    mirror = mirror_folder(workshop.cache)
    with workshop.spack(builder) as spack:
        put_group(spack, provider.spack_environment(workshop.project, plan.environment), plan.recipe.group or plan.recipe.name)
        needed = sources.as_accepted(sources.listed(spack, "group"), accepted.checksums(accepted.read(workshop.project)))
        missing = sources.fill(spack, needed, mirror, progress.say)
    workshop.cache.account.own(mirror)
    if missing:
        raise ToolError(f"{len(missing)} of {len(needed)} sources cannot be fetched:\n" + "\n".join(f"  {found}" for found in missing))
    target = workshop.cache.path(stage)
    workshop.cache.make_folder(target.parent)
    target.write_text("".join(f"{source.sha256 or 'commit'}  {source}  {source.path}\n" for source in needed))


def put_group(spack: Spack, environment: SpackEnvironment, group: str) -> Lock:
    """Lay one group of an environment's lock beside the environments, under the name `group`; returns its lock."""
    specs = environment.group(group)
    lock = environment.lock.group(specs)
    folder = spack.environments / "group"
    folder.mkdir()
    (folder / "spack.yaml").write_text(provider.group_text(specs, view=False))
    (folder / "spack.lock").write_text(lock.text)
    spack.apptainer.account.own(folder)
    return lock


def mirror_folder(cache: Cache) -> Path:
    """Where the sources of all locks are kept, in Spack's own layout; builds see it as /srv/mirror."""
    return cache.make_folder(cache.root / "spack" / "kept" / sources.MIRROR)


def fill(workshop: Workshop, plan: BuildPlan, folder: Path) -> None:
    """What the definition names beside the images: the group's lock, the configuration, the overlay repository."""
    for name, text in provider.files(workshop.project, plan.recipe, plan.environment).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, source in provider.folders(workshop.project).items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "system-*", "solver.in", "requirements.txt"))
    taken = provider.accepted_sources(workshop.project, plan.recipe, plan.environment)
    accepted.rewrite_recipes(folder / "environment/spack_repo/esd/packages", taken)


def images(plan: BuildPlan, cache: Cache) -> Mapping[str, Path]:
    """The images that the definition starts from: name in the build folder → file."""
    names = {"builder.sif": provider.BUILDER, "base.sif": plan.recipe.base}
    found = {stage.name: stage for stage in plan.stages if stage.kind == "image"}
    return {file: cache.path(found[name]) for file, name in names.items() if name}


def binds(cache: Cache) -> str:
    """What the build stage sees of the cache: finished groups, sources and built packages, Spack and its packages."""
    kept, trees = cache.make_folder(cache.root / "spack" / "kept"), cache.root / "spack" / "trees"
    return f"{cache.root / 'compiled'}:/mnt,{kept}:/srv,{trees}:/media"

"""The provider `spack`, as the port wants it: planning is in provider.py, fetching and filling in build.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.progress import BuildProgress
from esd_build.building.stage import BuildPlan, KnownPackages, Stage
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.port import PlanOf
from esd_build.providers.spack import build, provider
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.workshop.session import Workshop


@dataclass(frozen=True)
class Spack:
    """Installs a group of an environment's locked specs, in an image of Spack's own that is built before."""

    prerequisites: tuple[str, ...] = (provider.BUILDER,)
    has_lock: bool = True

    def plan(
        self, project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages, plan_of: PlanOf
    ) -> BuildPlan:
        return provider.make_plan(project, recipe, environment, architecture, plan_of)

    def download(self, workshop: Workshop, plan: BuildPlan, stage: Stage, built: Callable[[str], Path], progress: BuildProgress) -> None:
        build.fetch_sources(workshop, plan, stage, built(provider.BUILDER), progress)

    def fill(self, workshop: Workshop, plan: BuildPlan, folder: Path) -> Mapping[str, Path]:
        build.fill(workshop, plan, folder)
        definition = plan.recipe.definition
        return {definition.name: definition, **build.images(plan, workshop.cache)}

    def arguments(self, project: Project, plan: BuildPlan) -> Mapping[str, str]:
        return {**provider.arguments(project, plan.recipe, plan.environment), "builder": "builder.sif"}

    def binds(self, workshop: Workshop, plan: BuildPlan) -> str | None:
        return build.binds(workshop.cache)

    def lock(self, project: Project, plan: BuildPlan) -> Lock | None:
        return provider.group_lock(project, plan.recipe, plan.environment)

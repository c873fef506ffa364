"""The port of a provider: planning, building and an image's papers use it. `providers/choice.py` chooses a provider."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from esd_build.building.progress import BuildProgress
from esd_build.building.stage import BuildPlan, KnownPackages, Stage
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.spack.locks.lockfile import Lock
from esd_build.providers.spack.workshop.session import Workshop

PlanOf = Callable[[Recipe, Environment], BuildPlan]
"""Plans another image, in the same or in a changed environment."""


class Provider(Protocol):
    """One way to install an environment into an image."""

    @property
    def prerequisites(self) -> tuple[str, ...]:
        """Images that must be there before an image is planned to its end, besides its base."""

    @property
    def has_lock(self) -> bool:
        """Whether `lock` tells what was installed."""

    def plan(
        self, project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages, plan_of: PlanOf
    ) -> BuildPlan:
        """The stages of an image. Pure. Raises ConfigError if its data contradict each other."""

    def download(self, workshop: Workshop, plan: BuildPlan, stage: Stage, built: Callable[[str], Path], progress: BuildProgress) -> None:
        """Fetch what a `download` stage names into the cache; `built` gives a prerequisite's file. Raises ToolError."""

    def fill(self, workshop: Workshop, plan: BuildPlan, folder: Path) -> Mapping[str, Path]:
        """Write what the definition names into the build folder, and return what is to be copied there: name → file."""

    def arguments(self, project: Project, plan: BuildPlan) -> Mapping[str, str]:
        """Values of the definition's arguments, as far as the data decides them. Pure."""

    def binds(self, workshop: Workshop, plan: BuildPlan) -> str | None:
        """What the build sees of the cache, in Apptainer's words: HOST:CONTAINER[,…]."""

    def lock(self, project: Project, plan: BuildPlan) -> Lock | None:
        """What the image's papers tell of the installed packages, beyond its package databases."""

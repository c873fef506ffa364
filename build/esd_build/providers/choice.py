"""Which provider fills an image: chosen here and nowhere else."""

from esd_build.building.stage import BuildPlan
from esd_build.data.project import Environment, Recipe
from esd_build.providers.debian import Debian
from esd_build.providers.port import Provider
from esd_build.providers.spack.installation import Spack


def provider_of(environment: Environment, recipe: Recipe) -> Provider:
    """Spack, where the environment says so and the recipe names a group of its specs; what that stands on comes from Debian."""
    return Spack() if environment.provider == "spack" and recipe.group is not None else Debian()


def of(plan: BuildPlan) -> Provider:
    """The provider of a planned image."""
    return provider_of(plan.environment, plan.recipe)

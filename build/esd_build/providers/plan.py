"""What has to be built, in which order, and under which key: the plan of an image, computed without acting.

A stage's key is a hash of all that goes into it, so equal keys mean equal content, and a changed input names itself.
"""

from esd_build.building.stage import BuildPlan, KnownPackages
from esd_build.data.errors import UsageError
from esd_build.data.project import Environment, Project, Recipe
from esd_build.providers.choice import provider_of


def make_plan(project: Project, recipe: Recipe, environment: Environment, architecture: str, known_packages: KnownPackages) -> BuildPlan:
    """The plan of one image; raises UsageError if recipe and environment do not go together."""
    if environment.provider not in recipe.providers:
        raise UsageError(f"image '{recipe.name}' has no provider '{environment.provider}', which environment '{environment.name}' needs")

    def plan_of(other: Recipe, same: Environment) -> BuildPlan:
        return make_plan(project, other, same, architecture, known_packages)

    return provider_of(environment, recipe).plan(project, recipe, environment, architecture, known_packages, plan_of)

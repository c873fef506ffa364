"""What the commands about images begin with: the checkout around the user, the recipe and the environment that they name."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.building import machine
from esd_build.building.cache import Cache
from esd_build.building.progress import BuildProgress
from esd_build.data import target
from esd_build.data.errors import UsageError
from esd_build.data.project import Environment, Project, Recipe
from esd_build.factory import Factory
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Account

ImageName = Annotated[str, typer.Argument(metavar="IMAGE", help="a folder of recipes/")]
EnvironmentName = Annotated[str, typer.Option("--env", help="A folder of spack-envs/.")]
ProviderName = Annotated[
    str | None, typer.Option("--provider", help="How the environment is installed; default: as its release.yaml says.")
]
TargetName = Annotated[
    str | None, typer.Option("--target", help="The oldest processor that runs the image, e.g. x86_64_v4; default: the environment's.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_environment(project: Project, env: str, provider: str | None = None, chosen: str | None = None) -> Environment:
    """The environment that a user names, for the kind of processor of this machine."""
    environment = project.environment(env, provider)
    found = target.for_machine(chosen or environment.target, machine.architecture(), chosen=chosen is not None)
    return environment.with_target(found)


def open_factory(
    image: str, env: str, provider: str | None = None, chosen: str | None = None, *, draft: bool = False
) -> tuple[Factory, Recipe]:
    """The factory of an environment, and one of its recipes."""
    project = Project.find(Path.cwd())
    recipe, environment = project.recipe(image), open_environment(project, env, provider, chosen)
    environment = environment.model_copy(update={"draft": draft})
    account = Account.current()
    cache = Cache.open(account)
    return Factory(project, environment, cache, Apptainer(account, cache.root / "temporary"), BuildProgress()), recipe


def built(project: Project, recipe: Recipe, environment: Environment) -> Path:
    """The finished image; raises UsageError if it is not there."""
    file = project.images / f"{recipe.name}-{environment.label}.sif"
    if not file.is_file():
        raise UsageError(f"{file.relative_to(project.root)} is not built yet: `make image {_words(recipe, environment)}`")
    return file


def _words(recipe: Recipe, environment: Environment) -> str:
    """What `make image` must be told to build an image."""
    provider = "" if environment.variant or environment.default_provider else f" PROVIDER={environment.provider}"
    target = "" if environment.default_target else f" TARGET={environment.target}"
    return f"IMAGE={recipe.name} ENV={environment.path}{provider}{target}"

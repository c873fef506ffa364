"""Which images can be built: every recipe with every environment that fits, found in the data. Pipelines build these.

Whether two go together is asked of the planner, the one that a build asks too: so a new recipe, environment or variant needs no list.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from esd_build.catalogue.forms import Form, form_of
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Environment, Project
from esd_build.providers.plan import make_plan

_ARCHITECTURE = "x86_64"


@dataclass(frozen=True)
class Buildable:
    """One image that can be built, in the words that `make image` takes; `provider` is empty if the environment decides it."""

    image: str
    environment: str
    provider: str
    name: str
    form: Form

    @property
    def nightly(self) -> bool:
        """Whether it takes too long for every push."""
        return self.form != "debian"


def buildable(project: Project) -> tuple[Buildable, ...]:
    """All of them, except images that only serve as a base (`compression: fast`)."""
    recipes = [recipe for name in project.recipe_names if (recipe := project.recipe(name)).compression != "fast"]
    found = []
    for recipe in recipes:
        for path, provider, environment in _environments(project):
            try:
                planned = make_plan(project, recipe, environment, _ARCHITECTURE, lambda _image, _key: None)
            except (ConfigError, UsageError):
                continue  # the two do not go together
            name = planned.file_name.removesuffix(".sif")
            found.append(Buildable(recipe.name, path, provider, name, form_of(environment)))
    return tuple(found)


def _environments(project: Project) -> Iterator[tuple[str, str, Environment]]:
    """Each form of each environment once: as it says itself, its variants, and all of it by Spack."""
    for name in project.environment_names:
        usual = project.environment(name)
        yield name, "", usual
        for folder in sorted(path.parent.name for path in usual.folder.glob("*/spack.yaml")):
            if folder != usual.variant:
                yield f"{name}/{folder}", "", project.environment(f"{name}/{folder}")
        if (usual.folder / "spack.yaml").is_file() and form_of(usual) != "full":
            yield name, "spack", project.environment(name, "spack")


def chosen(found: Sequence[Buildable], *, nightly: bool) -> tuple[Buildable, ...]:
    """What one run of a pipeline builds: at night all, else what is quick."""
    return tuple(one for one in found if nightly or not one.nightly)


def github(found: Sequence[Buildable]) -> str:
    """The value of `strategy.matrix`, on one line."""
    return json.dumps({"include": [_github_row(one) for one in found]}, separators=(",", ":"))


def _github_row(one: Buildable) -> Mapping[str, str]:
    return {"name": one.name, "image": one.image, "environment": one.environment, "provider": one.provider}


def gitlab(found: Sequence[Buildable], jobs: str) -> str:
    """A child pipeline (JSON is YAML): the jobs of a file of the checkout, once for each image."""
    matrix = [{"IMAGE": one.image, "ENV": one.environment, "PROVIDER": one.provider} for one in found]
    return json.dumps({"include": [{"local": jobs}], ".images": {"parallel": {"matrix": matrix}}}, indent=1) + "\n"

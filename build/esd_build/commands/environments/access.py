"""How the commands come by Spack: a builder image, made where it is missing, and a working copy of the environments."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from esd_build.building.cache import Cache
from esd_build.building.progress import BuildProgress
from esd_build.data.project import Project
from esd_build.factory import Factory
from esd_build.providers.spack.workshop.tool import Spack
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Account

EnvironmentName = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="a folder of spack-envs/ with a spack.yaml")]

_BUILDER_OF = "edge"


def open_factory(name: str) -> Factory:
    """The factory of an environment, with Spack as its provider."""
    project = Project.find(Path.cwd())
    account = Account.current()
    cache = Cache.open(account)
    return Factory(project, project.environment(name, "spack"), cache, Apptainer(account, cache.root / "temporary"), BuildProgress())


@contextmanager
def open_spack(name: str) -> Iterator[Spack]:
    """Spack in a builder image, one at a time in this cache.

    It is that of one environment for all of the same Debian suite: there, all builders have the same compilers and the same C library.
    """
    factory = open_factory(name)
    builder = open_factory(_BUILDER_OF)
    if builder.environment.suite != factory.environment.suite:
        builder = factory
    with factory.cache.lock, factory.workshop.spack(builder.builder()) as spack:
        yield spack

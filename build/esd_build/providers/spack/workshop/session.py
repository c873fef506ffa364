"""Gets Spack ready to work: its pinned trees, its solver, and a working copy of the environments, in the builder image."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.building import downloads
from esd_build.building.cache import Cache
from esd_build.building.stage import file_hash
from esd_build.data.project import Environment, Project
from esd_build.data.whole import whole_folder
from esd_build.providers.spack.locks.environment import read_tools
from esd_build.providers.spack.workshop.checkout import trees
from esd_build.providers.spack.workshop.tool import Spack, working_copy
from esd_build.tools.apptainer import Apptainer

_SOLVER = "common"


@dataclass(frozen=True)
class Workshop:
    """What Spack's work needs, whatever the work is."""

    project: Project
    release: Environment
    cache: Cache
    apptainer: Apptainer
    say: Callable[[str], None]

    @contextmanager
    def spack(self, builder: Path) -> Iterator[Spack]:
        """Spack in the builder image, over a copy of the environments that is gone afterwards."""
        found = trees(read_tools(self.project), self.cache, self.say)
        with working_copy(self.project, self.cache) as work:
            yield Spack(self.apptainer, builder, found, self._solver(), work, self.cache)

    def _solver(self) -> Path:
        """The wheels of Spack's solver for the Python of the base image, unpacked; fetched once, by hash."""
        environment = self.release.model_copy(update={"folder": self.project.root / "spack-envs" / _SOLVER, "image": None})
        key = file_hash(environment.file("requirements.txt"))[:16]
        target = self.cache.root / "spack" / f"solver-{environment.python}-{key}"
        if not target.is_dir():
            self.cache.make_folder(target.parent)
            wheels = target.with_name(f"{target.name}.wheels")
            downloads.wheels(environment, wheels)
            with whole_folder(target) as part:
                for wheel in wheels.glob("*.whl"):
                    zipfile.ZipFile(wheel).extractall(part)
                self.cache.account.own(part)
        return target

"""Spack, run in the builder image: the only module that knows its command line.

In the image, because compiler and C library decide a lock, and those of the image are meant, not those of the machine.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.data.project import Project
from esd_build.providers.spack.workshop.checkout import Trees
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Finished, remove_as, run

# Where things lie inside the container. The store is where images have it, so that what is built here fits there.
STORE = "/opt/esd/store"
SPACK, PACKAGES, SOLVER, WORK, CACHE = "/opt/spack", "/opt/spack-packages", "/opt/clingo", "/work", "/srv"
_BUILTIN = f"{PACKAGES}/repos/spack_repo/builtin"


@dataclass(frozen=True)
class Spack:
    """Spack over a copy of the project's environments in a working folder."""

    apptainer: Apptainer
    builder: Path
    trees: Trees
    solver: Path
    work: Path
    cache: Cache

    @property
    def environments(self) -> Path:
        """The copy of spack-envs/ that Spack works in."""
        return self.work / "spack-envs"

    def __call__(self, *arguments: str, environment: str | None = None, on_line: Callable[[str], None] = lambda _line: None) -> Finished:
        """Run one Spack command; `environment` is a path below spack-envs/."""
        chosen = ("-e", f"{WORK}/spack-envs/{environment}") if environment else ()
        return self.container((f"{SPACK}/bin/spack", "-C", f"{WORK}/scope", *chosen, *arguments), on_line=on_line)

    def container(self, command: Sequence[str], on_line: Callable[[str], None] = lambda _line: None) -> Finished:
        """Run any command where Spack runs."""
        argv = container_argv(self.builder, self._binds(), command)
        return run(argv, account=self.apptainer.account, on_line=on_line, keep_lines=100_000)

    def _binds(self) -> tuple[str, ...]:
        kept = self.cache.make_folder(self.cache.root / "spack" / "kept")
        return (
            f"{self.trees.spack}:{SPACK}:ro",
            f"{self.trees.packages}:{PACKAGES}:ro",
            f"{self.solver}:{SOLVER}:ro",
            f"{self.work}:{WORK}",
            f"{self.work / 'store'}:{STORE}",
            f"{self.work / 'tmp'}:/tmp",
            f"{kept}:{CACHE}",
        )


def container_argv(image: Path, binds: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    """Apptainer's command line: nothing of the machine but what is bound, and Spack kept from its user's configuration."""
    variables = {
        "SPACK_DISABLE_LOCAL_CONFIG": "1",
        "SPACK_USER_CACHE_PATH": f"{CACHE}/user-cache",
        "PYTHONPATH": SOLVER,
        "HOME": "/tmp",  # noqa: S108 - the container's own, gone with it
        "LC_ALL": "C.UTF-8",
    }
    options = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
    options += [option for bind in binds for option in ("--bind", bind)]
    return ("apptainer", "--silent", "exec", "--cleanenv", "--containall", "--no-home", "--writable-tmpfs", *options, str(image), *command)


@contextmanager
def working_copy(project: Project, cache: Cache) -> Iterator[Path]:
    """A folder of the building account with a copy of spack-envs/ and the scope that names the repositories; gone afterwards."""
    folder = cache.root / "spack" / "work"
    remove_as(cache.account, [folder] if folder.exists() else [])
    cache.make_folder(folder)
    try:
        shutil.copytree(project.root / "spack-envs", folder / "spack-envs", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "scope").mkdir()
        for name in ("store", "tmp"):  # what the container has of its own is too small for packages
            (folder / name).mkdir()
        for name, text in scope(f"{WORK}/spack-envs/spack_repo/esd", _BUILTIN).items():
            (folder / "scope" / name).write_text(text)
        cache.account.own(folder)
        yield folder
    finally:
        remove_as(cache.account, [folder])


def scope(overlay: str, builtin: str) -> Mapping[str, str]:
    """The configuration that goes before all other: both repositories by path, ours first, no bootstrapping, Spack's tree left alone."""
    return {
        "repos.yaml": f"repos:\n  esd: {overlay}\n  builtin: {builtin}\n",
        "bootstrap.yaml": "bootstrap:\n  enable: false\n",
        "config.yaml": f"config:\n  source_cache: {CACHE}/source-cache\n",
    }

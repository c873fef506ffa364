"""Sources that a user accepted although their checksum is not the recipe's: for images of this machine, which cannot be published.

Releases of NEST before 3.10 are archives that only GitHub has. Somebody who brings the same files from elsewhere (`git archive` of the tag)
has another archive of them, and so another checksum. What was accepted is noted in the checkout's `dist/`, which no commit holds.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from esd_build.data import documents
from esd_build.data.documents import Document
from esd_build.data.errors import UsageError
from esd_build.data.project import Project
from esd_build.data.whole import write_whole
from esd_build.providers.spack.locks.lockfile import Lock

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Accepted(Document):
    """One such source: the recipe's checksum of it, and the file's own."""

    package: str
    version: str
    recipe: Sha256
    sha256: Sha256

    def __str__(self) -> str:
        return f"{self.package}@{self.version} sha256:{self.sha256}"


class AcceptedFile(Document):
    """`dist/accepted-sources.yaml` of a checkout."""

    sources: tuple[Accepted, ...] = Field((), description="one a package and version")


def read(project: Project) -> tuple[Accepted, ...]:
    """What was accepted in this checkout. Raises ConfigError for a wrong file."""
    path = _path(project)
    return documents.load(path, AcceptedFile).sources if path.is_file() else ()


def add(project: Project, found: Accepted) -> Path:
    """Note one more; an earlier one of the same package and version goes."""
    others = [one for one in read(project) if (one.package, one.version) != (found.package, found.version)]
    path = _path(project)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, AcceptedFile(sources=(*others, found)).model_dump_json(indent=1) + "\n")
    return path


def of_lock(accepted: Iterable[Accepted], lock: Lock) -> tuple[Accepted, ...]:
    """Those that a lock needs, by name."""
    return tuple(sorted((one for one in accepted if any(p.version == one.version for p in lock.named(one.package))), key=str))


def checksums(accepted: Iterable[Accepted]) -> Mapping[str, str]:
    """The recipe's checksum → that of the file which was accepted."""
    return {one.recipe: one.sha256 for one in accepted}


def told(accepted: Iterable[Accepted]) -> str:
    """As the label has it; empty if there are none."""
    return ", ".join(map(str, accepted))


def rewrite_recipes(packages: Path, accepted: Iterable[Accepted]) -> None:
    """Let the recipes in a build folder (`spack_repo/esd/packages`) ask for the accepted files. Raises UsageError if one is not ours."""
    for one in accepted:
        recipe = packages / one.package.replace("-", "_") / "package.py"
        text = recipe.read_text() if recipe.is_file() else ""
        if one.recipe not in text:
            raise UsageError(
                f"{one.package} has no recipe in spack-envs/spack_repo with the checksum {one.recipe[:12]}…: its source cannot be replaced"
            )
        recipe.write_text(text.replace(one.recipe, one.sha256))


def _path(project: Project) -> Path:
    return project.root / "dist" / "accepted-sources.yaml"

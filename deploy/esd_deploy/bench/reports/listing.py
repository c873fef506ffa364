"""The series below a folder, as a list shows them, and the page of one. What lies there is checked before use, and no link is followed."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import printable
from esd_deploy.bench.reports.files import PAGE
from esd_deploy.bench.reports.report import FILE_NAME, Outcome
from esd_deploy.plans import paths

_LARGEST = 64 * 1024**2
_LARGEST_PAGE = 20 * 1024**2


class _Point(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: Outcome


class Heading(BaseModel):
    """What a list shows of a series."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    description: str
    site: str
    created: str
    points: tuple[_Point, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many points showed what."""
        return Counter(one.outcome for one in self.points)


@dataclass(frozen=True)
class Listed:
    """One series by its folder's name. `page`: it has one, as all its points were measured. `problem`: why it cannot be read."""

    folder: str
    heading: Heading | None
    page: bool
    problem: str = ""


def series(folder: Path) -> tuple[Listed, ...]:
    """All series that lie directly below a folder, the newest first; none if there is no such folder."""
    found = [_listed(folder, name) for name in _names(folder)]
    return tuple(sorted(found, key=lambda one: (one.heading.created if one.heading else "", one.folder), reverse=True))


def _names(folder: Path) -> Iterator[str]:
    """Real folders with a series.json, as far as this user may look."""
    try:
        below = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
        yield from (name for name in below if os.path.lexists(folder / name / FILE_NAME))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}; name the folder of the series, e.g. --bench bench") from error


def _listed(folder: Path, name: str) -> Listed:
    try:
        heading = Heading.model_validate_json(paths.read(folder, f"{name}/{FILE_NAME}", _LARGEST))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Listed(name, None, page=False, problem=printable(f"{FILE_NAME} is none of `esd-deploy bench`: {where}: {first['msg']}", 300))
    except OSError as error:
        return Listed(name, None, page=False, problem=f"{FILE_NAME}: {error.strerror}")
    except ToolError as error:
        return Listed(name, None, page=False, problem=str(error))
    return Listed(name, heading, page=(folder / name / PAGE).is_file())


def page(folder: Path, name: str) -> bytes:
    """The page of one series, as `bench` wrote it. Raises UsageError for what is no series, ToolError for what is no plain file."""
    if name not in _names(folder) or _listed(folder, name).problem:
        raise UsageError(f"{printable(name, 100)!r} is no series in {folder}; the page Bench lists those that are")
    try:
        return paths.read(folder, f"{name}/{PAGE}", _LARGEST_PAGE)
    except OSError as error:
        raise UsageError(
            f"{folder / name / PAGE}: {error.strerror}; `esd-deploy bench FILE` writes it once all points are measured"
        ) from error

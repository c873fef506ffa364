"""A run's folder on this disk: where a result goes, folders and links that are made, and what stands in the way of either."""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from esd_build.data.errors import ToolError
from esd_deploy.fetching.places import fitted, is_own, text
from esd_deploy.fetching.wanted import Link, Problem
from esd_deploy.plans import paths


def target(folder: Path, path: str) -> Path:
    """Where a file that the server named goes; raises ToolError for a name that leads out of the folder or onto the record."""
    named = f"the site names a result {text(path)!r}, which has no place in {folder}"
    if is_own(path):
        raise ToolError(f"{named} (it is the name of esd-deploy's own file); nothing was written there")
    try:
        return paths.inside(folder, path)
    except ToolError as error:
        raise ToolError(f"{named} ({error}); nothing was written there") from error


def make_folder(folder: Path, path: str) -> Problem | None:
    """An empty one."""
    try:
        target(folder, path).mkdir(parents=True, exist_ok=True)
    except (OSError, ToolError) as error:
        return Problem(path, None, f"cannot be made here: {error}", "folder")
    return None


def make_link(folder: Path, link: Link) -> Problem | None:
    """In the place of a link that is there; nothing else gives way to it."""
    place = folder / link.place
    try:
        target(folder, f"{link.place}.part").parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        target(folder, link.place).symlink_to(link.target)
    except (OSError, ToolError) as error:
        return Problem(text(link.path), None, f"cannot be made here: {error}", "link")
    return None


def make_way(folder: Path, links: Iterable[Link], staged: tuple[str, ...]) -> None:
    """A fetch in mid-run cannot tell a link to a folder from a folder: the copies that it made are not wanted once the job told."""
    for link in links:
        place = folder / link.place
        if place.is_symlink() or any(f"{path}/".startswith(f"{link.place}/") for path in staged):
            continue
        with suppress(ToolError, OSError):
            if target(folder, link.place).is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)


def is_alike(folder: Path) -> bool:
    """Whether this disk takes names for one that differ in case only, as most Macs do."""
    for one in (folder.resolve(), folder / "run.json"):
        other = one.with_name(one.name.upper())
        with suppress(OSError):
            if other.name != one.name and other.samefile(one):
                return True
    return False


def clear(folder: Path, files: Sequence[str], folders: Sequence[str], links: Sequence[str]) -> None:
    """What an earlier fetch brought stands aside where the job has made a folder of a file since, or a file of a folder."""
    above = {str(one) for place in (*files, *folders, *links) for one in PurePosixPath(place).parents} | set(folders)
    for place in sorted(above - {"."}):
        if (folder / place).is_file() and not (folder / place).is_symlink():
            _set_aside(folder / place)
    for place in files:
        if (folder / place).is_dir() and not (folder / place).is_symlink():
            _set_aside(folder / place)


def retire(folder: Path, outdated: Iterable[str]) -> list[str]:
    """Files of an earlier fetch, which the job's folder has no more, stand aside. Returns the paths of those that were here."""
    retired = []
    for path in outdated:
        with suppress(ToolError, OSError):
            place = target(folder, path)
            if place.is_file() and not place.is_symlink():
                _set_aside(place)
                retired.append(path)
    return retired


def _set_aside(place: Path) -> None:
    number, aside = 1, place.with_name(fitted(place.name, ".earlier"))
    while os.path.lexists(aside):
        number += 1
        aside = place.with_name(fitted(place.name, f".earlier~{number}"))
    with suppress(OSError):  # then the file that needs the place is named
        place.rename(aside)

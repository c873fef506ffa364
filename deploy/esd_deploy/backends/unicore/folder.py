"""Walks through a job's folder as UNICORE lists it. UNICORE follows links, so a folder may seem to contain itself. Pure.

UNICORE does not mark links. A folder that lists exactly the same files as one of its parents, with the same times, is a link to it.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import RemoteFile
from esd_deploy.backends.inventory import LIST
from esd_deploy.backends.unicore.names import is_rewritten

Content = Mapping[str, Mapping[str, Any]]
"""Path → properties, of one folder."""
Lister = Callable[[str], Content | str]
"""The content of a folder, or why it cannot be listed."""
_MOST = 50_000
"""Most folders that are listed; further ones are only reported."""
_MOST_FILES = 200_000
"""Files and folders that are named in all lists together: a site may name new folders in each, and never come to an end."""
_NOTES = LIST.partition("/")[0]
_REPEATS = 8
"""Most nested folders that each contain only one folder of the same name and time."""
_Signature = frozenset[tuple[object, ...]]
_Folder = tuple[str, tuple[_Signature, ...]]
"""A path, and the lists of its parent folders."""


def walk(listed: Lister, noted_links: Callable[[], Container[str]]) -> tuple[RemoteFile, ...]:
    """All files, and what cannot be listed. `noted_links` returns the paths that the job noted as links."""
    found: list[RemoteFile] = []
    notes: list[_Folder] = [(f"/{_NOTES}/", ())]
    waiting: list[_Folder] = [("/", ())]
    skip: Container[str] = ()
    visited: set[str] = set()
    named = 0
    while waiting or notes:
        path, above = (notes if visited and notes else waiting).pop()  # after the top, what the job noted comes first
        name = path.strip("/")
        if name in visited or name in skip:
            continue
        visited.add(name)
        content = listed(path) if len(visited) <= _MOST else f"it has more than {_MOST} folders"
        named += 0 if isinstance(content, str) else len(content)
        _require_few(named)
        if isinstance(content, str):
            found += _unlisted(name, content)
        elif _leads_back(_signature(path, content), above):
            found.append(RemoteFile(name, None, problem="it contains its own folder: a link leads back to it", kind="link"))
        else:
            _take(path, content, above, found, waiting)
        if name == _NOTES and any(file.path == LIST for file in found):
            skip = noted_links()
    return tuple(found)


def _require_few(named: int) -> None:
    if named > _MOST_FILES:
        raise ToolError(
            f"the site lists more than {_MOST_FILES} files in the job's folder; pack them in the script, or fetch them yourself"
        )


def _unlisted(name: str, why: str) -> Iterator[RemoteFile]:
    """A folder that cannot be listed. In the job's own folder, some files are known to exist."""
    yield RemoteFile(name, None, problem=why, kind="folder")
    if not name:
        yield from (RemoteFile(path, None) for path in ("stdout", "stderr"))


def _take(base: str, content: Content, above: tuple[_Signature, ...], found: list[RemoteFile], waiting: list[_Folder]) -> None:
    """Note the files of a folder and its subfolders to visit; ignore entries that claim to be elsewhere."""
    inside = (*above, _signature(base, content))
    for path, properties in content.items():
        if not properties["isDirectory"] or is_rewritten(str(path)):
            found.append(RemoteFile(str(path).lstrip("/"), max(0, int(properties["size"]))))
        elif str(path).startswith(base) and len(str(path)) > len(base):
            waiting.append((str(path), inside))


def _leads_back(signature: _Signature, above: tuple[_Signature, ...]) -> bool:
    has_files = any(not is_folder for _, is_folder, *_ in signature)
    return bool(signature) and above.count(signature) >= (1 if has_files else _REPEATS)


def _signature(base: str, content: Content) -> _Signature:
    """What identifies the list of a folder: names, kinds, sizes, times."""
    return frozenset(
        (str(path).removeprefix(base).strip("/"), bool(one["isDirectory"]), one.get("size"), one.get("lastAccessed"))
        for path, one in content.items()
    )

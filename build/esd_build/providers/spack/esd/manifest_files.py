"""The files of a checkout of `ebrains-spack-builds`, and every statement about a version in them.

Documented layout: `spack.yaml` at the top (the environment of the release), `site-config/<system>/` with Spack configuration of a system.
Spack merges the two: both hold.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from esd_build.data.errors import ConfigError
from esd_build.providers.spack.esd.specs import Mention, mentions, package_of

Kind = Literal["spec", "external", "preference", "choice", "condition"]
_BINDING: tuple[Kind, ...] = ("spec", "external")


@dataclass(frozen=True)
class Statement:
    """What one place of a file says of one package's version.

    spec: it is asked for, or required · external: the system brings it, and nothing else is built · preference: wanted, not required ·
    choice: one of several · condition: required under a condition only.
    """

    package: str
    mention: Mention
    where: str
    kind: Kind = "spec"

    @property
    def binds(self) -> bool:
        """Whether the environment cannot have another version."""
        return self.kind in _BINDING


@dataclass(frozen=True)
class Reading:
    """All statements of a checkout, and what in its files was not understood."""

    statements: tuple[Statement, ...]
    unread: tuple[str, ...]


def read(checkout: Path, files: Sequence[Path]) -> Reading:
    """Read the files and what they include. Raises ConfigError for one that cannot be read."""
    statements: list[Statement] = []
    unread: list[str] = []
    waiting, seen = list(files), set[Path]()
    while waiting:
        path = waiting.pop(0)
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        where, content = str(path.relative_to(checkout)), _parsed(path)
        included, others = _included(checkout, path, content)
        waiting += included
        unread += [f"{where}: include: {name} was not followed" for name in others]
        statements += _statements(content, where, unread)
    return Reading(tuple(statements), tuple(unread))


def _parsed(path: Path) -> Mapping[str, object]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys to values")
    return _mapping(content.get("spack", content))


def _included(checkout: Path, path: Path, content: Mapping[str, object]) -> tuple[list[Path], list[str]]:
    """Files of the checkout that a file includes, and the names of what is not one of them."""
    files: list[Path] = []
    others: list[str] = []
    for entry in _list(content.get("include")):
        conditional = isinstance(entry, Mapping) and "when" in entry
        name = str(entry.get("path", entry)) if isinstance(entry, Mapping) else str(entry)
        found = (path.parent / name).resolve()
        inside = found.is_relative_to(checkout.resolve())
        if inside and found.is_dir() and not conditional:
            files += sorted(found.rglob("*.yaml"))
        elif inside and found.is_file() and not conditional:
            files.append(checkout / found.relative_to(checkout.resolve()))
        else:
            others.append(name)
    return files, others


def _statements(content: Mapping[str, object], where: str, unread: list[str]) -> Iterator[Statement]:
    """Of the specs of an environment, the lists that it defines, and what its `packages:` say."""
    lists = {
        str(name): _list(value) for part in _list(content.get("definitions")) for name, value in _mapping(part).items() if name != "when"
    }
    for values in (_list(content.get("specs")), *lists.values()):
        for spec in _expanded(values, lists, where, unread, frozenset()):
            yield from (Statement(found.name, found, where) for found in mentions(spec) if found.name)
    for name, settings in _mapping(content.get("packages")).items():
        yield from _of_package(str(name).replace("_", "-"), _mapping(settings), where, unread)


def _expanded(
    values: Sequence[object], lists: Mapping[str, Sequence[object]], where: str, unread: list[str], within: frozenset[str]
) -> Iterator[str]:
    """The specs of a list: names of other lists and matrices written out."""
    for value in values:
        if isinstance(value, Mapping) and "matrix" in value:
            rows = [list(_expanded(_list(row), lists, where, unread, within)) for row in _list(value["matrix"])]
            excluded = [str(spec) for spec in _list(value.get("exclude"))]
            if excluded:
                unread.append(f"{where}: a matrix excludes {', '.join(excluded)}, which esd-build does not evaluate")
            yield from (" ".join(parts) for parts in itertools.islice(itertools.product(*rows), 10_000))
        elif isinstance(value, str) and value.startswith("$"):
            name = value.lstrip("$^%")
            if name in lists and name not in within:
                yield from _expanded(lists[name], lists, where, unread, within | {name})
            else:
                unread.append(f"{where}: {value} is not a list of this file")
        elif isinstance(value, str):
            yield value
        else:
            unread.append(f"{where}: a spec of an unknown form: {str(value)[:80]}")


def _of_package(name: str, settings: Mapping[str, object], where: str, unread: list[str]) -> Iterator[Statement]:
    for requirement in _list(settings.get("require")):
        yield from _required(name, requirement, where)
    for version in _list(settings.get("version")):
        yield from _named(name, f"@{version}", where, "preference")
    for key in ("prefer", "compiler"):
        for spec in _list(settings.get(key)):
            text = str(spec.get("spec", "")) if isinstance(spec, Mapping) else str(spec)
            yield from _named(name, f"%{text}" if key == "compiler" else text, where, "preference")
    externals = [str(_mapping(entry).get("spec", "")) for entry in _list(settings.get("externals"))]
    only = settings.get("buildable") is False and len(externals) == 1
    for text in externals:
        yield from itertools.islice(_named(name, text, where, "external" if only else "choice"), 1)
    if unknown := settings.keys() & {"conflict"}:
        unread.append(f"{where}: packages: {name}: {', '.join(sorted(unknown))} is unknown to esd-build")


def _required(name: str, requirement: object, where: str) -> Iterator[Statement]:
    if isinstance(requirement, Mapping):
        choices = [str(spec) for key in ("one_of", "any_of") for spec in _list(requirement.get(key))]
        specs = [str(requirement["spec"])] if "spec" in requirement else choices
        kind: Kind = "condition" if "when" in requirement else "choice" if len(choices) > 1 else "spec"
    else:
        specs, kind = [str(requirement)], "spec"
    for spec in specs:
        yield from _named(name, spec, where, kind)


def _named(name: str, spec: str, where: str, kind: Kind) -> Iterator[Statement]:
    """What a spec says below a package's name: `@3.8` is of that package, `%gcc@13` of the compiler."""
    own = package_of(spec) in {"", name}
    for found in mentions(spec):
        package = found.name or (name if own else "")
        if package and package != "all":
            yield Statement(package, found, where, kind)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [] if value is None else [value]

"""What the project must know of Spack's lock file (lockfile version 6): pure, without Spack.

Follows Spack's documentation, "Environments", and the files that Spack 1.1 writes.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esd_build.data.errors import ConfigError

LOCKFILE_VERSION = 6
_DIFFERENCE_KEYS = ("version", "namespace", "arch", "parameters", "external", "patches")


@dataclass(frozen=True)
class Concrete:
    """One package of a lock: everything about it decided. `content` is Spack's own record of it."""

    hash: str
    name: str
    version: str
    namespace: str
    prefix: str | None
    dependencies: tuple[tuple[str, frozenset[str]], ...]
    content: Mapping[str, Any]

    @property
    def is_external(self) -> bool:
        """True if the base image brings it along, and Spack does not build it."""
        return self.prefix is not None


@dataclass(frozen=True)
class Change:
    """How one package of two locks differs; `before` or `after` is empty if one of them does not have it."""

    package: str
    before: str
    after: str
    what: str

    def __str__(self) -> str:
        return f"{self.package}: {self.before or 'not there'} → {self.after or 'gone'}{f' ({self.what})' if self.what else ''}"


@dataclass(frozen=True)
class Lock:
    """A `spack.lock`: the specs that were asked for, and all packages that they need."""

    roots: Mapping[str, str]
    packages: Mapping[str, Concrete]
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Lock":
        """Raises ConfigError if the file is missing, is not a lock, or has another version."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["_meta"]["lockfile-version"]
            roots = {str(root["spec"]): str(root["hash"]) for root in content["roots"]}
            packages = {key: _concrete(key, value) for key, value in content["concrete_specs"].items()}
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: no such file; `make spack-lock ENV={path.parent.name}` makes it") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a lock file of Spack ({error}); `make spack-lock ENV={path.parent.name}` makes one") from error
        if version != LOCKFILE_VERSION:
            raise ConfigError(f"{path}: lockfile version {version}; this program reads version {LOCKFILE_VERSION}")
        missing = sorted({dep for p in packages.values() for dep, _ in p.dependencies} | set(roots.values()) - packages.keys())
        missing = [key for key in missing if key not in packages]
        if missing:
            raise ConfigError(f"{path}: not whole: nothing is said about {', '.join(missing[:3])}; restore it with git, or make it again")
        return cls(roots, packages, content)

    def named(self, package: str) -> tuple[Concrete, ...]:
        """All packages of a name; more than one where only a build tool differs."""
        return tuple(found for found in self.packages.values() if found.name == package)

    def reachable(self, start: Collection[str], kinds: Collection[str] | None = None) -> Iterator[Concrete]:
        """The packages with these hashes and what they need, each once; `kinds` restricts to some kinds of dependency."""
        seen: set[str] = set()
        waiting = list(start)
        while waiting:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            yield self.packages[key]
            waiting += [dep for dep, found in self.packages[key].dependencies if kinds is None or found & set(kinds)]

    def group(self, specs: Collection[str]) -> "Lock":
        """The part of the lock that some of its specs need. Raises ConfigError if it does not have one of them."""
        absent = sorted(set(specs) - self.roots.keys())
        if absent:
            raise ConfigError(f"spack.lock does not have {', '.join(absent)}, which spack.yaml asks for; `make spack-lock` renews it")
        roots = {spec: key for spec, key in self.roots.items() if spec in specs}
        keys = {found.hash for found in self.reachable(list(roots.values()))}
        content = {
            **self.content,
            "roots": [root for root in self.content["roots"] if root["spec"] in roots],
            "concrete_specs": {key: value for key, value in self.content["concrete_specs"].items() if key in keys},
        }
        return Lock(roots, {key: self.packages[key] for key in self.packages if key in keys}, content)

    @property
    def runtime(self) -> tuple[Concrete, ...]:
        """What must be in an image: the specs asked for, and all that they link with or run."""
        found = self.reachable(list(self.roots.values()), kinds=("link", "run"))
        return tuple(sorted(found, key=lambda package: (package.name, package.hash)))

    @property
    def text(self) -> str:
        """As Spack writes it, but with line breaks, so that differences can be read."""
        return json.dumps(self.content, indent=1, sort_keys=True) + "\n"


def difference(before: Lock, after: Lock) -> tuple[Change, ...]:
    """What another concretizer run was asked for, and decided, otherwise; by package name. The order in a file does not count."""
    asked = (
        Change(spec, "asked for" if spec in before.roots else "", "asked for" if spec in after.roots else "", "")
        for spec in sorted(before.roots.keys() ^ after.roots.keys())
    )
    both = before.packages.keys() & after.packages.keys()
    # A spec that now means another package that both locks have: no package comes or goes by that.
    moved = (
        Change(spec, f"/{old[:7]}", f"/{after.roots[spec][:7]}", "another package for the same spec")
        for spec, old in sorted(before.roots.items())
        if spec in after.roots and after.roots[spec] != old and {old, after.roots[spec]} <= both
    )
    names = sorted({p.name for p in before.packages.values()} | {p.name for p in after.packages.values()})
    return (*asked, *moved, *(change for name in names for change in _changes(name, before.named(name), after.named(name))))


def _changes(name: str, before: tuple[Concrete, ...], after: tuple[Concrete, ...]) -> Iterator[Change]:
    old = {p.hash: p for p in before if p.hash not in {q.hash for q in after}}
    new = {p.hash: p for p in after if p.hash not in {q.hash for q in before}}
    pairs = list(zip(old.values(), new.values(), strict=False))
    for left, right in pairs:
        yield Change(name, f"{left.version} /{left.hash[:7]}", f"{right.version} /{right.hash[:7]}", _why(left, right))
    for left in list(old.values())[len(pairs) :]:
        yield Change(name, left.version, "", "")
    for right in list(new.values())[len(pairs) :]:
        yield Change(name, "", right.version, "")


def _why(left: Concrete, right: Concrete) -> str:
    """The keys of the record that differ; where none does, the recipe or something below it changed."""
    keys = [key for key in _DIFFERENCE_KEYS if left.content.get(key) != right.content.get(key)]
    if not keys and left.content.get("package_hash") != right.content.get("package_hash"):
        return "recipe"
    return ", ".join(keys) or "a dependency"


def _concrete(key: str, value: Mapping[str, Any]) -> Concrete:
    dependencies = tuple(
        (str(dep["hash"]), frozenset(str(kind) for kind in dep["parameters"]["deptypes"])) for dep in value.get("dependencies", ())
    )
    external = value.get("external")
    prefix = str(external["path"]) if external and external.get("path") else ("" if external else None)
    return Concrete(key, str(value["name"]), str(value["version"]), str(value["namespace"]), prefix, dependencies, value)

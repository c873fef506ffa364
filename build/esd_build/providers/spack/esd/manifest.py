"""The real source of an ESD release: a checkout of `ebrains-spack-builds`, or a `spack.lock` that was made from one.

What it says exactly becomes a pin with evidence `manifest`; ranges, preferences, conditions and contradictions are reported as such.
A lock is the best evidence: it has every version, compiler and MPI included.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.certainty import Certainty
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.names import choose
from esd_build.providers.spack.esd import manifest_files
from esd_build.providers.spack.esd.manifest_files import Statement

_LARGEST = 256 * 1024**2
_LOCKS = (4, 5, 6, 7)  # versions of spack.lock whose entries have name, version and, before 6, compiler


@dataclass(frozen=True)
class Found:
    """What a manifest says of one package, and where. `doubt` says why it is not certain; empty if it is."""

    version: str
    where: str
    doubt: str = ""
    certainty: Certainty = "primary"
    detail: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it says one version: as a requirement, or (with a lower certainty) as a preference."""
        return not self.doubt or self.certainty == "secondary"


@dataclass(frozen=True)
class Manifest:
    """The versions that a release asks for, by Spack's package names; `unread` is what in its files was not understood."""

    versions: Mapping[str, Found]
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, checkout: Path, site: str | None = None) -> "Manifest":
        """Read `spack.yaml` and, beside it, the system's configuration with its sub-folders; follow what they include.

        Raises UsageError if this is no such checkout, or has no such system; ConfigError if a file cannot be read.
        """
        top = checkout / "spack.yaml"
        if not top.is_file():
            raise UsageError(f"{checkout} is not a checkout of ebrains-spack-builds: it has no spack.yaml")
        systems = sorted(path.name for path in (checkout / "site-config").glob("*") if path.is_dir())
        if site is not None:
            choose(site, systems, what="system of site-config/")
        reading = manifest_files.read(checkout, [top, *(sorted((checkout / "site-config" / site).rglob("*.yaml")) if site else ())])
        said: dict[str, list[Statement]] = {}
        for statement in reading.statements:
            said.setdefault(statement.package, []).append(statement)
        return cls({name: _found(statements) for name, statements in said.items()}, reading.unread)

    @classmethod
    def of_lock(cls, path: Path) -> "Manifest":
        """Read a `spack.lock`, of Spack 0.18 or newer. Raises ConfigError if it is none."""
        try:
            if path.stat().st_size > _LARGEST:
                raise ConfigError(f"{path}: larger than {_LARGEST // 1024**2} MiB; that is no spack.lock")
            content = json.loads(path.read_text(encoding="utf-8"))
            version = content["_meta"]["lockfile-version"]
            packages = [(str(entry["name"]), str(entry["version"]), entry.get("compiler")) for entry in content["concrete_specs"].values()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{path}: not a lock file of Spack ({error}); it is `spack.lock` in an environment's folder") from error
        if version not in _LOCKS:
            raise ConfigError(f"{path}: lockfile version {version}; this program reads versions {_LOCKS[0]} to {_LOCKS[-1]}")
        compilers = Counter(
            (str(c["name"]), str(c["version"])) for _, _, c in packages if isinstance(c, Mapping) and {"name", "version"} <= c.keys()
        )
        versions: dict[str, set[str]] = {}
        for name, told, _ in packages:
            versions.setdefault(name, set()).add(told)
        found = {name: _locked(several, path.name) for name, several in versions.items()}
        for (name, compiler), _ in compilers.most_common(1):
            found.setdefault(name, Found(compiler, path.name))
        return cls(found)


def _locked(versions: set[str], where: str) -> Found:
    if len(versions) == 1:
        return Found(next(iter(versions)), where)
    return Found(" and ".join(sorted(versions)), where, "which is several versions", "inferred")


def _found(statements: Sequence[Statement]) -> Found:
    """What all that is said of one package comes to."""
    binding = [statement for statement in statements if statement.binds and statement.mention.version]
    exact: dict[str, Statement] = {}
    for statement in binding:
        if statement.mention.is_exact:
            exact.setdefault(statement.mention.version, statement)
    if len(exact) > 1:
        told = ", ".join(f"{version} in {statement.where}" for version, statement in exact.items())
        where = ", ".join(dict.fromkeys(statement.where for statement in exact.values()))
        return Found(told, where, "which contradict each other", "inferred")
    if exact:
        version, statement = next(iter(exact.items()))
        detail = "external: the system's own" if statement.kind == "external" else statement.mention.git
        return Found(version, statement.where, detail=detail)
    if binding:
        return Found(binding[0].mention.version, binding[0].where, "which is a range", "inferred")
    return _loose(statements)


def _loose(statements: Sequence[Statement]) -> Found:
    """What does not bind: a preference counts as second hand; a choice, a condition or a bare git reference says nothing exact."""
    preferred = [s for s in statements if s.kind == "preference" and s.mention.is_exact]
    if preferred:
        others = ", ".join(dict.fromkeys(s.mention.version for s in preferred))
        return Found(preferred[0].mention.version, preferred[0].where, f"which is a preference ({others})", "secondary")
    first = statements[0]
    doubts = {"choice": "which is one of several", "condition": "under a condition", "preference": "which is a preferred range"}
    told = ", ".join(dict.fromkeys(s.mention.version or s.mention.git for s in statements))
    return Found(told, first.where, doubts.get(first.kind, "which names no version"), "inferred")

"""An environment as Spack sees it: what it asks for, which versions it is held to, and what its lock was made from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from esd_build.data import documents
from esd_build.data.documents import Document
from esd_build.data.errors import ConfigError
from esd_build.data.names import choose, nearest
from esd_build.data.project import Environment, Project
from esd_build.providers.spack.locks.lockfile import Lock

PINS_HEADER = "# Made of release.yaml by `esd-build spack lock`: change versions there.\n"
FULL = "full"
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Spec = Annotated[str, StringConstraints(pattern=r"^\$?[a-z0-9][^\s]*$")]


class Tool(Document):
    """A git repository at one commit; `version` is the name that people know the commit by."""

    version: str
    commit: Commit
    repository: str = Field(pattern=r"^https://")


class Tools(Document):
    """`spack-envs/common/tools.yaml`: the Spack that makes and builds all locks, and its packages."""

    spack: Tool
    packages: Tool


class Asked(Document):
    """The contents of a `spack.yaml`, as far as this project uses it."""

    include: tuple[str, ...] = ()
    definitions: tuple[dict[str, tuple[Spec, ...]], ...] = ()
    specs: tuple[Spec, ...]
    view: bool = False


class AskedFile(Document):
    """A `spack.yaml`."""

    spack: Asked


class Record(Document):
    """`concretized.yaml`, beside a lock: which Spack made it, and from which files (path → SHA-256)."""

    spack: Tool
    packages: Tool
    inputs: dict[str, str]


@dataclass(frozen=True)
class SpackEnvironment:
    """A folder with a `spack.yaml`: that of a release, or a variant of it in a folder below (`edge/system-trixie`)."""

    project: Project
    name: str
    release: Environment

    @classmethod
    def find(cls, project: Project, name: str) -> "SpackEnvironment":
        """Raises UsageError for a name without a spack.yaml."""
        root = project.root / "spack-envs"
        known = sorted(str(path.parent.relative_to(root)) for path in root.glob("**/spack.yaml"))
        choose(name, known, what="Spack environment")
        return cls(project, name, project.environment(name, "spack"))

    @classmethod
    def named(cls, name: str) -> "SpackEnvironment":
        """One of the checkout around the working directory."""
        return cls.find(Project.find(Path.cwd()), name)

    @property
    def root(self) -> Path:
        """The folder of all environments."""
        return self.project.root / "spack-envs"

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def pins_file(self) -> Path:
        """The pins as Spack configuration: a variant with pins of its own has its own file, the others take the release's."""
        variant = self.release.variants.get(self.release.variant or "")
        return (self.folder if variant and variant.pins else self.root / self.release.name) / "pins.yaml"

    @property
    def asked(self) -> Asked:
        return documents.load(self.folder / "spack.yaml", AskedFile).spack

    @property
    def lock(self) -> Lock:
        return Lock.read(self.folder / "spack.lock")

    @property
    def record(self) -> Record:
        return documents.load(self.folder / "concretized.yaml", Record)

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """The named lists of specs, and `full`: all of them."""
        lists = {name: specs for part in self.asked.definitions for name, specs in part.items()}
        return {**lists, FULL: _expanded(self.folder / "spack.yaml", self.asked.specs, lists)}

    def group(self, name: str) -> tuple[str, ...]:
        """The specs of one group; raises UsageError for an unknown one."""
        return self.groups[choose(name, self.groups, what=f"group of {self.name}")]

    def inputs(self, lock: Lock) -> dict[str, str]:
        """Every file that decides a lock, by its path below spack-envs/, with its SHA-256: configuration, pins, used recipes."""
        files = [self.folder / "spack.yaml"]
        for included in self.asked.include:
            path = (self.folder / included).resolve()
            files += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        overlay = self.root / "spack_repo" / "esd"
        used = {package.name for package in lock.packages.values() if package.namespace == "esd"}
        files += [overlay / "packages" / module_name(name) / "package.py" for name in sorted(used)]
        files += sorted((*overlay.glob("*.py"), *(overlay / "build_systems").glob("*.py")))
        ours = (path for path in files if path.name != "tools.yaml")
        return {str(path.relative_to(self.root.resolve())): _sha256(path) for path in (p.resolve() for p in ours)}


def read_tools(project: Project) -> Tools:
    """Which Spack, and which of its packages."""
    return documents.load(project.root / "spack-envs" / "common" / "tools.yaml", Tools)


def pins_text(release: Environment) -> str:
    """The Spack configuration that holds the packages to the versions of `release.yaml`."""
    pins = sorted((pin.package, pin.version) for pin in release.pins.values() if pin.package)
    lines = [f'  {package}:\n    require: ["@{version}"]\n' for package, version in pins]
    return PINS_HEADER + "packages:\n" + "".join(lines)


def module_name(package: str) -> str:
    """The folder of a package's recipe, in repositories of Spack's package API 2."""
    return package.replace("-", "_")


def _expanded(path: Path, specs: tuple[str, ...], lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for spec in specs:
        name = spec.removeprefix("$")
        if spec.startswith("$") and name not in lists:
            raise ConfigError(f"{path}: specs: ${name} is not among the definitions; {nearest(name, lists)}")
        found |= dict.fromkeys(lists[name] if spec.startswith("$") else (spec,))
    return tuple(found)


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; a spack.yaml includes it, or a lock uses it")
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""A checkout of `ebrains-spack-builds`, the real source of ESD releases: which versions it asks for.

Documented layout: `spack.yaml` at the top (the environment of the release), `site-config/<system>/` with Spack configuration of a system.
What it says exactly becomes a pin with evidence `manifest`; a range says nothing exact, and is reported as such.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from esd_build.data import documents
from esd_build.data.errors import ConfigError, UsageError
from esd_build.data.project import Environment, Pin
from esd_build.providers.spack.check import is_version

_SPEC = re.compile(r"^(?P<name>[a-z0-9][a-z0-9_-]*)?(?:@=?(?P<version>[A-Za-z0-9][\w.\-:,]*))?")
MANIFEST = "manifest"


@dataclass(frozen=True)
class Found:
    """What a manifest says of one package, and in which of its files."""

    version: str
    where: str

    @property
    def is_exact(self) -> bool:
        """False for a range such as `3.8:`."""
        return not re.search(r"[:,]", self.version)


@dataclass(frozen=True)
class Manifest:
    """The versions that a checkout asks for, by Spack's package names."""

    versions: Mapping[str, Found]

    @classmethod
    def read(cls, checkout: Path, site: str | None = None) -> "Manifest":
        """Read `spack.yaml`, then what the system's configuration requires beside it.

        Raises UsageError where this is no such checkout, or has no such system; ConfigError where a file cannot be read.
        """
        top = checkout / "spack.yaml"
        if not top.is_file():
            raise UsageError(f"{checkout} is not a checkout of ebrains-spack-builds: it has no spack.yaml")
        systems = sorted(path.name for path in (checkout / "site-config").glob("*") if path.is_dir())
        if site is not None:
            documents.choose(site, systems, what="system of site-config/")
        files = [top, *(sorted((checkout / "site-config" / site).glob("*.yaml")) if site else ())]
        found: dict[str, Found] = {}
        for path in files:
            for package, version in _versions(_parsed(path)):
                found.setdefault(package, Found(version, str(path.relative_to(checkout))))
        return cls(found)


@dataclass(frozen=True)
class Difference:
    """A pin that the manifest has otherwise, or does not have exactly."""

    name: str
    pin: Pin
    found: Found | None

    @property
    def is_certain(self) -> bool:
        """True where the manifest says another version, exactly."""
        return self.found is not None and self.found.is_exact

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name}: {self.pin.version} here; the manifest does not say"
        kind = "" if self.found.is_exact else ", which is a range"
        return f"{self.name}: {self.pin.version} here, {self.found.version} in the manifest ({self.found.where}{kind})"


def differences(release: Environment, manifest: Manifest) -> tuple[Difference, ...]:
    """Every pin of a package of Spack's that the manifest does not confirm."""
    pins = {name: pin for name, pin in release.pins.items() if pin.package}
    found = ((name, pin, manifest.versions.get(str(pin.package))) for name, pin in pins.items())
    return tuple(Difference(name, pin, said) for name, pin, said in found if said is None or not _agrees(pin, said))


def rewritten(release: Environment, manifest: Manifest, commit: str) -> str:
    """The text of `release.yaml` with the manifest's versions; comments and everything else stay as they are."""
    path = release.folder / "release.yaml"
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text(encoding="utf-8"))
    for name, pin in release.pins.items():
        said = manifest.versions.get(pin.package or "")
        if said and said.is_exact:
            entry = content["pins"][name]
            entry["version"] = said.version
            entry["evidence"] = f"{MANIFEST}: {said.where} of ebrains-spack-builds at {commit}"
            entry["certainty"] = "H"
    return _dumped(yaml, content)


def _agrees(pin: Pin, said: Found) -> bool:
    return said.is_exact and (is_version(said.version, pin.version) or is_version(pin.version, said.version))


def _dumped(yaml: YAML, content: object) -> str:
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _parsed(path: Path) -> Mapping[str, object]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MarkedYAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys to values")
    inner = content.get("spack", content)
    return inner if isinstance(inner, Mapping) else {}


def _versions(content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The specs of an environment, the lists that it defines, and what its `packages:` require."""
    specs = content.get("specs")
    yield from _specs(specs if isinstance(specs, list) else [])
    definitions = content.get("definitions")
    for part in definitions if isinstance(definitions, list) else []:
        for value in part.values() if isinstance(part, Mapping) else ():
            yield from _specs(value if isinstance(value, list) else [])
    packages = content.get("packages")
    for name, value in packages.items() if isinstance(packages, Mapping) else ():
        yield from _required(str(name), value if isinstance(value, Mapping) else {})


def _specs(specs: list[object]) -> Iterator[tuple[str, str]]:
    for spec in specs:
        match = _SPEC.match(spec) if isinstance(spec, str) else None
        if match and match["name"] and match["version"]:
            yield match["name"].replace("_", "-"), match["version"]


def _required(name: str, value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key in ("require", "version", "prefer"):
        wanted = value.get(key)
        for item in wanted if isinstance(wanted, list) else [wanted]:
            text = item.get("spec") if isinstance(item, Mapping) else item
            match = _SPEC.match(f"@{text}" if key == "version" else str(text)) if text else None
            if match and match["version"] and match["name"] in {None, name}:
                yield name, match["version"]

"""A release's pins against a manifest: where they differ, and the release.yaml that takes the manifest's versions over."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from esd_build.data.certainty import letter
from esd_build.data.project import Environment, Pin
from esd_build.providers.spack.esd.manifest import Found, Manifest
from esd_build.providers.spack.locks.check import is_version
from esd_build.providers.spack.locks.environment import module_name

MANIFEST = "manifest"


@dataclass(frozen=True)
class Difference:
    """A pin that the manifest has otherwise, or does not have exactly."""

    name: str
    pin: Pin
    found: Found | None

    @property
    def is_certain(self) -> bool:
        """True if the manifest requires another version, exactly."""
        return self.found is not None and not self.found.doubt

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name}: {self.pin.version} here; the manifest does not say"
        doubt = f", {self.found.doubt}" if self.found.doubt else ""
        return f"{self.name}: {self.pin.version} here, {self.found.version} in the manifest ({self.found.where}{doubt})"


def differences(release: Environment, manifest: Manifest) -> tuple[Difference, ...]:
    """Every pin of a package of Spack's that the manifest does not confirm."""
    pins = {name: pin for name, pin in release.pins.items() if pin.package}
    found = ((name, pin, manifest.versions.get(str(pin.package))) for name, pin in pins.items())
    return tuple(Difference(name, pin, said) for name, pin, said in found if said is None or not _agrees(pin, said))


def rewritten(release: Environment, manifest: Manifest, source: str) -> str:
    """The text of `release.yaml` with the manifest's versions; comments and everything else stay as they are.

    `source` tells where the manifest is from: a commit and its branch, or a lock's digest. No pin becomes surer than what was read.
    """
    path = release.folder / "release.yaml"
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text(encoding="utf-8"))
    for name, pin in release.pins.items():
        said = manifest.versions.get(pin.package or "")
        if said and said.is_exact and name in content["pins"]:
            entry = content["pins"][name]
            entry["version"] = said.version
            told = f" ({said.detail or said.doubt})" if said.detail or said.doubt else ""
            entry["evidence"] = f"{MANIFEST}: {said.where} of {source}{told}"
            entry["certainty"] = letter(said.certainty)
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def unknown_to_recipes(release: Environment, checkout: Path) -> Iterator[str]:
    """Pins whose version the checkout's own recipe, `packages/<name>/package.py`, does not list."""
    for name, pin in release.pins.items():
        places = [checkout / "packages" / folder / "package.py" for folder in _folders(pin.package)]
        recipe = next((path for path in places if path.is_file()), None)
        if recipe is None:
            continue
        listed = re.findall(r"^\s*version\(\s*[\"']([^\"']+)[\"']", recipe.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if not any(is_version(version, pin.version) for version in listed):
            yield f"{name}: {recipe.relative_to(checkout)} has no version {pin.version} (it has {', '.join(listed[:6]) or 'none'})"


def _folders(package: str | None) -> tuple[str, ...]:
    """Where a recipe lies: by the package's name, or by that of a module (package API 2)."""
    return (package, module_name(package)) if package else ()


def _agrees(pin: Pin, said: Found) -> bool:
    return said.is_exact and (is_version(said.version, pin.version) or is_version(pin.version, said.version))

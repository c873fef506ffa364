"""The packages of an image, from the bill of materials attached to it in its registry. Needs no job and no download of the image."""

from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.answers import parsed
from esd_build.registry import Registry
from esd_deploy.plans import image
from esd_deploy.sites.catalogue import load_site
from esd_deploy.sites.endpoint import resolve

BILL_TYPE = "application/vnd.cyclonedx+json"
_ORIGIN = "eu.ebrains.esd.origin"


@dataclass(frozen=True)
class Package:
    """One package; `origin` is its source: pypi, source, spack, deb."""

    name: str
    version: str
    origin: str
    licence: str | None = None


def find(word: str, site: str | None) -> tuple[ImageReference, Path | None]:
    """The image of a word, and the certificate authority of its registry. Needs no credentials, because it does not ask the site.

    Raises UsageError for an image's name without a site.
    """
    wanted = image.parse(word)
    if site is None:
        if isinstance(wanted, image.ImageWord):
            raise UsageError(f"'{word}' names no registry; give --site, or a full reference (registry/project/{wanted.name}:TAG)")
        return wanted, None
    config, _ = load_site(site)
    if config.status_file is not None:
        endpoint = resolve(config)
        registry, authority = endpoint.registry, endpoint.authority_of(endpoint.registry)
    else:
        registry, authority = config.registry or "", config.registry_ca_file or config.ca_file
    found = wanted.at(registry, config.repository) if isinstance(wanted, image.ImageWord) else wanted
    return found, authority if found.registry == registry else None


def read(reference: ImageReference, registry: Registry) -> tuple[Package, ...]:
    """The packages of an image, by name. Raises UsageError for an unknown image, ToolError if it has no bill of materials."""
    bills = [one for one in registry.attachments(reference) if one.artifact_type == BILL_TYPE]
    if not bills:
        raise ToolError(f"{reference} has no bill of materials in its registry: `esd-build push` attaches one; ask whoever pushed it")
    return understood(registry.read(reference, bills[-1]), str(reference))


def understood(text: bytes, whose: str) -> tuple[Package, ...]:
    """The components of a CycloneDX document. Raises ToolError for any other document."""
    try:
        found = [_package(component) for component in parsed(text, "it")["components"]]  # type: ignore[index]
    except (ToolError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"{whose}: its bill of materials is not a CycloneDX document ({type(error).__name__}: {error})") from error
    return tuple(sorted(found, key=lambda one: (one.name.lower(), one.origin)))


def _package(component: dict[str, object]) -> Package:
    properties = {one["name"]: one["value"] for one in component.get("properties", ())}  # type: ignore[attr-defined]
    licences = [one["expression"] for one in component.get("licenses", ()) if "expression" in one]  # type: ignore[attr-defined]
    name, version = component["name"], component.get("version", "")
    return Package(str(name), str(version), str(properties.get(_ORIGIN, "other")), str(licences[0]) if licences else None)

"""The bill of materials of an image, as CycloneDX 1.6 writes it: Debian's, Python's and Spack's packages, what was compiled from source."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from esd_build.product.finished import Product
from esd_build.product.inventory import Package

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562, Appendix C


def document(product: Product, packages: Iterable[Package], created: str) -> str:
    """The bill as JSON: the same image has the same bill. `created` is the image's own date (RFC 3339)."""
    image = Component(
        type=ComponentType.CONTAINER,
        name=f"{product.image}-{product.label}",
        version=product.key,
        bom_ref="image",
        description=product.labels.get("org.opencontainers.image.description"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=product.sha256)],
        properties=[Property(name=name, value=value) for name, value in sorted(product.labels.items()) if name.startswith("eu.ebrains.")],
    )
    bill = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, product.sha256),
        metadata=BomMetaData(component=image, timestamp=_time(created)),
        components=[_component(package) for package in sorted(packages, key=lambda package: package.key)],
    )
    bill.register_dependency(image, bill.components)
    return make_outputter(bill, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def purl(package: Package) -> PackageURL:
    """The package's name for scanners (package-url specification)."""
    if package.origin == "deb":
        qualifiers = {"arch": package.architecture} if package.architecture else {}
        return PackageURL("deb", "debian", package.name, package.version, qualifiers)
    if package.origin == "spack":
        return PackageURL("generic", "spack", package.name, package.version)
    return PackageURL("pypi", None, package.name, package.version)


def _component(package: Package) -> Component:
    name = str(purl(package))
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=f"{package.origin}:{name}",
        purl=purl(package),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)] if package.sha256 else (),
        licenses=[LicenseExpression(value=package.licence)] if package.licence else (),
        properties=[Property(name="eu.ebrains.esd.origin", value=package.origin)],
    )


def _time(created: str) -> datetime:
    return datetime.fromisoformat(created)

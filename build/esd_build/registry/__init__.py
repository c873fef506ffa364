"""OCI registries, through oras-py: the only package that knows their words and errors.

An image is one OCI artifact: a manifest whose one layer is the SIF file. The media types are those that Apptainer itself pushes and pulls
(`apptainer push`, `internal/pkg/client/oras` in its sources). What belongs to an image (bill of materials, provenance, signatures) is
attached to it as referrers, never as further layers.
"""

from typing import TYPE_CHECKING

from esd_build.registry.blobs import Blob
from esd_build.registry.manifests import NEST_VERSION, SIF_CONFIG, SIF_LAYER, UNVERIFIED_SOURCES, Attachment, PublishedImage

if TYPE_CHECKING:
    from esd_build.registry.client import Registry
    from esd_build.registry.credentials import Credentials

__all__ = [
    "NEST_VERSION",
    "SIF_CONFIG",
    "SIF_LAYER",
    "UNVERIFIED_SOURCES",
    "Attachment",
    "Blob",
    "Credentials",
    "PublishedImage",
    "Registry",
]


def __getattr__(name: str) -> object:
    """Loads what speaks to a registry on first use: a program that only names images needs no HTTP library."""
    if name == "Registry":
        from esd_build.registry.client import Registry  # noqa: PLC0415

        return Registry
    if name == "Credentials":
        from esd_build.registry.credentials import Credentials  # noqa: PLC0415

        return Credentials
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Manifests: what is written to a registry, as exact bytes, and what is read from one, checked. Pure.

OCI image specification 1.1, "Image Manifest" and "Guidelines for Artifact Usage".
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.answers import printable
from esd_build.registry.blobs import DIGEST, Blob

SIF_LAYER = "application/vnd.sylabs.sif.layer.v1.sif"
SIF_CONFIG = "application/vnd.sylabs.sif.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"
NEST_VERSION = "eu.ebrains.esd.nest"
UNVERIFIED_SOURCES = "eu.ebrains.esd.unverified-sources"
"""The label of an image made of sources that a user accepted although their checksums are not the recipe's; it says which."""

EMPTY_OBJECT = b"{}"
"""The configuration of an image (Apptainer's is empty; its media type says that the layer is a SIF file) and of an attachment."""

_LONGEST_LABEL = 1000
"""Characters of one label that are read."""
LONGEST = 4 * 1024**2
"""Bytes of the longest manifest that is read; the specification has registries take in at least these."""

Digest = Annotated[str, Field(pattern=f"^{DIGEST.pattern}$")]


@dataclass(frozen=True)
class PublishedImage:
    """An image as a registry serves it: `reference` has the manifest's digest, `sif_digest` and `size` (bytes) are the SIF file's."""

    reference: ImageReference
    sif_digest: str
    size: int
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Attachment:
    """A document that belongs to an image. `digest` is its manifest's, `blob_digest` and `size` (bytes) are the document's own."""

    artifact_type: str
    digest: str
    blob_digest: str
    size: int
    annotations: Mapping[str, str]


class Descriptor(BaseModel):
    """What a manifest or an index says of a thing: its type, digest and size in bytes."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    mediaType: str  # noqa: N815 - the specification's word
    digest: Digest
    size: int = Field(ge=0)
    artifactType: str | None = None  # noqa: N815 - the specification's word
    annotations: dict[str, str] | None = None


class Manifest(BaseModel):
    """An image manifest, as far as it matters here."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    artifactType: str | None = None  # noqa: N815 - the specification's word
    config: Descriptor
    layers: list[Descriptor]
    annotations: dict[str, str] | None = None
    subject: Descriptor | None = None


class Index(BaseModel):
    """A list of manifests, such as of all that refer to one image."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    manifests: list[Descriptor]


class _Typed(BaseModel):
    mediaType: str | None = None  # noqa: N815 - the specification's word


M = TypeVar("M", Manifest, Index)


def digest_of(content: bytes) -> str:
    """What a registry calls these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image_manifest(sif: Blob, annotations: Mapping[str, str]) -> bytes:
    """The manifest of an image. The same file and annotations give the same bytes."""
    layer = {**_descriptor(SIF_LAYER, sif.digest, sif.size), "annotations": {TITLE: sif.path.name}}
    return _bytes({"config": _descriptor(SIF_CONFIG, digest_of(EMPTY_OBJECT), 2), "layers": [layer], "annotations": dict(annotations)})


def attachment_manifest(subject: Descriptor, artifact_type: str, document: Blob, media_type: str, annotations: Mapping[str, str]) -> bytes:
    """The manifest of a document that refers to an image."""
    layer = {**_descriptor(media_type, document.digest, document.size), "annotations": {TITLE: document.path.name}}
    return _bytes(
        {
            "artifactType": artifact_type,
            "config": _descriptor(EMPTY, digest_of(EMPTY_OBJECT), 2),
            "layers": [layer],
            "subject": subject.model_dump(include={"mediaType", "digest", "size"}),
            "annotations": dict(annotations),
        }
    )


def attachment_descriptor(manifest: bytes, artifact_type: str, annotations: Mapping[str, str]) -> Descriptor:
    """What a list of referrers says of an attachment."""
    return Descriptor(
        mediaType=MANIFEST, digest=digest_of(manifest), size=len(manifest), artifactType=artifact_type, annotations=dict(annotations)
    )


def index_bytes(manifests: list[Descriptor]) -> bytes:
    """A list of manifests as a registry stores it."""
    listed = [descriptor.model_dump(exclude_none=True) for descriptor in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, separators=(",", ":"), sort_keys=True).encode()


def type_of(content: bytes) -> str:
    """A manifest's own media type."""
    try:
        return _Typed.model_validate_json(content).mediaType or MANIFEST
    except ValidationError:
        return MANIFEST


def parse(content: bytes, model: type[M], what: str) -> M:
    """A manifest or index that a registry gave. Raises ToolError if it is none."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ToolError(f"{what}: the registry answered with no valid {model.__name__.lower()} ({place}: {first['msg']})") from error


def published_image(reference: ImageReference, content: bytes) -> PublishedImage:
    """What a manifest says of an image. Raises UsageError if it is of something else."""
    digest = digest_of(content)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(f"{reference} is not an Apptainer image (no layer of type {SIF_LAYER})") from error
    files = [layer for layer in manifest.layers if layer.mediaType == SIF_LAYER]
    if len(files) != 1:
        found = f"{len(files)} layers" if files else "no layer"
        raise UsageError(f"{reference} is not an Apptainer image ({found} of type {SIF_LAYER})")
    (layer,) = files
    said = {_line(name): _line(value) for name, value in (manifest.annotations or {}).items()}
    return PublishedImage(reference.with_digest(digest), layer.digest, layer.size, said)


def _line(text: str) -> str:
    """What an image says of itself, as it may stand in a message: one line of bounded length, without control characters."""
    return " ".join(printable(text, _LONGEST_LABEL).split())


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _bytes(content: Mapping[str, object]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **content}, separators=(",", ":"), sort_keys=True).encode()

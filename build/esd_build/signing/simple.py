"""cosign's older form of a signature, which cosign 1 and 2 write and read, and 3 still reads.

A manifest under the tag `sha256-<digest>.sig`; each of its layers is a payload ("simple signing") with the signature beside it as an
annotation. Follows `SIGNATURE_SPEC.md` of cosign.
"""

import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from esd_build.data.errors import EsdError
from esd_build.data.reference import ImageReference
from esd_build.registry import Registry
from esd_build.registry.manifests import MANIFEST, Descriptor, Manifest, digest_of
from esd_build.signing.claims import Claims
from esd_build.signing.keys import PrivateKey, PublicKey

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LONGEST = 64 * 1024
_MOST = 100
_LOG = logging.getLogger("esd_build")


class _Named(BaseModel):
    digest: str = Field(alias="docker-manifest-digest")


class _Identity(BaseModel):
    reference: str = Field("", alias="docker-reference")


class _Critical(BaseModel):
    image: _Named
    identity: _Identity = _Identity()
    type: Literal["cosign container image signature"]


class _Payload(BaseModel):
    critical: _Critical
    optional: dict[str, Any] | None = None


def payload_of(image: ImageReference, annotations: Mapping[str, str] | None = None) -> bytes:
    """What is signed. `image` has its digest."""
    identity = {"docker-reference": f"{image.registry}/{image.repository}"}
    critical = {"identity": identity, "image": {"docker-manifest-digest": image.digest}, "type": "cosign container image signature"}
    return _json({"critical": critical, "optional": dict(annotations) if annotations else None})


def says(payload: bytes, signature: str, digest: str, key: PublicKey) -> bool:
    """Whether this is a signature by this key over this digest; False for whatever else it is."""
    return claims(payload, signature, digest, key) is not None


def claims(payload: bytes, signature: str, digest: str, key: PublicKey) -> Claims | None:
    """What this claims of this digest, signed by this key; None for whatever else it is."""
    try:
        told = _Payload.model_validate_json(payload)
        if told.critical.image.digest != digest or not key.verifies(base64.b64decode(signature, validate=True), payload):
            return None
        return Claims.read(told.optional or {}, told.critical.identity.reference or None)
    except ValueError:
        return None


def sign(registry: Registry, image: ImageReference, key: PrivateKey, annotations: Mapping[str, str]) -> None:
    """Add a signature to those that are there."""
    payload = payload_of(image, annotations)
    layer = {
        "mediaType": PAYLOAD,
        "digest": digest_of(payload),
        "size": len(payload),
        "annotations": {_SIGNATURE: base64.b64encode(key.sign(payload)).decode()},
    }
    layers = [*(known.model_dump(exclude_none=True) for known in _layers(registry, image)), layer]
    config = _json(
        {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]}, "config": {}}
    )
    named = {"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)}
    for content in (payload, config):
        registry.store.put_bytes(image, content)
    manifest = _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": named, "layers": layers})
    registry.store.put_manifest(image, _tag(image), manifest)


def signatures(registry: Registry, image: ImageReference) -> Iterator[Callable[[PublicKey], Claims | None]]:
    """For each signature of an image: what it claims by a key. One that cannot be read claims nothing, and hides no other."""
    for layer in _layers(registry, image)[:_MOST]:
        try:
            payload = registry.store.get_blob(image, layer.digest, layer.size) if layer.size <= _LONGEST else b""
        except EsdError as error:
            _LOG.warning("a signature of %s cannot be read: %s", image, error)
            payload = b""
        yield partial(claims, payload, (layer.annotations or {}).get(_SIGNATURE, ""), str(image.digest))


def _layers(registry: Registry, image: ImageReference) -> list[Descriptor]:
    content = registry.store.manifest(replace(image, tag=_tag(image), digest=None))
    try:
        layers = Manifest.model_validate_json(content).layers if content is not None else []
    except ValidationError:
        return []
    return [layer for layer in layers if layer.mediaType == PAYLOAD]


def _tag(image: ImageReference) -> str:
    return f"{str(image.digest).replace(':', '-', 1)}.sig"


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()

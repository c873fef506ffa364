"""cosign's older form of a signature, which cosign 1 and 2 write and read, and 3 still reads.

A manifest under the tag `sha256-<digest>.sig`; each of its layers is a payload ("simple signing") with the signature beside it as an
annotation. Follows `SIGNATURE_SPEC.md` of cosign.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from esd_build.data.reference import ImageReference
from esd_build.registry import Registry
from esd_build.registry.manifests import MANIFEST, Descriptor, Manifest, digest_of
from esd_build.signing.keys import PrivateKey, PublicKey

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LONGEST = 64 * 1024


class _Named(BaseModel):
    digest: str = Field(alias="docker-manifest-digest")


class _Critical(BaseModel):
    image: _Named
    type: Literal["cosign container image signature"]


class _Payload(BaseModel):
    critical: _Critical


def payload_of(image: ImageReference) -> bytes:
    """What is signed. `image` has its digest."""
    identity = {"docker-reference": f"{image.registry}/{image.repository}"}
    critical = {"identity": identity, "image": {"docker-manifest-digest": image.digest}, "type": "cosign container image signature"}
    return _json({"critical": critical, "optional": None})


def says(payload: bytes, signature: str, digest: str, key: PublicKey) -> bool:
    """Whether this is a signature by this key over this digest; False for whatever else it is."""
    try:
        about = _Payload.model_validate_json(payload).critical.image.digest
        return about == digest and key.verifies(base64.b64decode(signature, validate=True), payload)
    except ValueError:
        return False


def sign(registry: Registry, image: ImageReference, key: PrivateKey) -> None:
    """Add a signature to those that are there."""
    payload = payload_of(image)
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


def signers(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> list[str | None]:
    """For each signature of an image the key that made it, None where it is none of these."""
    found: list[str | None] = []
    for layer in _layers(registry, image):
        payload = registry.store.get_blob(image, layer.digest, layer.size) if layer.size <= _LONGEST else b""
        signature = (layer.annotations or {}).get(_SIGNATURE, "")
        found.append(next((key.source for key in keys if says(payload, signature, str(image.digest), key)), None))
    return found


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

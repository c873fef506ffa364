"""Signs images in a registry, and checks that they are signed."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import Registry
from esd_build.signing import bundles, simple
from esd_build.signing.keys import PrivateKey, PublicKey

SIGNATURE = bundles.BUNDLE
_ANNOTATIONS = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": bundles.PREDICATE}


@dataclass(frozen=True)
class Verdict:
    """Whether an image is signed by a key that counts: `signer` is where that key came from, `seen` counts all signatures."""

    outcome: Literal["passed", "failed"]
    signer: str | None
    seen: int


def sign(registry: Registry, image: ImageReference, key: PrivateKey) -> bool:
    """Sign the digest of `image`, which must have one, in both of cosign's forms; False where this key has signed it already."""
    public = (key.public,)
    before = _by_bundle(registry, image, public)
    if not any(before):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "signature.sigstore.json"
            file.write_bytes(bundles.make(_digest(image), key))
            registry.attach(image, SIGNATURE, file, annotations=_ANNOTATIONS)
    older = simple.signers(registry, image, public)
    if not any(older):
        simple.sign(registry, image, key)
    return not any(before) or not any(older)


def check(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> Verdict:
    """Look for a signature by one of the keys over the digest of `image`, which must have one."""
    found = [*_by_bundle(registry, image, keys), *simple.signers(registry, image, keys)]
    signer = next((known for known in found if known is not None), None)
    return Verdict("failed" if signer is None else "passed", signer, len(found))


def require(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> str:
    """Whose key signed the image; raises UsageError where none of these did."""
    verdict = check(registry, image, keys)
    if verdict.signer is None:
        known = ", ".join(key.source for key in keys)
        seen = f"its {verdict.seen} signatures are by others" if verdict.seen else "it has no signature"
        raise UsageError(f"{image} is refused: {seen}, and only those of {known} count; ask its maintainer to sign it (`esd-build sign`)")
    return verdict.signer


def _by_bundle(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> list[str | None]:
    """For each bundle that is attached to an image the key that made it, None where it is none of these."""
    digest = _digest(image)
    found: list[str | None] = []
    for attachment in registry.attachments(image):
        if attachment.artifact_type == SIGNATURE:
            content = registry.read(image, attachment) if attachment.size <= bundles.LONGEST else b""
            found.append(next((key.source for key in keys if bundles.says(content, digest, key)), None))
    return found


def _digest(image: ImageReference) -> str:
    if image.digest is None:
        raise UsageError(f"{image}: only a digest can be signed, a tag may move; resolve it first")
    return image.digest

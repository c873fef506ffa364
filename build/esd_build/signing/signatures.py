"""Signs images in a registry, and checks that they are signed."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esd_build.errors import UsageError
from esd_build.reference import ImageReference
from esd_build.registry import Registry
from esd_build.signing import bundles
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
    """Attach a signature over the image's digest; False where this key has signed it already. `image` must have its digest."""
    if check(registry, image, (key.public,)).outcome == "passed":
        return False
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "signature.sigstore.json"
        file.write_bytes(bundles.make(_digest(image), key))
        registry.attach(image, SIGNATURE, file, annotations=_ANNOTATIONS)
    return True


def check(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> Verdict:
    """Look for a signature by one of the keys over the digest of `image`, which must have one."""
    found = [attachment for attachment in registry.attachments(image) if attachment.artifact_type == SIGNATURE]
    for attachment in found:
        if attachment.size <= bundles.LONGEST:
            content = registry.read(image, attachment)
            signer = next((key.source for key in keys if bundles.says(content, _digest(image), key)), None)
            if signer is not None:
                return Verdict("passed", signer, len(found))
    return Verdict("failed", None, len(found))


def require(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> str:
    """Whose key signed the image; raises UsageError where none of these did."""
    verdict = check(registry, image, keys)
    if verdict.signer is None:
        known = ", ".join(key.source for key in keys)
        seen = f"its {verdict.seen} signatures are by others" if verdict.seen else "it has no signature"
        raise UsageError(f"{image} is refused: {seen}, and only those of {known} count; ask its maintainer to sign it (`esd-build sign`)")
    return verdict.signer


def _digest(image: ImageReference) -> str:
    if image.digest is None:
        raise UsageError(f"{image}: only a digest can be signed, a tag may move; resolve it first")
    return image.digest

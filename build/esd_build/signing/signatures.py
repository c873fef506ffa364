"""Signs images in a registry, and checks that they are signed."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from esd_build.data.errors import EsdError, UsageError
from esd_build.data.outcome import Outcome
from esd_build.data.reference import ImageReference
from esd_build.registry import Registry
from esd_build.signing import bundles, simple
from esd_build.signing.claims import Claims
from esd_build.signing.keys import PrivateKey, PublicKey

SIGNATURE = bundles.BUNDLE
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LOG = logging.getLogger("esd_build")
_ANNOTATIONS = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": bundles.PREDICATE}


@dataclass(frozen=True)
class Verdict:
    """Whether an image is signed by a key that counts, for the place where it stands.

    `signer` is where that key came from; `seen` counts all signatures; `claims` are what the best one says. `why` tells of a signature by
    such a key that is for something else.
    """

    outcome: Outcome
    signer: str | None
    seen: int
    claims: Claims = field(default_factory=Claims)
    why: str = ""


def sign(registry: Registry, image: ImageReference, key: PrivateKey, *, now: datetime | None = None) -> bool:
    """Sign the digest of `image`, which must have one, for its repository and environment, in both of cosign's forms.

    False if this key has signed it so already.
    """
    claims = Claims.of(image, now or datetime.now(UTC))
    before = any(_is_ours(told(key.public), image) for told in _bundles(registry, image))
    if not before:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "signature.sigstore.json"
            file.write_bytes(bundles.make(_digest(image), key, claims.annotations))
            registry.attach(image, SIGNATURE, file, annotations=_ANNOTATIONS)
    older = any(_is_ours(told(key.public), image) for told in simple.signatures(registry, image))
    if not older:
        simple.sign(registry, image, key, claims.annotations)
    return not before or not older


def check(registry: Registry, image: ImageReference, keys: Sequence[PublicKey]) -> Verdict:
    """Look for a signature by one of the keys over the digest of `image`, which must have one, and for the place where it stands."""
    told = [*_bundles(registry, image), *simple.signatures(registry, image)]
    found = [(claims, key.source) for one in told for key in keys if (claims := one(key)) is not None]
    good = [(claims, source) for claims, source in found if not claims.misfit(image)]
    if not good:
        return Verdict("failed", None, len(told), why=next((claims.misfit(image) for claims, _ in found), ""))
    claims, source = max(good, key=lambda one: (one[0].is_complete, one[0].signed or _LONG_AGO))
    return Verdict("passed", source, len(told), claims)


def require(registry: Registry, image: ImageReference, keys: Sequence[PublicKey], *, since: datetime | None = None) -> Verdict:
    """The verdict on a signed image. Raises UsageError if none of these keys signed it for this place, or not `since` then."""
    verdict = check(registry, image, keys)
    if verdict.signer is None:
        known = ", ".join(key.source for key in keys)
        others = verdict.why or f"its {verdict.seen} signatures are by others"
        seen = others if verdict.seen else "it has no signature"
        raise UsageError(
            f"{image} is refused: {seen}, and you trust only {known}; ask the image's maintainer to sign it (`esd-build sign`)"
        )
    signed = verdict.claims.signed
    if since is not None and (signed is None or signed < since):
        when = f"was signed on {signed:%Y-%m-%d %H:%M}" if signed else "has a signature without a date"
        raise UsageError(
            f"{image} is refused: it {when}, and one that was signed on {since:%Y-%m-%d %H:%M} is known: somebody put an older image back. "
            "If you want that image, name it by digest only, or ask its maintainer to sign it again"
        )
    return verdict


def _bundles(registry: Registry, image: ImageReference) -> Iterator[Callable[[PublicKey], Claims | None]]:
    """For each bundle that is attached to an image: what it claims by a key. One that cannot be read claims nothing, and hides no other."""
    digest = _digest(image)
    for attachment in registry.attachments(image, SIGNATURE):
        try:
            content = registry.read(image, attachment) if attachment.size <= bundles.LONGEST else b""
        except EsdError as error:
            _LOG.warning("a signature of %s cannot be read: %s", image, error)
            content = b""
        yield partial(bundles.claims, content, digest)


def _is_ours(claims: Claims | None, image: ImageReference) -> bool:
    return claims is not None and claims.is_complete and not claims.misfit(image)


def _digest(image: ImageReference) -> str:
    if image.digest is None:
        raise UsageError(f"{image}: only a digest can be signed, because a tag may move; give the digest")
    return image.digest

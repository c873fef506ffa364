"""From the word that a user says (`nest`, `nest:25.04`, a whole reference) to an image pinned by digest."""

from collections.abc import Iterable

from esd_build.documents import choose
from esd_build.reference import ImageReference
from esd_build.registry import PublishedImage, Registry
from esd_deploy.endpoint import Endpoint

DEFAULT_ENVIRONMENT = "edge"


def reference(word: str, *, registry: str, repository: str, known: Iterable[str]) -> ImageReference:
    """`nest` → `<registry>/<repository>/nest:edge`; a word with a `/` is a whole reference already.

    Raises UsageError with the nearest known name for an unknown image.
    """
    if "/" in word:
        return ImageReference.parse(word)
    name, _, environment = word.partition(":")
    choose(name, known, what="image")
    return ImageReference.parse(f"{registry}/{repository}/{name}:{environment or DEFAULT_ENVIRONMENT}")


def resolve(wanted: ImageReference, endpoint: Endpoint) -> PublishedImage:
    """Ask the registry for the digest; raises ToolError where it does not answer or has no such image."""
    own = wanted.registry == endpoint.registry
    return Registry(wanted.registry, ca_file=endpoint.ca_file if own else None).resolve(wanted)

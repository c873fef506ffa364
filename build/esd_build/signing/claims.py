"""What a signature says besides the digest: for which repository, for which environment, and when. Pure.

A digest alone says nothing of where an image may stand: an old image with its signature can be put under a moving tag, or into another
repository. The claims are annotations in both of cosign's forms (`cosign sign -a NAME=VALUE`), so cosign shows and checks them, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from esd_build.data.reference import ImageReference

_PREFIX = "eu.ebrains.esd."
REPOSITORY, ENVIRONMENT, SIGNED = f"{_PREFIX}repository", f"{_PREFIX}environment", f"{_PREFIX}signed"
_IMMUTABLE = re.compile(r"(.+)-\d{8}-[0-9a-f]{8}")


@dataclass(frozen=True)
class Claims:
    """What is claimed; None if the signature says nothing of it, as those that plain cosign makes."""

    repository: str | None = None
    environment: str | None = None
    signed: datetime | None = None

    @classmethod
    def of(cls, image: ImageReference, now: datetime) -> Self:
        """The claims of a signature that is made now, of an image under its tag."""
        return cls(f"{image.registry}/{image.repository}", environment_of(image.tag), now.astimezone(UTC).replace(microsecond=0))

    @classmethod
    def read(cls, annotations: Mapping[str, object], repository: str | None = None) -> Self:
        """Of a signature's annotations; `repository` is what cosign itself says of it, where it does. Raises ValueError."""
        signed, environment = annotations.get(SIGNED), annotations.get(ENVIRONMENT)
        when = datetime.fromisoformat(str(signed)) if signed else None
        if when is not None and when.tzinfo is None:
            raise ValueError(f"no time zone: {signed}")
        found = annotations.get(REPOSITORY) or repository
        return cls(str(found) if found else None, str(environment) if environment else None, when)

    @property
    def annotations(self) -> dict[str, str]:
        """As they are signed."""
        known = {REPOSITORY: self.repository, ENVIRONMENT: self.environment, SIGNED: self.signed and self.signed.isoformat()}
        return {name: value for name, value in known.items() if value}

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left open: only then does the signature hold an image to its place and time."""
        return bool(self.repository and self.signed)

    def misfit(self, image: ImageReference) -> str:
        """Why this signature is not for the image at this place; empty if it is."""
        here, environment = f"{image.registry}/{image.repository}", environment_of(image.tag)
        if self.repository not in {None, here}:
            return f"it was signed for {self.repository}"
        if environment is not None and self.environment not in {None, environment}:
            return f"it was signed for the environment {self.environment}, not for {environment}"
        return ""


def environment_of(tag: str | None) -> str | None:
    """The moving tag, which names the environment, of a tag of either kind."""
    match = _IMMUTABLE.fullmatch(tag or "")
    return match[1] if match else tag

"""From what a user types (`nest`, `nest:25.04`, a full reference) to an image pinned by digest."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from esd_build import signing
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.names import choose
from esd_build.data.reference import ImageReference
from esd_build.data.whole import write_whole
from esd_build.registry import PublishedImage, Registry
from esd_deploy.sites.catalogue import Catalogue
from esd_deploy.sites.endpoint import Endpoint

DEFAULT_ENVIRONMENT = "edge"
SIGNED_SINCE = "ESD_SIGNED_SINCE"
"""A date: if signatures are required, images signed before it are refused."""
_LOG = logging.getLogger("esd_deploy")


@dataclass(frozen=True)
class ImageWord:
    """`nest` or `nest:25.04`: an image of this checkout, in the registry that the site uses."""

    name: str
    environment: str = DEFAULT_ENVIRONMENT

    def at(self, registry: str, repository: str) -> ImageReference:
        """The image in that registry."""
        return ImageReference.parse(f"{registry}/{repository}/{self.name}:{self.environment}")


def parse(word: str, known: Callable[[], Iterable[str]] = lambda: Catalogue.find().image_names) -> ImageWord | ImageReference:
    """`nest`, or a full reference, which has a `/`. Raises UsageError with the nearest known name for an unknown image."""
    if "/" in word:
        return ImageReference.parse(word)
    name, _, environment = word.partition(":")
    return ImageWord(choose(name, known(), what="image"), environment or DEFAULT_ENVIRONMENT)


def resolve(wanted: ImageReference, endpoint: Endpoint) -> PublishedImage:
    """Ask the registry for the digest. If it does not answer, use the digest that it gave the last time, with a warning.

    An image in a site's cache runs without the registry. Raises ToolError if nothing is known, UsageError if the registry
    has no such image.
    """
    memory = Memory.of_user()
    try:
        found = Registry(wanted.registry, ca_file=endpoint.authority_of(wanted.registry)).resolve(wanted)
    except ToolError as error:
        before = memory.recall(wanted)
        if before is None:
            raise
        _LOG.warning("%s; continuing with the last known digest, %s: it runs if the image is in the site's cache", error, before.reference)
        return before
    memory.keep(wanted, found)
    return found


def resolve_signed(wanted: ImageReference, endpoint: Endpoint) -> PublishedImage:
    """The digest that the registry gives now, if one of the user's trusted keys signed it; earlier answers do not count.

    Raises UsageError if the image is not signed or no key is trusted; ToolError if the registry does not answer.
    """
    keys = signing.trusted_keys()
    registry = Registry(wanted.registry, ca_file=endpoint.authority_of(wanted.registry))
    found = registry.resolve(wanted)
    memory = Memory.of_user()
    newest = memory.signed(wanted)
    verdict = signing.require(registry, found.reference, keys, since=max(filter(None, (newest, _signed_since())), default=None))
    if not verdict.claims.is_complete:
        _LOG.warning("%s: its signature names no repository and no date, so it covers only the content", found.reference)
    memory.keep_signed(wanted, verdict.claims.signed)
    _LOG.info("%s is signed by %s", found.reference, verdict.signer)
    return found


def _signed_since() -> datetime | None:
    """The oldest date of a signature that the user accepts, $ESD_SIGNED_SINCE; UsageError if it is not a date."""
    text = os.environ.get(SIGNED_SINCE)
    try:
        when = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"${SIGNED_SINCE} is '{text}': expected a date, e.g. 2026-11-29") from error
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when


@dataclass(frozen=True)
class Memory:
    """What registries answered, each answer in its own file, so that two commands at once lose nothing."""

    folder: Path

    @classmethod
    def of_user(cls) -> "Memory":
        """The caller's memory of answers."""
        return cls(Path(platformdirs.user_cache_dir("esd-images")) / "resolved")

    def keep(self, wanted: ImageReference, found: PublishedImage) -> None:
        """Remember an answer; does nothing if the cache cannot be written."""
        answer = {
            "reference": str(found.reference),
            "sif_digest": found.sif_digest,
            "size": found.size,
            "annotations": dict(found.annotations),
        }
        try:
            write_whole(self._path(wanted), json.dumps(answer))
        except OSError:
            _LOG.debug("cannot keep resolved images in %s", self.folder)

    def signed(self, wanted: ImageReference) -> datetime | None:
        """When the newest image ever accepted under this tag was signed; None for images named only by digest."""
        try:
            return datetime.fromisoformat(self._path(wanted).with_suffix(".signed").read_text().strip()) if wanted.tag else None
        except (OSError, ValueError):
            return None

    def keep_signed(self, wanted: ImageReference, when: datetime | None) -> None:
        """Remember the date. Raises ToolError if that fails: without it, a roll-back would go unnoticed."""
        if when is None or not wanted.tag:
            return
        try:
            write_whole(self._path(wanted).with_suffix(".signed"), f"{when.isoformat()}\n")
        except OSError as error:
            raise ToolError(f"cannot write {error.filename}: {error.strerror}; esd-deploy notes there when images were signed") from error

    def recall(self, wanted: ImageReference) -> PublishedImage | None:
        """The last answer about a reference; None without one."""
        return _answer(self._path(wanted))

    @property
    def names(self) -> dict[str, str]:
        """SIF digest → `nest:25.04, nest:edge`, of all answers: for people, who do not know images by their hash."""
        found: dict[str, set[str]] = {}
        for path in self.folder.glob("*.json"):
            if (answer := _answer(path)) is not None:
                name = f"{answer.reference.repository.rpartition('/')[2]}:{answer.reference.tag or ''}".rstrip(":")
                found.setdefault(answer.sif_digest, set()).add(name)
        return {digest: ", ".join(sorted(names)) for digest, names in found.items()}

    def _path(self, wanted: ImageReference) -> Path:
        return self.folder / f"{hashlib.sha256(str(wanted).encode()).hexdigest()[:24]}.json"


def _answer(path: Path) -> PublishedImage | None:
    """The content of a file of the memory; None if it is missing or not ours."""
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
        found = ImageReference.parse(answer["reference"])
        return PublishedImage(found, str(answer["sif_digest"]), int(answer["size"]), answer["annotations"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None

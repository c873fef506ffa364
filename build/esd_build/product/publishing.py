"""Publishes a finished image: checks it, asks the registry whether it may, pushes it under its tags, attaches what lies beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.addresses import is_loopback
from esd_build.product import finished, papers, tags
from esd_build.product.tags import Tags
from esd_build.registry import UNVERIFIED_SOURCES, Blob, PublishedImage, Registry
from esd_build.registry.blobs import Progress, unseen
from esd_build.registry.harbor.rules import Finding

DOCUMENTS = {
    papers.BILL: "application/vnd.cyclonedx+json",
    papers.PROVENANCE: "application/vnd.in-toto+json",
    papers.LOCK: "application/vnd.spack.lock+json",
}
"""Documents that belong to `<image>-<label>.sif`: the ending of the file beside it → its artifact type in the registry."""

_PUBLISHED_LABELS = ("org.opencontainers.", "eu.ebrains.")


@dataclass(frozen=True)
class Publication:
    """One image, ready to be pushed: immutable tags first, so that the moving one never names what is not whole."""

    file: Path
    repository: ImageReference
    tags: tuple[str, ...]
    annotations: Mapping[str, str]
    documents: Mapping[Path, str]
    sha256: str

    @classmethod
    def of(cls, file: Path, repository: ImageReference, *, tag: str | None = None, move: bool = True) -> "Publication":
        """What is to be pushed of a finished image: under its own tags, or under one that was chosen.

        `repository` is a reference of any tag. Without `move` the moving tag stays where it is.
        """
        known = finished.read(file)
        annotations = {name: value for name, value in sorted(known.labels.items()) if name.startswith(_PUBLISHED_LABELS)}
        beside = {file.with_suffix(ending): kind for ending, kind in DOCUMENTS.items()}
        documents = {path: kind for path, kind in beside.items() if path.is_file()}
        return cls(file, repository, _chosen(tags.tags_of(known, file), tag, move=move), annotations, documents, known.sha256)

    def reference(self, tag: str) -> ImageReference:
        return ImageReference.parse(f"{self.repository.registry}/{self.repository.repository}:{tag}")


def publish(
    publication: Publication, registry: Registry, *, say: Callable[[str], None], progress: Progress = unseen
) -> Sequence[PublishedImage]:
    """Push an image, read it back, attach its documents. Pushing again finishes what was interrupted, and sends nothing twice.

    Raises UsageError before anything is sent where the file is damaged, or where the registry says that it will not take it.
    """
    _require_verified(publication)
    sif = Blob.of(publication.file)
    if sif.digest != f"sha256:{publication.sha256}":
        raise UsageError(f"{publication.file} is damaged: it differs from the built image; remove it, and run `make image` again")
    reference = publication.reference(publication.tags[0])
    _heed(registry.examine(reference, sif, publication.annotations, publication.tags), say)
    published = []
    for tag in publication.tags:
        pushed = registry.push(
            sif, publication.reference(tag), publication.annotations, immutable=tags.is_immutable(tag), progress=progress
        )
        published.append(pushed)
        say(f"    {tag} is {pushed.reference.digest}")
    for path, kind in publication.documents.items():
        registry.attach(published[0].reference, kind, path)
        say(f"    attached {path.name} ({kind})")
    return published


def _require_verified(publication: Publication) -> None:
    """An image of sources that are not those of its recipe stays on this machine: its own registry may have it, no other."""
    sources = publication.annotations.get(UNVERIFIED_SOURCES)
    host = publication.repository.registry.rpartition(":")[0] or publication.repository.registry
    if sources and not is_loopback(host):
        raise UsageError(
            f"{publication.file.name} was built from sources with other checksums than its recipe's ({sources}), so it is not published; "
            "only a registry on this machine may have it"
        )


def _chosen(own: Tags, tag: str | None, *, move: bool) -> tuple[str, ...]:
    if tag is not None:
        return (tag,)
    return (own.immutable, own.moving) if move else (own.immutable,)


def _heed(findings: Sequence[Finding], say: Callable[[str], None]) -> None:
    for finding in findings:
        say(f"    {finding.subject}: {finding.outcome} ({finding.text})")
    failed = [finding.text for finding in findings if finding.outcome == "failed"]
    if failed:
        raise UsageError(f"the registry would refuse this push, so nothing was sent: {'; '.join(failed)}")

"""A registry as this project uses it: look an image up, push it, pull it, attach documents to it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import platformdirs
from filelock import FileLock

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.names import nearest
from esd_build.data.reference import ImageReference
from esd_build.net.patience import Patience
from esd_build.registry import manifests
from esd_build.registry.blobs import Blob, Progress, unseen
from esd_build.registry.credentials import Credentials
from esd_build.registry.downloads import Download
from esd_build.registry.harbor.client import look
from esd_build.registry.harbor.rules import Finding, findings, is_harbor
from esd_build.registry.manifests import Attachment, Descriptor, PublishedImage
from esd_build.registry.referrers import Referrers
from esd_build.registry.session import Connection
from esd_build.registry.store import Store, files_explained

_MOST_ATTACHMENTS = 500
_LOG = logging.getLogger("esd_build")


class Registry:
    """A live connection to one registry; TLS is verified, with the machine's certificate authorities or with `ca_file`.

    Passing faults (dropped connections, 429, 5xx, an upload that the registry has forgotten) are borne with as `patience` says; all other
    trouble is one EsdError. Without `credentials`, those of `Credentials.find` are used.
    """

    def __init__(
        self,
        host: str,
        *,
        ca_file: Path | None = None,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
        unfinished: Path | None = None,
    ) -> None:
        self.host = host
        account = credentials or Credentials.find(host)
        self.connection = Connection(host, ca_file=ca_file, credentials=account, patience=patience or Patience())
        self.store = Store(self.connection, unfinished or platformdirs.user_cache_path("esd-images") / "uploads")

    def find(self, reference: ImageReference) -> PublishedImage | None:
        """What the registry serves under a tag or digest; None if there is no such thing."""
        content = self.store.manifest(reference)
        return None if content is None else manifests.published_image(reference, content)

    def resolve(self, reference: ImageReference) -> PublishedImage:
        """What the registry serves under a tag or digest.

        Raises UsageError if there is no such image, ToolError if the registry does not answer or answers with something else
        than was asked for.
        """
        found = self.find(reference)
        if found is None:
            raise UsageError(f"{reference} is not in the registry; {nearest(reference.tag or '', self.tags(reference))}")
        return found

    def tags(self, reference: ImageReference) -> list[str]:
        """All tags of the reference's repository; [] if there is none yet."""
        return self.store.tags(reference)

    def push(
        self,
        image: Path | Blob,
        reference: ImageReference,
        annotations: Mapping[str, str],
        *,
        immutable: bool = False,
        progress: Progress = unseen,
    ) -> PublishedImage:
        """Push a SIF file under a tag, read it back, and return it with its digest.

        The tag is written last, so that an interrupted push leaves no half image, and pushing again finishes it. The same file and
        annotations give the same digest. An `immutable` tag is asked for before anything is sent: UsageError if it names another image.
        """
        sif = image if isinstance(image, Blob) else Blob.of(image)
        manifest = manifests.image_manifest(sif, annotations)
        wanted = reference.with_digest(manifests.digest_of(manifest))
        there = self.digest(reference)
        if immutable and there not in {None, wanted.digest}:
            raise UsageError(
                f"{reference} already exists, is immutable, and names another image ({there}); nothing was sent. "
                "`esd-build tags` explains; a new build gets a new tag by itself"
            )
        self.store.put_blob(reference, sif, progress)
        self.store.put_bytes(reference)
        # A tag that names it already may be one that a rule of the registry does not let anybody write, not even the same.
        if there != wanted.digest:
            self.store.put_manifest(reference, str(reference.tag or wanted.digest), manifest)
        return self._read_back(reference, wanted, sif)

    def examine(self, reference: ImageReference, sif: Blob, annotations: Mapping[str, str], tags: Iterable[str]) -> tuple[Finding, ...]:
        """What may come in the way of a push under these tags, as far as the registry tells before: Harbor does, others tell nothing.

        Raises UsageError if the project is not there, or if there is no account for it.
        """
        if not is_harbor(self.connection):
            return ()
        name = reference.repository.partition("/")[0]
        account = self.connection.login.credentials
        if account is None:
            raise self.connection.login.missing()
        project = look(self.connection, name, account)
        wanted = manifests.digest_of(manifests.image_manifest(sif, annotations))
        others = {tag: self.digest(replace(reference, tag=tag)) not in {None, wanted} for tag in tags}
        needed = 0 if self.store.has_blob(reference, sif.digest, sif.size) else sif.size
        return findings(project, reference, others, needed)

    def digest(self, reference: ImageReference) -> str | None:
        """The digest of whatever a tag names, an image or not; None if there is no such tag."""
        content = self.store.manifest(reference)
        return None if content is None else manifests.digest_of(content)

    def manifest(self, reference: ImageReference) -> bytes:
        """The manifest of whatever a tag or digest names, as the registry keeps it. Raises UsageError if there is nothing."""
        content = self.store.manifest(reference)
        if content is None:
            raise UsageError(f"{reference} is not in the registry; {nearest(reference.tag or '', self.tags(reference))}")
        return content

    def move(self, tag: str, image: PublishedImage) -> PublishedImage:
        """Let a tag name an image that is in its repository already, and read it back."""
        target = replace(image.reference, tag=tag, digest=None)
        content = self.store.manifest(image.reference)
        if content is None:
            raise UsageError(f"{image.reference} is no longer in the registry")
        if self.digest(target) != image.reference.digest:
            self.store.put_manifest(target, tag, content)
        found = self.resolve(target)
        if found.reference.digest != image.reference.digest:
            raise ToolError(
                f"registry {self.host} serves another image as {target} than was written just now; somebody else may have moved it"
            )
        return found

    def pull(self, published: PublishedImage, target: Path, *, progress: Progress = unseen) -> Path:
        """Fetch a SIF file. It appears under `target` whole and with the right digest, or not at all; a second try goes on after a cut."""
        with files_explained(f"pulling {published.reference}"):
            Download(self.connection, published.reference, published.sif_digest, published.size, target, progress=progress).run()
        return target

    def attach(
        self,
        reference: ImageReference,
        artifact_type: str,
        file: Path,
        *,
        media_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Attachment:
        """Attach a document to an image, SIF or OCI. The same document attached twice is there once."""
        subject = self.descriptor(reference)
        document = Blob.of(file)
        manifest = manifests.attachment_manifest(subject, artifact_type, document, media_type or artifact_type, annotations or {})
        self.store.put_blob(reference, document)
        self.store.put_bytes(reference)
        digest = manifests.digest_of(manifest)
        if not self.store.put_manifest(reference, digest, manifest):
            listed = manifests.attachment_descriptor(manifest, artifact_type, annotations or {})
            # Without an API the list is read, changed and written back: on this machine by one at a time.
            with FileLock(self.store.unfinished / f"{subject.digest[7:]}.lock"):
                Referrers(self.connection, reference).add(subject.digest, listed)
        return Attachment(artifact_type, digest, document.digest, document.size, annotations or {})

    def attachments(self, reference: ImageReference, kind: str | None = None) -> tuple[Attachment, ...]:
        """All documents that belong to an image, or those of one kind; one that is broken is told, and hides no other."""
        referrers = Referrers(self.connection, reference)
        listed = [one for one in referrers.of(self.descriptor(reference).digest) if kind is None or one.artifactType in {None, kind}]
        if len(listed) > _MOST_ATTACHMENTS:
            raise ToolError(f"{reference}: {len(listed)} documents are attached to it, more than {_MOST_ATTACHMENTS}; they are not read")
        return tuple(one for one in map(partial(_readable, referrers), listed) if one is not None and kind in {None, one.artifact_type})

    def read(self, reference: ImageReference, attachment: Attachment) -> bytes:
        """A document that belongs to an image, checked by its digest."""
        return self.store.get_blob(reference, attachment.blob_digest, attachment.size)

    def descriptor(self, reference: ImageReference) -> Descriptor:
        """Type, digest and size of whatever a tag or digest names. Raises UsageError if there is nothing."""
        content = self.manifest(reference)
        return Descriptor(mediaType=manifests.type_of(content), digest=manifests.digest_of(content), size=len(content))

    def _read_back(self, reference: ImageReference, wanted: ImageReference, sif: Blob) -> PublishedImage:
        found = self.resolve(reference)
        if found.reference.digest != wanted.digest or not self.store.has_blob(reference, sif.digest, sif.size):
            raise ToolError(
                f"registry {self.host} serves another image as {reference} than was pushed just now; somebody else may have pushed it"
            )
        return found


def _readable(referrers: Referrers, descriptor: Descriptor) -> Attachment | None:
    try:
        return referrers.attachment(descriptor)
    except EsdError as error:
        _LOG.warning("%s", error)
        return None

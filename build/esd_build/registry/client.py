"""A registry as this project uses it: look an image up, push it, pull it, attach documents to it."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import platformdirs
from filelock import FileLock

from esd_build.documents import nearest
from esd_build.errors import ToolError, UsageError
from esd_build.reference import ImageReference
from esd_build.registry import manifests
from esd_build.registry.blobs import Blob, Progress, unseen
from esd_build.registry.credentials import Credentials
from esd_build.registry.downloads import Download
from esd_build.registry.harbor import Finding, findings, is_harbor
from esd_build.registry.manifests import EMPTY_OBJECT, MANIFEST, Attachment, Descriptor, PublishedImage
from esd_build.registry.patience import Patience
from esd_build.registry.referrers import Referrers
from esd_build.registry.session import Connection
from esd_build.registry.uploads import Upload

_CREATED = frozenset({201, 202})
_BLOCK = 64 * 1024


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
        self._ca_file = ca_file
        account = credentials or Credentials.find(host)
        self.connection = Connection(host, ca_file=ca_file, credentials=account, patience=patience or Patience())
        self._unfinished = unfinished or platformdirs.user_cache_path("esd-images") / "uploads"

    def find(self, reference: ImageReference) -> PublishedImage | None:
        """What the registry serves under a tag or digest; None where there is no such thing."""
        content = self._manifest(reference)
        return None if content is None else manifests.published_image(reference, content)

    def resolve(self, reference: ImageReference) -> PublishedImage:
        """What the registry serves under a tag or digest.

        Raises UsageError where there is no such image, ToolError where the registry does not answer or answers with something else
        than was asked for.
        """
        found = self.find(reference)
        if found is None:
            raise UsageError(f"{reference} is not in the registry; {nearest(reference.tag or '', self.tags(reference))}")
        return found

    def tags(self, reference: ImageReference) -> list[str]:
        """All tags of the reference's repository; [] where there is none yet."""
        url: str | None = f"https://{self.connection.container(reference).tags_url()}"
        found: list[str] = []
        while url:
            answer = self.connection.patiently("GET", url, f"listing the tags of {reference.repository}", accepted=frozenset({200, 404}))
            found += [str(tag) for tag in answer.json().get("tags") or []] if answer.ok else []
            url = answer.links.get("next", {}).get("url")
        return found

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
        annotations give the same digest. An `immutable` tag is asked for before anything is sent: UsageError where it names another image.
        """
        sif = image if isinstance(image, Blob) else Blob.of(image)
        manifest = manifests.image_manifest(sif, annotations)
        wanted = reference.with_digest(manifests.digest_of(manifest))
        there = self.digest(reference)
        if immutable and there not in {None, wanted.digest}:
            raise UsageError(
                f"{reference} is there already and immutable, with another content ({there}); nothing was sent. "
                "`esd-build tags` explains; a new build gets a new tag by itself"
            )
        with self._files_explained(f"pushing {sif.path.name} to {reference}"):
            Upload(self.connection, reference, sif, journal_folder=self._unfinished, progress=progress).run()
            self._push_empty_object(reference)
            # A tag that names it already may be one that a rule of the registry does not let anybody write, not even the same.
            if there != wanted.digest:
                self._put_manifest(reference, str(reference.tag or wanted.digest), manifest)
        return self._read_back(reference, wanted, sif)

    def examine(self, reference: ImageReference, sif: Blob, annotations: Mapping[str, str], tags: Iterable[str]) -> tuple[Finding, ...]:
        """What may come in the way of a push under these tags, as far as the registry tells before: Harbor does, others tell nothing.

        Raises UsageError where the project is not there, or where there is no account for it.
        """
        if not is_harbor(self.connection):
            return ()
        from esd_build.registry.harbor_client import look  # noqa: PLC0415 - see there

        name = reference.repository.partition("/")[0]
        account = self.connection.login.credentials
        if account is None:
            raise self.connection.login.missing()
        project = look(self.host, name, account, self._ca_file)
        wanted = manifests.digest_of(manifests.image_manifest(sif, annotations))
        others = {tag: self.digest(replace(reference, tag=tag)) not in {None, wanted} for tag in tags}
        needed = 0 if self.has_blob(reference, sif.digest, sif.size) else sif.size
        return findings(project, reference, others, needed)

    def digest(self, reference: ImageReference) -> str | None:
        """The digest of whatever a tag names, an image or not; None where there is no such tag."""
        content = self._manifest(reference)
        return None if content is None else manifests.digest_of(content)

    def move(self, tag: str, image: PublishedImage) -> PublishedImage:
        """Let a tag name an image that is in its repository already, and read it back."""
        target = replace(image.reference, tag=tag, digest=None)
        content = self._manifest(image.reference)
        if content is None:
            raise UsageError(f"{image.reference} is not in the registry any more")
        if self.digest(target) != image.reference.digest:
            self._put_manifest(target, tag, content)
        found = self.resolve(target)
        if found.reference.digest != image.reference.digest:
            raise ToolError(f"registry {self.host} serves another image as {target} than it was told just now; did somebody else move it?")
        return found

    def pull(self, published: PublishedImage, target: Path, *, progress: Progress = unseen) -> Path:
        """Fetch a SIF file. It appears under `target` whole and with the right digest, or not at all; a second try goes on after a cut."""
        with self._files_explained(f"pulling {published.reference}"):
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
        """Attach a document to an image. The same document attached twice is there once."""
        subject = self._descriptor(reference)
        document = Blob.of(file)
        manifest = manifests.attachment_manifest(subject, artifact_type, document, media_type or artifact_type, annotations or {})
        with self._files_explained(f"attaching {file.name} to {reference}"):
            Upload(self.connection, reference, document, journal_folder=self._unfinished).run()
            self._push_empty_object(reference)
            digest = manifests.digest_of(manifest)
            if not self._put_manifest(reference, digest, manifest):
                listed = manifests.attachment_descriptor(manifest, artifact_type, annotations or {})
                # Without an API the list is read, changed and written back: on this machine by one at a time.
                with FileLock(self._unfinished / f"{subject.digest[7:]}.lock"):
                    Referrers(self.connection, reference).add(subject.digest, listed)
        return Attachment(artifact_type, digest, document.digest, document.size, annotations or {})

    def attachments(self, reference: ImageReference) -> tuple[Attachment, ...]:
        """All documents that belong to an image."""
        referrers = Referrers(self.connection, reference)
        found = (referrers.attachment(descriptor) for descriptor in referrers.of(self._descriptor(reference).digest))
        return tuple(attachment for attachment in found if attachment is not None)

    def read(self, reference: ImageReference, attachment: Attachment) -> bytes:
        """A document that belongs to an image, checked by its digest."""
        with tempfile.TemporaryDirectory() as folder, self._files_explained(f"reading {attachment.artifact_type} of {reference}"):
            target = Path(folder) / "document"
            Download(self.connection, reference, attachment.blob_digest, attachment.size, target).run()
            return target.read_bytes()

    def has_blob(self, reference: ImageReference, digest: str, size: int) -> bool:
        """Whether the reference's repository has a blob, whole."""
        url = f"https://{self.connection.container(reference).get_blob_url(digest)}"
        answer = self.connection.patiently("HEAD", url, f"looking for {digest}", accepted=frozenset({200, 404}))
        return answer.ok and answer.headers.get("Content-Length") in {None, str(size)}

    def _manifest(self, reference: ImageReference) -> bytes | None:
        url = f"https://{self.connection.container(reference).manifest_url()}"
        accepted = frozenset({200, 404})
        with self.connection.patiently(
            "GET", url, f"looking up {reference}", accepted=accepted, headers={"Accept": MANIFEST}, stream=True
        ) as answer:
            if not answer.ok:
                return None
            with self.connection.faults(f"looking up {reference}"):
                content = b"".join(islice(answer.iter_content(_BLOCK), manifests.LONGEST // _BLOCK + 1))
        if len(content) > manifests.LONGEST:
            raise UsageError(f"{reference} is not an Apptainer image (its manifest is longer than {manifests.LONGEST} bytes)")
        return content

    def _read_back(self, reference: ImageReference, wanted: ImageReference, sif: Blob) -> PublishedImage:
        found = self.resolve(reference)
        if found.reference.digest != wanted.digest or not self.has_blob(reference, sif.digest, sif.size):
            raise ToolError(
                f"registry {self.host} serves another image as {reference} than was pushed just now; did somebody else push it?"
            )
        return found

    def _push_empty_object(self, reference: ImageReference) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "empty.json"
            file.write_bytes(EMPTY_OBJECT)
            Upload(self.connection, reference, Blob.of(file), journal_folder=Path(folder)).run()

    def _put_manifest(self, reference: ImageReference, name: str, manifest: bytes) -> bool:
        """Write a manifest; True where the registry says that it has put it into its list of referrers."""
        url = f"https://{self.connection.container(reference).manifest_url(name)}"
        doing = f"publishing {reference}"
        answer = self.connection.patiently("PUT", url, doing, accepted=_CREATED, headers={"Content-Type": MANIFEST}, data=manifest)
        return "OCI-Subject" in answer.headers

    def _descriptor(self, reference: ImageReference) -> Descriptor:
        image = self.resolve(reference)
        return Descriptor(mediaType=MANIFEST, digest=str(image.reference.digest), size=len(self._manifest(image.reference) or b""))

    @contextlib.contextmanager
    def _files_explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = f" ({os.fspath(error.filename)})" if error.filename else ""
            raise ToolError(f"{doing}: {error.strerror or error}{place}; is the disk full?") from error

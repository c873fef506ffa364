"""Manifests and blobs in one registry, by name and digest: what images, attachments and signatures are made of."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ValidationError

from esd_build.data.errors import FULL, ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.allowance import altogether
from esd_build.registry.blobs import Blob, Progress, unseen
from esd_build.registry.downloads import Download
from esd_build.registry.manifests import EMPTY_OBJECT, INDEX, LONGEST, MANIFEST, digest_of
from esd_build.registry.session import Connection
from esd_build.registry.uploads import Upload

_CREATED = frozenset({201, 202})
_OK_OR_NONE = frozenset({200, 404})
_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_BLOCK = 64 * 1024
_MOST_PAGES = 1000
_MOST_TAGS = 100_000
_MOST_READ = 64 * 1024**2
"""Bytes of a document that is read into memory."""


class _TagList(BaseModel):
    tags: list[str] | None = None


class Store:
    """`unfinished` is the folder in which uploads that were cut off are remembered."""

    def __init__(self, connection: Connection, unfinished: Path) -> None:
        self.connection = connection
        self.unfinished = unfinished

    def manifest(self, reference: ImageReference) -> bytes | None:
        """The manifest that a tag or digest names, whatever it is of; None if there is none. ToolError if it is another one."""
        content = self.connection.patience.call(lambda: self._manifest(reference))
        if content is not None and reference.digest not in {None, digest_of(content)}:
            raise ToolError(
                f"{reference}: the registry answered with another manifest ({digest_of(content)}); do not use it, "
                "tell the registry's administrator"
            )
        return content

    def put_manifest(self, reference: ImageReference, name: str, content: bytes) -> bool:
        """Write a manifest under a tag or its digest; True if the registry says that it has put it into its list of referrers."""
        url = f"https://{self.connection.container(reference).manifest_url(name)}"
        answer = self.connection.patiently(
            "PUT", url, f"publishing {reference}", accepted=_CREATED, headers={"Content-Type": MANIFEST}, data=content
        )
        return "OCI-Subject" in answer.headers

    def put_blob(self, reference: ImageReference, blob: Blob, progress: Progress = unseen) -> None:
        """Bring a file into the reference's repository."""
        with files_explained(f"pushing {blob.path.name} to {reference}"):
            Upload(self.connection, reference, blob, journal_folder=self.unfinished, progress=progress).run()

    def put_bytes(self, reference: ImageReference, content: bytes = EMPTY_OBJECT) -> None:
        """Bring a small thing into the reference's repository."""
        with tempfile.TemporaryDirectory() as folder, files_explained(f"pushing to {reference}"):
            file = Path(folder) / "content"
            file.write_bytes(content)
            Upload(self.connection, reference, Blob.of(file), journal_folder=Path(folder)).run()

    def get_blob(self, reference: ImageReference, digest: str, size: int) -> bytes:
        """A small thing of the reference's repository, checked by its digest. Raises UsageError if its manifest says it is large."""
        if size > _MOST_READ:
            raise UsageError(f"{digest} of {reference} has {size / 1e6:,.0f} MB: no document has more than {_MOST_READ / 1e6:.0f} MB")
        with tempfile.TemporaryDirectory() as folder, files_explained(f"reading {digest} of {reference}"):
            target = Path(folder) / "content"
            Download(self.connection, reference, digest, size, target).run()
            return target.read_bytes()

    def has_blob(self, reference: ImageReference, digest: str, size: int) -> bool:
        """Whether the reference's repository has a blob, whole."""
        url = f"https://{self.connection.container(reference).get_blob_url(digest)}"
        answer = self.connection.patiently("HEAD", url, f"looking for {digest}", accepted=_OK_OR_NONE)
        return answer.ok and answer.headers.get("Content-Length") in {None, str(size)}

    def tags(self, reference: ImageReference) -> list[str]:
        """All tags of the reference's repository; [] if there is none yet."""
        url: str | None = f"https://{self.connection.container(reference).tags_url()}"
        doing = f"listing the tags of {reference.repository}"
        found: list[str] = []
        with altogether(doing):
            for _page in range(_MOST_PAGES):
                if not url:
                    break
                page, url = self._page(url, doing)
                found += page
                if len(found) > _MOST_TAGS:
                    raise ToolError(f"{doing}: registry {self.connection.host} names more than {_MOST_TAGS}; tell its administrator")
        return found

    def _page(self, url: str, doing: str) -> tuple[list[str], str | None]:
        """Some tags, and where there are more."""
        answer = self.connection.patiently("GET", url, doing, accepted=_OK_OR_NONE)
        try:
            tags = (_TagList.model_validate_json(answer.content).tags or []) if answer.ok else []
        except ValidationError as error:
            raise ToolError(f"{doing}: registry {self.connection.host} answered with no list of tags") from error
        return tags, answer.links.get("next", {}).get("url")

    def _manifest(self, reference: ImageReference) -> bytes | None:
        url = f"https://{self.connection.container(reference).manifest_url()}"
        doing = f"looking up {reference}"
        headers = {"Accept": f"{MANIFEST}, {INDEX}, {_DOCKER}"}
        with (
            self.connection.faults(doing),
            self.connection.ask("GET", url, doing, accepted=_OK_OR_NONE, headers=headers, stream=True) as answer,
        ):
            if not answer.ok:
                return None
            content = b"".join(islice(answer.iter_content(_BLOCK), LONGEST // _BLOCK + 1))
        if len(content) > LONGEST:
            raise UsageError(
                f"{reference}: its manifest is longer than {LONGEST} bytes; it was not read, tell the registry's administrator"
            )
        return content


@contextlib.contextmanager
def files_explained(doing: str) -> Iterator[None]:
    """Trouble with files here becomes one ToolError."""
    try:
        yield
    except OSError as error:
        place = f" ({os.fspath(error.filename)})" if error.filename else ""
        advice = "; make room there" if error.errno in FULL else ""
        raise ToolError(f"{doing}: {error.strerror or error}{place}{advice}") from error

"""A run deposited with its image: one folder that holds all that a repetition needs, and needs no registry.

It is an OCI image layout (image specification 1.1). `index.json` names the image, with the manifest that its registry served, and so with
the digest of the run's record; and the run's research object (crate.py), whose manifest refers to the image.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import Blob, PublishedImage, Registry, manifests
from esd_deploy.inputs.content import OnDisk
from esd_deploy.inputs.packages import LOCK_FILE
from esd_deploy.plans import paths
from esd_deploy.records.record import FILE_NAME, RunRecord
from esd_deploy.studies import crate
from esd_deploy.studies.citation import Author

CRATE = "application/vnd.eu.ebrains.esd.run-crate.v1+zip"
_LAYOUT, _INDEX = "oci-layout", "index.json"
_VERSION = "1.0.0"
_NAME = "org.opencontainers.image.ref.name"
_MOST_RECORD = 16 * 1024**2
_MOST_SENT = 10 * 1000**3
"""Bytes of all files that were sent with a run, unpacked; the most that a site takes unless its file says otherwise."""


class _Layout(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    imageLayoutVersion: str  # noqa: N815 - the specification's word


@dataclass(frozen=True)
class Deposit:
    """A deposited run: its record, the image and its file, and the crate's; both files are whole."""

    record: RunRecord
    image: PublishedImage
    sif: OnDisk
    crate: Path

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """A temporary folder with what was sent with the run, each file at its path there; only what the record names is unpacked."""
        script = self.record.script
        wanted = [script.name, *script.inputs, *([LOCK_FILE] if self.record.requirements else [])]
        with tempfile.TemporaryDirectory(prefix="esd-deposit-") as folder, _opened(self.crate) as archive:
            left = _MOST_SENT
            for path in wanted:
                place = paths.inside(Path(folder), path)
                place.parent.mkdir(parents=True, exist_ok=True)
                with _member(archive, path, self.crate) as source:
                    left -= archive.getinfo(path).file_size
                    if left < 0:
                        raise ToolError(f"{self.crate}: what its run was given has more than {_MOST_SENT // 10**9} GB; nothing was sent")
                    with place.open("wb") as target:
                        shutil.copyfileobj(source, target)
            yield Path(folder)


def write(
    record: RunRecord,
    folder: Path,
    target: Path,
    registry: Registry,
    *,
    license_url: str | None = None,
    authors: Sequence[Author] = (),
) -> Path:
    """Write the layout of an ended run that had an image; fetches the image by its digest. `target` appears whole, or not at all.

    Raises UsageError for a run without an image or with several, a target that exists, and as `crate.write`; ToolError if the image is not
    fetched.
    """
    if record.image is None:
        raise UsageError(f"run '{record.id}' had no image (mode {record.mode}); `export` without --oci packs it")
    if record.components:
        raise UsageError(
            f"run '{record.id}' ran from {1 + len(record.components)} images; --oci packs one. `export` without it packs the run"
        )
    if target.exists():
        raise UsageError(f"{target} exists already; choose another name")
    reference = ImageReference.parse(record.image.reference)
    published = registry.resolve(reference)
    manifest = registry.manifest(published.reference)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
        blobs = Path(work) / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        registry.pull(published, blobs / published.sif_digest.removeprefix("sha256:"))
        packed = Blob.of(crate.write(record, folder, Path(work) / f"{record.id}.crate.zip", license_url=license_url, authors=authors))
        subject = manifests.Descriptor(mediaType=manifests.type_of(manifest), digest=manifests.digest_of(manifest), size=len(manifest))
        of_crate = manifests.attachment_manifest(subject, CRATE, packed, "application/zip", {})
        packed.path.rename(blobs / packed.digest.removeprefix("sha256:"))
        for content in (manifests.EMPTY_OBJECT, manifest, of_crate):
            (blobs / manifests.digest_of(content).removeprefix("sha256:")).write_bytes(content)
        listed = [
            subject.model_copy(update={"annotations": {_NAME: reference.tag or record.image.digest}}),
            manifests.attachment_descriptor(of_crate, CRATE, {}),
        ]
        (Path(work) / _INDEX).write_bytes(manifests.index_bytes(listed))
        (Path(work) / _LAYOUT).write_text(json.dumps({"imageLayoutVersion": _VERSION}))
        Path(work).chmod(0o755)
        Path(work).rename(target)
    return target


def read(layout: Path) -> Deposit:
    """A deposited run, every part of it compared with its digest. Raises UsageError if the folder is none, ToolError if it is damaged."""
    try:
        version = _Layout.model_validate_json(paths.read(layout, _LAYOUT, _MOST_RECORD)).imageLayoutVersion
        index = manifests.parse(paths.read(layout, _INDEX, manifests.LONGEST), manifests.Index, str(layout))
    except (OSError, ValidationError) as error:
        raise UsageError(f"{layout} is no OCI image layout; `esd-deploy export ID --oci` writes one") from error
    crates = [one for one in index.manifests if one.artifactType == CRATE]
    if version != _VERSION or len(crates) != 1:
        raise UsageError(f"{layout} holds {len(crates)} runs of esd-deploy (layout version {version}); expected one")
    of_crate = manifests.parse(_small(layout, crates[0].digest), manifests.Manifest, str(layout))
    if len(of_crate.layers) != 1:
        raise ToolError(f"{layout}: the manifest of its run has {len(of_crate.layers)} layers; expected one")
    packed = _whole(layout, of_crate.layers[0].digest)
    known = _record(packed.path)
    if known.components:
        raise UsageError(
            f"{layout}: run '{known.id}' ran from several images, and this folder holds one; use `esd-deploy rerun {known.id}`"
        )
    image = known.image
    if image is None or of_crate.subject is None or of_crate.subject.digest != image.digest:
        raise ToolError(f"{layout}: the image in it is not that of its run; somebody changed it")
    manifest = _small(layout, image.digest)
    published = manifests.published_image(ImageReference.parse(image.reference), manifest)
    if published.sif_digest != image.sif_digest:
        raise ToolError(f"{layout}: the image in it is not that of its run; somebody changed it")
    return Deposit(known, published, _whole(layout, published.sif_digest), packed.path)


def _small(layout: Path, digest: str) -> bytes:
    content = paths.read(layout, _blob(digest), manifests.LONGEST)
    if manifests.digest_of(content) != digest:
        raise ToolError(f"{layout / _blob(digest)} is damaged: its content has another hash than its name says")
    return content


def _whole(layout: Path, digest: str) -> OnDisk:
    place = paths.inside(layout, _blob(digest))
    found = Blob.of(place)
    if found.digest != digest:
        raise ToolError(f"{place} is damaged: its content has another hash than its name says")
    return OnDisk(place, found.size, sha256=digest.removeprefix("sha256:"))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _record(packed: Path) -> RunRecord:
    with _opened(packed) as archive, _member(archive, FILE_NAME, packed) as file:
        content = file.read(_MOST_RECORD + 1)
    try:
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        raise ToolError(f"{packed}: its {FILE_NAME} is no record of a run ({error.error_count()} faults)") from error


@contextmanager
def _opened(packed: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(packed) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise ToolError(f"{packed} is no ZIP file: {error}") from error


def _member(archive: zipfile.ZipFile, path: str, packed: Path) -> IO[bytes]:
    try:
        return archive.open(path)
    except KeyError as error:
        raise ToolError(f"{packed} lacks {path}; without it, its run cannot be repeated") from error

"""The parts of a run's record."""

import hashlib
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import UNVERIFIED_SOURCES, PublishedImage
from esd_deploy.fetching.wanted import WITH_CONTENT
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.packages import Packages
from esd_deploy.plans.paths import RunPath
from esd_deploy.records.ending import Ending
from esd_deploy.sites.config import Cpus, Hint


def _reference(text: str) -> str:
    """The text, which must be an image's reference; raises ValueError."""
    try:
        ImageReference.parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return text


Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""It becomes part of file names and command lines at the site, where a record is run again."""


class Part(BaseModel):
    """Base of all parts: frozen; keys of a newer esd-deploy are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


class ImageRecord(Part):
    """The image, pinned; `sif_digest` and `size` (bytes) are those that the registry promised of the file.

    `nodes` is what ran: node → SHA-256 in hex, computed on each node from the file that was run there, just before it was.
    """

    reference: Annotated[str, AfterValidator(_reference)]
    digest: Digest
    sif_digest: Digest
    size: int = Field(ge=0)
    nodes: dict[str, str] = {}
    unverified_sources: str | None = None
    """Sources of the image whose checksums are not those of its recipe (`package@version sha256:…`): an image of one machine."""

    @classmethod
    def of(cls, image: PublishedImage) -> Self:
        """What of the registry's answer is kept."""
        return cls(
            reference=str(image.reference),
            digest=str(image.reference.digest),
            sif_digest=image.sif_digest,
            size=image.size,
            unverified_sources=image.annotations.get(UNVERIFIED_SOURCES),
        )


class ScriptRecord(Part):
    """The user's program, and the files that were sent with it (name → SHA-256 in hex)."""

    name: RunPath
    sha256: str
    arguments: tuple[str, ...] = ()
    inputs: dict[RunPath, str] = {}


def _archived(description: object) -> object:
    """A description as it is kept, whichever kind of site it is for."""
    return description.document() if isinstance(description, JobDescription) else description


Archived = Annotated[JobDescription, BeforeValidator(_archived), WithJsonSchema({"type": "object"})]


class JobRecord(Part):
    """The job at the site; without `url` nothing has been heard of it yet. `details` is what the batch system said at its end."""

    url: str | None = None
    description: Archived
    batch_id: str | None = None
    details: dict[str, str] = {}


class StateRecord(Part):
    """A state and when it was first seen from here."""

    status: str
    time: datetime


class FileRecord(Part):
    """A result, by its path in the run's folder. `checked`: the hash is the one that was computed at the site.

    `origin`: its path at the site, where that is another: a name that no record can hold, an input that the job changed.
    """

    path: RunPath
    size: int
    sha256: str
    checked: bool = False
    origin: str | None = None


class MissingRecord(Part):
    """Something that is at the site and did not come, with the reason; without `size` (bytes) where nothing is known of it.

    `kind`: file · folder · link · pipe · socket · device · vanished. Files and folders had content that is not here.
    """

    path: str
    size: int | None
    reason: str
    kind: str = "file"

    @property
    def lost(self) -> bool:
        return self.kind in WITH_CONTENT


class PullRecord(Part):
    """Where the image was pulled, and whether it had to be: a host of the batch job here means that the site runs no precommands."""

    host: str
    downloaded: bool
    seconds: int


class StartCrashRecord(Part):
    """A start of the wire-up check that MPI did not survive by chance, and that was made again before the program ran; `attempt` from 1."""

    attempt: int
    reason: str


class EndingRecord(Part):
    """How the run ended, and what that is told from."""

    kind: str
    because: str

    @classmethod
    def of(cls, ending: Ending) -> Self:
        """An ending, to be kept."""
        return cls(kind=ending.kind, because=ending.because)


class RequirementsRecord(Part):
    """Python packages besides those of the image (--requirements); the lock, with a hash of each, is `esd/requirements.lock` in the folder.

    `key` names them in the site's cache, `sums` is the SHA-256 (hex) of the list of their files, `lock_sha256` that of the lock.
    """

    key: str
    sums: str
    lock_sha256: str
    python: str
    platform: str
    versions: dict[str, str]

    @classmethod
    def of(cls, packages: Packages) -> Self:
        """What is kept of them."""
        digest = hashlib.sha256(packages.lock).hexdigest()
        own = {"python": packages.python, "platform": packages.platform, "versions": packages.versions}
        return cls(key=packages.key, sums=packages.sums, lock_sha256=digest, **own)


class ShapeRecord(Part):
    """How the program was spread, and what else a second run needs to be the same."""

    nodes: int = Field(ge=1)
    tasks_per_node: int = Field(ge=1)
    threads: int = Field(ge=1)
    partition: str | None = None
    account: str | None = None
    gpus: Annotated[int, Field(ge=0)] = 0
    """Of each node."""
    bind: Cpus | None = None
    hint: Hint | None = None
    ranks_per_socket: Annotated[int, Field(ge=1)] | None = None
    exclusive: bool = False

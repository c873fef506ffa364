"""The parts of a run's record."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import UNVERIFIED_SOURCES, PublishedImage
from esd_deploy.fetching.wanted import WITH_CONTENT
from esd_deploy.inputs.packages import Packages
from esd_deploy.plans.component import PlannedComponent
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.launch import Repeats, Shape
from esd_deploy.plans.paths import RunPath
from esd_deploy.records.ending import Ending
from esd_deploy.sites.config import Binding, Cpus, Hint, SiteConfig, require_slurm_name


def _reference(text: str) -> str:
    """The text itself. Raises ValueError unless it is an image's reference."""
    try:
        ImageReference.parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return text


Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""A digest; a rerun puts it into file names and command lines at the site."""
ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,30}$")]
"""A component's name; it is part of file names at the site and here."""


class Part(BaseModel):
    """Base of all parts: frozen; keeps the keys of a newer esd-deploy and writes them again."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True, defer_build=True)


class ImageRecord(Part):
    """The pinned image; `sif_digest` and `size` (bytes) are the file's, as the registry gives them.

    `nodes` shows what ran: node → SHA-256 (hex) of the file there, computed just before the start.
    """

    reference: Annotated[str, AfterValidator(_reference)]
    digest: Digest
    sif_digest: Digest
    size: int = Field(ge=0)
    nodes: dict[str, str] = {}
    unverified_sources: str | None = None
    """Sources of the image whose checksums differ from the recipe's (`package@version sha256:…`); such an image stays on its machine."""

    @property
    def published(self) -> PublishedImage:
        """The image as a registry would give it, without asking one."""
        return PublishedImage(ImageReference.parse(self.reference), self.sif_digest, self.size, {})

    @classmethod
    def of(cls, image: PublishedImage) -> Self:
        """The part of the registry's answer that is kept."""
        return cls(
            reference=str(image.reference),
            digest=str(image.reference.digest),
            sif_digest=image.sif_digest,
            size=image.size,
            unverified_sources=image.annotations.get(UNVERIFIED_SOURCES),
        )


class ScriptRecord(Part):
    """The user's program, and its input files (name → SHA-256 in hex)."""

    name: RunPath
    sha256: str
    arguments: tuple[str, ...] = ()
    inputs: dict[RunPath, str] = {}


def _archived(description: object) -> object:
    """A stored job description, of any kind of site."""
    return description.document() if isinstance(description, JobDescription) else description


Archived = Annotated[JobDescription, BeforeValidator(_archived), WithJsonSchema({"type": "object"})]


class ShapeRecord(Part):
    """How many nodes, ranks and threads the program had, and which other settings a rerun needs."""

    nodes: int = Field(ge=1)
    tasks_per_node: int = Field(ge=1)
    threads: int = Field(ge=1)
    partition: str | None = None
    account: str | None = None
    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs of each node."""
    bind: Cpus | None = None
    hint: Hint | None = None
    ranks_per_socket: Annotated[int, Field(ge=1)] | None = None
    exclusive: bool = False

    @classmethod
    def at(cls, site: SiteConfig, shape: Shape) -> Self:
        """A shape at a site that has the run's partition and account."""
        return cls(**_settings(site, shape))

    @property
    def shape(self) -> Shape:
        """The shape that was planned."""
        binding = Binding(bind=self.bind, hint=self.hint, ranks_per_socket=self.ranks_per_socket, exclusive=self.exclusive)
        return Shape(self.nodes, self.tasks_per_node, self.threads, self.gpus, binding)

    def settled(self, site: SiteConfig, where: str) -> SiteConfig:
        """The site with the recorded partition and account. Raises UsageError for names that Slurm cannot have had."""
        for what, word in (("partition", self.partition), ("account", self.account)):
            if word is not None:
                require_slurm_name(word, f"{where} names the {what}")
        return site.model_copy(update={"partition": self.partition, "account": self.account})


def _settings(site: SiteConfig, shape: Shape) -> dict[str, Any]:
    own = {"nodes": shape.nodes, "tasks_per_node": shape.tasks_per_node, "threads": shape.threads, "gpus": shape.gpus}
    return {**own, "partition": site.partition, "account": site.account, **dict(shape.binding)}


class ComponentRecord(ShapeRecord):
    """A further program of a run (--component), in one MPI world with the first; its script is one of the inputs.

    Its nodes are the keys of `image.nodes`.
    """

    name: ComponentName
    script: RunPath
    image: ImageRecord

    @classmethod
    def of(cls, planned: PlannedComponent) -> Self:
        """What is kept of a planned component."""
        own = {"name": planned.name, "script": planned.script, "image": ImageRecord.of(planned.image)}
        return cls(**own, **_settings(planned.site, planned.shape))

    def planned(self, site: SiteConfig, where: str) -> PlannedComponent:
        """The same component again, from the same image; `where`: the record that names it. Raises UsageError as `settled`."""
        image = self.image.published
        return PlannedComponent(self.name, image, self.script, self.shape, self.settled(site, f"component '{self.name}': {where}"))


class JobRecord(Part):
    """The job at the site. `url` is missing until the site confirms the job. `details`: what the batch system said at the end."""

    url: str | None = None
    description: Archived
    batch_id: str | None = None
    details: dict[str, str] = {}


class StateRecord(Part):
    """A state, and the time when this machine first saw it."""

    status: str
    time: datetime


class FileRecord(Part):
    """A result, by its path in the run's folder. `checked`: the file on disk has the hash that the site noted.

    `checked_by`: the kind of that hash: sha256 (by the job itself) or sha1 (by a neuromorphic queue).
    `origin`: its path at the site if that differs: a name that no record can hold, or an input that the job changed.
    """

    path: RunPath
    size: int
    sha256: str
    checked: bool = False
    checked_by: str | None = None
    origin: str | None = None


class MissingRecord(Part):
    """Something at the site that was not fetched, with the reason. `size` in bytes, if known.

    `kind`: file · folder · link · pipe · socket · device · vanished. Of files and folders, content is missing here.
    """

    path: str
    size: int | None
    reason: str
    kind: str = "file"

    @property
    def lost(self) -> bool:
        return self.kind in WITH_CONTENT


class PullRecord(Part):
    """Where the image was pulled, and whether a download was needed. If `host` is a node of the batch job, the site runs no precommands."""

    host: str
    downloaded: bool
    seconds: int


class PostRecord(Part):
    """Post-processing (--post): the script, and how it ended. Its output is in `esd/post.stdout` and `esd/post.stderr`."""

    script: RunPath
    """The script's place in the run's folder."""
    host: str | None = None
    """The node on which it ran."""
    exit_code: int | None = None
    """The script's own; null if it did not run."""
    seconds: int | None = None
    """How long it ran."""


class StartCrashRecord(Part):
    """A start of the wire-up check in which MPI crashed by chance. The job repeated it before the program ran. `attempt` counts from 1."""

    attempt: int
    reason: str


class EndingRecord(Part):
    """How the run ended, and the words that show it."""

    kind: str
    because: str

    @classmethod
    def of(cls, ending: Ending) -> Self:
        """The stored form of an ending."""
        return cls(kind=ending.kind, because=ending.because)


class RequirementsRecord(Part):
    """Python packages besides the image's (--requirements). Their lock, with hashes, is `esd/requirements.lock` in the run's folder.

    `key`: their name in the site's cache. `sums`: SHA-256 (hex) of the list of their files. `lock_sha256`: SHA-256 (hex) of the lock.
    """

    key: str
    sums: str
    lock_sha256: str
    python: str
    platform: str
    versions: dict[str, str]

    @classmethod
    def of(cls, packages: Packages) -> Self:
        """The stored form of a run's packages."""
        digest = hashlib.sha256(packages.lock).hexdigest()
        own = {"python": packages.python, "platform": packages.platform, "versions": packages.versions}
        return cls(key=packages.key, sums=packages.sums, lock_sha256=digest, **own)


class RepeatsRecord(Part):
    """How often the program was started, one start after another; each for at most `limit_s` seconds. Each knew its number, from 1."""

    times: Annotated[int, Field(ge=1, le=1000)] = 1
    limit_s: Annotated[int, Field(ge=1)] | None = None

    @classmethod
    def of(cls, planned: Repeats) -> Self | None:
        """None for the one start of a usual run."""
        return None if planned == Repeats() else cls(times=planned.times, limit_s=planned.limit_s)

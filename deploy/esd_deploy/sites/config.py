"""A site's data file, `site-configs/<site>.yaml`: where it runs and how programs are launched there. It holds no secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, field_validator, model_validator

from esd_build.data.documents import Document
from esd_build.data.errors import UsageError
from esd_deploy.sites.certainty import Evidence
from esd_deploy.sites.source import CredentialsSource, Variable

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*$")]
# Values reach shell scripts and requests, so each type allows only what such a value needs. No address holds a password.
_SERVER = r"^https://[^\s@/?#]+"
HttpsUrl = Annotated[str, StringConstraints(pattern=_SERVER + r"(/[^\s@?#]+)*/rest/core$")]
RegistryUrl = Annotated[str, StringConstraints(pattern=_SERVER + r"(/[^\s@?#]+)*/rest/registries/\w+$")]
QueueUrl = Annotated[str, StringConstraints(pattern=_SERVER + r"(/[^\s@?#]*)?$")]
RegistryHost = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\[\]:-]+$")]
_PATH = r"[A-Za-z0-9_./+@%=~-]"
AbsolutePath = Annotated[str, StringConstraints(pattern=rf"^/{_PATH}*$")]
Bind = Annotated[str, StringConstraints(pattern=rf"^(/{_PATH}*|\$[A-Za-z_][A-Za-z0-9_]*(/{_PATH}*)?)$")]
Program = Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9_./]{_PATH}*$")]
Module = Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9_.]{_PATH}*$")]
SlurmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,@+:/-]*$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]


Mode = Literal["container", "module", "login", "queue"]
"""container: in the image, on compute nodes · module: with the site's modules, on compute nodes · login: the same on the login node ·
queue: through a neuromorphic queue."""
_MODES: Mapping[str, tuple[Mode, ...]] = {"unicore": ("container", "module", "login"), "nmpi": ("queue",)}


INPUT_MB = 10_000
"""Most MB (10^6 bytes) of all files of one job, if the site's file does not say."""


class Limits(Document):
    """What one job may request; checked before submission."""

    nodes: int = Field(ge=1, description="most nodes in one job")
    time_s: int = Field(ge=1, description="longest run time of a job, in seconds")
    default_time_s: int = Field(600, ge=1, description="time limit of a job if the user gives none, in seconds")
    input_mb: int = Field(INPUT_MB, ge=1, description="most MB (10^6 bytes) of all files of one job; a queue accepts 5")

    @property
    def input_bytes(self) -> int:
        """`input_mb` in bytes."""
        return self.input_mb * 1_000_000


Cpus = Literal["cores", "threads", "sockets", "ldoms", "none"]
"""What a rank is bound to (`srun --cpu-bind`)."""
Hint = Literal["nomultithread", "multithread", "compute_bound", "memory_bound"]
"""Slurm's own words for how a program uses cores (`srun --hint`)."""


class Binding(Document):
    """Where the ranks of a node sit; Slurm decides what is missing here."""

    bind: Cpus | None = Field(None, description="what each rank is bound to: cores, threads, sockets, ldoms, none (`srun --cpu-bind`)")
    hint: Hint | None = Field(None, description="how the program uses cores, e.g. nomultithread (`srun --hint`); not together with `bind`")
    ranks_per_socket: int | None = Field(None, ge=1, description="most ranks on one socket (`srun --ntasks-per-socket`)")
    exclusive: bool = Field(False, description="whole nodes, with no other job on them")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.bind and self.hint:
            raise ValueError("bind and hint: give only one; Slurm accepts no more")
        return self


class Partition(Document):
    """One Slurm partition. Missing values are unknown, and not checked."""

    nodes: int | None = Field(None, ge=1, description="most nodes in one job")
    time_s: int | None = Field(None, ge=1, description="longest run time of a job, in seconds")
    cpus: int | None = Field(None, ge=1, description="cores of one node")
    gpus: int = Field(0, ge=0, description="GPUs of one node")
    target: str | None = Field(None, description="the nodes' processor, in archspec's words, if it differs from the site's `target`")

    @model_validator(mode="before")
    @classmethod
    def _without_what_nothing_reads(cls, values: object) -> object:
        """Drop `memory_gb`, a key that nothing reads, so that files with it stay valid."""
        return {name: value for name, value in values.items() if name != "memory_gb"} if isinstance(values, dict) else values


class NmpiSettings(Document):
    """Further settings of a neuromorphic queue (`kind: nmpi`)."""

    platform: str = Field(description="`hardware_platform` of the queue's jobs: SpiNNaker, BrainScaleS-2, Demo, …")
    collab: str | None = Field(None, description="the collaboratory whose quota is charged; without it, --account names one")
    hardware_config: dict[str, str | int | Annotated[float, Field(allow_inf_nan=False)] | bool] = Field(
        default_factory=dict, description="passed on unchanged; --hardware-config KEY=VALUE of a run goes over it"
    )
    neurons: int | None = Field(None, ge=1, description="most neurons of a network on this machine; a dry run and `fit` say so")
    speedup: float | None = Field(None, gt=0, description="how many times faster than biological time it runs; a dry run and `fit` say so")

    @property
    def machine(self) -> str:
        """What is known of the machine, for people; of one that nothing is known of, its name."""
        told = (
            f"at most {self.neurons:,} neurons in a network" if self.neurons else "",
            f"runs {self.speedup:,g} times faster than biological time" if self.speedup else "",
        )
        return ": ".join(part for part in (self.platform, "; ".join(filter(None, told))) if part)


class SiteConfig(Document):
    """One site. `status_file`, which a local site writes, replaces the addresses, `ca_file` and `credentials`."""

    name: Name = Field(description="the file's name without .yaml", exclude=True)
    file: Path | None = Field(None, description="the file itself, if it is not in the catalogue", exclude=True)
    kind: Literal["unicore", "nmpi"]
    description: Line
    status_file: Path | None = Field(None, description="a local site's JSON file with address, registry, CA and credentials")
    url: HttpsUrl | None = Field(None, description="UNICORE base URL, https://HOST:PORT/SITE/rest/core")
    unicore_registry: RegistryUrl | None = Field(None, description="UNICORE registry that gives the site's base URL")
    unicore_site: Word | None = Field(None, description="the site's name in that registry")
    queue_url: QueueUrl | None = Field(None, description="base URL of the neuromorphic job queue (kind: nmpi)")
    registry: RegistryHost | None = Field(None, description="host[:port] of the OCI registry that the site's login nodes pull from")
    ca_file: Path | None = Field(None, description="PEM file of the certificate authority; without it, the machine's authorities")
    registry_ca_file: Path | None = Field(None, description="the same for the OCI registry, if it has its own authority")
    credentials: CredentialsSource | None = None
    repository: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([._/-]+[a-z0-9]+)*$")] = Field(
        "esd", description="folder of the images in the registry: <registry>/<repository>/<image>:<environment>"
    )
    backend: Word = Field("nest", description="the PyNN backend of scripts at this site; they find it in $PYNN_SIMULATOR")
    nmpi: NmpiSettings | None = Field(None, description="the queue's own settings (kind: nmpi)")
    mpi: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")] = Field(
        "pmix", description="Slurm's MPI plugin (`srun --mpi=list` there)"
    )
    pmix: str | None = Field(None, description="version of the OpenPMIx that this plugin brings, where it is known")
    apptainer: Program = Field("apptainer", description="the container program on login and compute nodes")
    sharens: bool = Field(True, description="start a node's ranks in one user namespace (Apptainer >= 1.3, not with psslurm)")
    scratch: Variable = Field("SCRATCH", description="variable that holds a folder shared by login and compute nodes")
    image_cache: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] = Field(
        "esd-images", description="folder of pulled images in `scratch`; each user has one, because the user's id is added to the name"
    )
    image_cache_keeper: Account | None = Field(
        None,
        description="account that keeps images for all users in that folder, without an id; others go to the user's folder",
    )
    broadcast_nodes: int | None = Field(None, ge=2, description="from so many nodes on, `sbcast` copies the image to each node's disk")
    broadcast_folder: AbsolutePath = Field("/tmp", description="the folder on each node that `sbcast` copies to")  # noqa: S108 - on the node, in the job
    binds: tuple[Bind, ...] = Field((), description="paths, or $VARIABLES that hold one, to show in the container besides Apptainer's own")
    modules: tuple[Module, ...] = Field((), description="environment modules that runs without an image load")
    activation: Line | None = Field(None, description="shell line that first activates a project; {account} stands for the budget")
    submit: Literal["unicore", "sbatch"] = Field(
        "unicore",
        description="what submits batch jobs: unicore (the server), or sbatch (a job on the login node calls `sbatch --wait`)",
    )
    login_node: bool = Field(True, description="whether the site runs precommands and interactive jobs on its login nodes")
    partition: SlurmName | None = Field(None, description="default Slurm partition (UNICORE's Queue)")
    partitions: dict[str, Partition] = Field(default_factory=dict, description="the partitions and their limits")
    account: SlurmName | None = Field(None, description="budget that pays for the jobs (UNICORE's Project)")
    target: str | None = Field(None, description="the nodes' processor as Spack and archspec name it: zen2, cascadelake, neoverse_v2, …")
    network: Literal["infiniband", "slingshot", "ethernet"] | None = Field(
        None, description="the network between the nodes: `validate` checks that MPI uses it and does not silently fall back to TCP"
    )
    binding: Binding = Field(Binding(), description="where ranks sit, if the user does not say")
    gpu: Literal["nvidia", "amd"] | None = Field(None, description="maker of the nodes' GPUs: the container starts with --nv or --rocm")
    gpu_resource: Word | None = Field(
        None,
        description="the UNICORE resource that requests GPUs of each node; UNICORE's own, GPUsPerNode, does not reach Slurm. "
        "Not needed with `submit: sbatch`",
    )
    environment: dict[Variable, Line] = Field(default_factory=dict, description="environment variables of every job")
    limits: Limits
    poll_s: float = Field(10, gt=0, description="most seconds between two questions about a job's state")
    wireup_s: int = Field(120, ge=1, description="seconds after which a job gives up if its MPI ranks have not found each other")
    evidence: dict[str, Evidence] = Field(default_factory=dict, description="for each value: its certainty and its source")

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The ways in which a site of this kind runs a program."""
        return _MODES[self.kind]

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        own = [
            name
            for name in ("url", "unicore_registry", "queue_url", "registry", "ca_file", "registry_ca_file", "credentials")
            if getattr(self, name) is not None
        ]
        if self.status_file is not None and own:
            raise ValueError(f"status_file already gives {', '.join(own)}; remove one of them")
        missing = [name for name in self._needed() if getattr(self, name) is None]
        if self.status_file is None and missing:
            raise ValueError(f"{', '.join(missing)} missing (or give status_file, for a local site)")
        if (self.unicore_registry is None) != (self.unicore_site is None) or (self.url and self.unicore_registry):
            raise ValueError("give either url, or unicore_registry and unicore_site")
        return self

    def _needed(self) -> tuple[str, ...]:
        if self.kind == "nmpi":
            return ("queue_url", "credentials")
        return ("url" if self.unicore_registry is None else "unicore_site", "registry", "credentials")

    @model_validator(mode="after")
    def _own_kind(self) -> Self:
        if self.kind == "nmpi" and self.nmpi is None:
            raise ValueError("nmpi missing: a queue needs at least nmpi.platform")
        if self.kind == "unicore" and self.nmpi is not None:
            raise ValueError("nmpi is for kind: nmpi; remove it")
        if self.kind == "unicore" and "mpi" not in self.model_fields_set:
            raise ValueError("mpi: missing (`srun --mpi=list` at the site lists its plugins)")
        return self

    @field_validator("activation")
    @classmethod
    def _only_the_account(cls, line: str | None) -> str | None:
        try:
            (line or "").format(account="x")
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError("it may contain only {account}; write {{ and }} for braces of the shell") from error
        return line

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        if self.partition and self.partitions and self.partition not in self.partitions:
            raise ValueError(f"partition '{self.partition}' is not among partitions ({', '.join(self.partitions)})")
        unknown = [path for path in self.evidence if path.partition(".")[0] not in type(self).model_fields]
        if unknown:
            raise ValueError(f"evidence for unknown settings: {', '.join(unknown)}")
        return self


def require_slurm_name(word: str, what: str) -> str:
    """The name of a partition or an account. Raises UsageError for any text that a job's script could take for more than a name."""
    try:
        return TypeAdapter(SlurmName).validate_python(word)
    except ValidationError as error:
        raise UsageError(f"{what} {word!r}: expected a name that Slurm accepts: letters, digits and _ . , @ + : / -") from error


def schema() -> dict[str, object]:
    """JSON Schema of a site's file, for editors; `site-configs/schema.json` holds it."""
    found: dict[str, object] = SiteConfig.model_json_schema()
    properties, required = found["properties"], found["required"]
    if isinstance(properties, dict) and isinstance(required, list):
        for key in ("name", "file"):
            del properties[key]
        required.remove("name")
    return found

"""The endpoint's configuration file, as the local site's supervisor writes it."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from esd_localsite.errors import LocalSiteError


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Times(_Strict):
    """All time constants, in seconds."""

    poll_seconds: PositiveFloat = 0.5
    """How often the endpoint checks running commands and the batch system."""
    grace_seconds: PositiveFloat = 10.0
    """How long a job that left the batch system may take to show its exit code file (UNICORE: 120)."""
    kill_seconds: PositiveFloat = 5.0
    """Time between SIGTERM and SIGKILL for an aborted command."""
    submit_attempts: PositiveInt = 4
    submit_retry_seconds: PositiveFloat = 10.0
    command_seconds: PositiveFloat = 30.0
    """Time limit of one sbatch, squeue, scontrol or scancel."""
    session_seconds: PositiveFloat = 8 * 3600.0
    token_seconds: PositiveFloat = 3600.0
    """Life of an issued token whose request names none."""
    oidc_access_seconds: PositiveInt = 300
    oidc_refresh_seconds: PositiveInt = 8 * 3600


_DEFAULT_RUNTIME_S = 900


class Partition(_Strict):
    """What a job may ask of one Slurm partition, and the defaults."""

    max_nodes: PositiveInt
    max_runtime_s: PositiveInt

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """Resource → minimum and maximum, in bytes and seconds."""
        return {
            "Runtime": (1, self.max_runtime_s),
            "Nodes": (1, self.max_nodes),
            "CPUsPerNode": (1, 64),
            "TotalCPUs": (1, 64 * self.max_nodes),
            "MemoryPerNode": (2**20, 64 * 2**30),
        }

    @property
    def defaults(self) -> dict[str, str]:
        """What a job gets that does not ask for it."""
        return {"Runtime": str(min(_DEFAULT_RUNTIME_S, self.max_runtime_s)), "Nodes": "1"}


class EndpointConfig(_Strict):
    """The endpoint's settings; paths are absolute."""

    site_name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    certificate: Path
    private_key: Path
    users_file: Path
    state_dir: Path
    """Job records, owned by the endpoint."""
    uspace_dir: Path
    """Job directories, each owned by its user; visible on all nodes."""
    separate_users: bool = False
    """Whether each user's jobs and files belong to the user's own account; otherwise to the endpoint's own account."""
    environment: dict[str, str] = {}
    """Exported to login-node commands and to batch jobs."""
    login_environment: dict[str, str] = {}
    """Exported to login-node commands only."""
    platforms_dir: Path | None = None
    """Images of the neuromorphic queue, `<platform>.sif`; None: this site has no queue."""
    login_precommand: bool = True
    """Whether precommands may run on the login node; otherwise they silently become part of the batch job, as in UNICORE."""
    slurm_conf: Path | None = None
    profile: Literal["slurm", "nobatch"] = "slurm"
    times: Times = Times()
    faults_file: Path | None = None
    """The board of faults that are switched on; None: the endpoint shows no faults on purpose."""
    partitions: dict[str, Partition] = {}
    """By name; the first is the default. Empty: requests are left to the batch system to judge."""

    def account_name(self, uid_name: str) -> str | None:
        """The account of a user's jobs; None: the endpoint's own."""
        return uid_name if self.separate_users else None

    @property
    def site_url(self) -> str:
        return f"https://{self.host}:{self.port}/{self.site_name}"

    @property
    def oidc_url(self) -> str:
        return f"{self.site_url}/oidc"

    @property
    def login_node_environment(self) -> dict[str, str]:
        """Variables of login-node commands besides the account's own."""
        return {**self.batch_environment, **self.login_environment}

    @property
    def batch_environment(self) -> dict[str, str]:
        """Variables of the batch commands, and so of batch jobs, besides the account's own."""
        slurm = {"SLURM_CONF": str(self.slurm_conf)} if self.slurm_conf else {}
        return {**slurm, **self.environment}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises LocalSiteError that lists everything wrong with the file."""
        try:
            return cls.model_validate_json(path.read_text())
        except OSError as error:
            raise LocalSiteError(f"cannot read the UNICORE endpoint's configuration {path}: {error.strerror}") from error
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or '(file)'}: {e['msg']}" for e in error.errors())
            raise LocalSiteError(f"{path} is not a configuration of the UNICORE endpoint: {problems}") from error

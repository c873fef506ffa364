"""A site's data file, `site-configs/<site>.yaml`: where it runs and how programs are launched there. It holds no secret."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from esd_build.documents import Document

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://\S+/rest/core$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^:,\s]*$")]


class CredentialsSource(Document):
    """Where the caller's secret is found: the name of a place, never the secret."""

    token_env: Variable | None = Field(None, description="environment variable that holds a bearer token")
    username: str | None = Field(None, description="user name, for a password")
    password_env: Variable | None = Field(None, description="environment variable that holds the password")
    password_file: Path | None = Field(None, description="file that holds the password, readable by its owner only")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("token_env", "password_env", "password_file") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of token_env, password_env, password_file (found {', '.join(given) or 'none'})")
        if (self.username is None) != (self.token_env is not None):
            raise ValueError("a password needs a username, a token has none")
        return self


class Limits(Document):
    """What one job may ask for, checked before it is submitted."""

    nodes: int = Field(ge=1, description="most nodes in one job")
    time_s: int = Field(ge=1, description="longest run time of a job, in seconds")
    default_time_s: int = Field(600, ge=1, description="run time where the caller gives none, in seconds")


class SiteConfig(Document):
    """One site. `status_file` replaces `url`, `registry`, `ca_file` and `credentials` where the site itself tells them."""

    name: Name = Field(description="the file's name without .yaml", exclude=True)
    file: Path | None = Field(None, description="where it was read from, if that is not the catalogue", exclude=True)
    kind: Literal["unicore"]
    description: str
    status_file: Path | None = Field(None, description="JSON file of a local site that gives address, registry, CA and credentials")
    url: HttpsUrl | None = Field(None, description="UNICORE base URL, https://HOST:PORT/SITE/rest/core")
    registry: str | None = Field(None, description="host[:port] of the OCI registry that the site's login nodes pull from")
    ca_file: Path | None = Field(None, description="PEM file of the certificate authority; without it, the machine's authorities")
    credentials: CredentialsSource | None = None
    repository: str = Field("esd", description="folder of the images in the registry: <registry>/<repository>/<image>:<environment>")
    mpi: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")] = Field(description="Slurm's MPI plugin (`srun --mpi=list` there)")
    apptainer: str = Field("apptainer", description="the container program on login and compute nodes")
    scratch: Variable = Field("SCRATCH", description="variable that holds a folder shared by login and compute nodes")
    image_cache: Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")] = Field("esd-images", description="folder of pulled images in it")
    binds: tuple[AbsolutePath, ...] = Field((), description="paths made visible in the container, besides Apptainer's own")
    modules: tuple[str, ...] = Field((), description="environment modules for runs without an image")
    partition: str | None = Field(None, description="Slurm partition (UNICORE's Queue)")
    account: str | None = Field(None, description="budget that is charged (UNICORE's Project)")
    environment: dict[Variable, str] = Field(default_factory=dict, description="variables of every job")
    limits: Limits
    poll_s: float = Field(10, gt=0, description="seconds between two questions about a job's state")
    wireup_s: int = Field(120, ge=1, description="seconds that the MPI wire-up check may take before the job is given up")

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        own = [name for name in ("url", "registry", "ca_file", "credentials") if getattr(self, name) is not None]
        if self.status_file is not None and own:
            raise ValueError(f"status_file already gives {', '.join(own)}; remove one of both")
        missing = [name for name in ("url", "registry", "credentials") if getattr(self, name) is None]
        if self.status_file is None and missing:
            raise ValueError(f"{', '.join(missing)} missing (or give status_file, for a local site)")
        return self


def schema() -> dict[str, object]:
    """JSON Schema of a site's file, for editors; `site-configs/schema.json` holds it."""
    found: dict[str, object] = SiteConfig.model_json_schema()
    properties, required = found["properties"], found["required"]
    if isinstance(properties, dict) and isinstance(required, list):
        for key in ("name", "file"):
            del properties[key]
        required.remove("name")
    return found

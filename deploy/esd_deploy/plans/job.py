"""A job for any purpose: staged files, what runs where, and the limits. Plain data, from which a backend makes the job."""

import importlib.resources
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from esd_build.registry import PublishedImage
from esd_deploy.inputs.content import Content, File
from esd_deploy.plans.component import PlannedComponent
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig

Place = Literal["login", "compute"]


class JobDescription(BaseModel):
    """What is sent to make a job, in the words of one kind of site. JSON types only, no secret: it is archived in the run's record.

    Only the backend of that kind knows the keys; other code only keeps it, prints it, or hands it back.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    def document(self) -> dict[str, object]:
        """The description in JSON types, for the last step, which sends, prints or keeps it."""
        return self.model_dump(mode="json", by_alias=True)


@dataclass(frozen=True)
class JobSpec:
    """One job of shell scripts.

    `site` has the partition and the account that the caller chose. `script` is the path of a staged file; it runs at `place`, on compute
    nodes with `shape` for at most `time_s` seconds. `before` runs on the login node, ahead of a script on compute nodes; `behind` runs
    there once the script has ended. The first of `tags` is the job's own, by which it is found again. With `image`, the scripts learn
    where the image comes from and where it goes to. Nobody but its user reads the folder of a `private` job. `dependencies` are batch
    jobs that must have ended with 0 before; only a job that calls sbatch itself has them. With `components`, it is a heterogeneous job.
    """

    site: SiteConfig
    tags: tuple[str, ...]
    name: str
    script: str
    files: tuple[File, ...]
    place: Place = "compute"
    shape: Shape = field(default_factory=Shape)
    time_s: int = 300
    before: str | None = None
    behind: str | None = None
    dependencies: tuple[str, ...] = ()
    image: PublishedImage | None = None
    environment: tuple[tuple[str, str], ...] = ()
    private: bool = False
    components: tuple[PlannedComponent, ...] = ()


@dataclass(frozen=True)
class SiteJob:
    """A job for one kind of site: the description that is sent, and the files that are uploaded (path in its folder → content)."""

    description: JobDescription
    files: dict[str, Content]


PULL = ("cache.sh", "pull.sh")
"""The scripts that bring an image to the site; they source each other."""


SITE_FILE = "esd/site.sh"
"""The site's part of a job, and the values of its variables."""
TRAVELLING = "esd/record.json"
"""The record as it was at submission, in the job's folder: from it another machine takes the run up."""
BATCH_DETAILS = "esd/batch.details"
"""Where submit.sh notes Slurm's details of the batch job at its end: a server that did not submit the job does not know them."""


def own_files(*names: str) -> tuple[tuple[str, bytes], ...]:
    """Scripts of `esd_deploy/job`, as they are staged: below `esd/`."""
    folder = importlib.resources.files("esd_deploy") / "job"
    return tuple((f"esd/{name}", (folder / name).read_bytes()) for name in names)

"""Plans the one job of a validation, completely, before anything runs. Pure."""

import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass

from esd_build.registry import PublishedImage
from esd_deploy.plans import launch
from esd_deploy.plans.job import PULL, JobSpec, own_files
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.carried import pytest_zip
from esd_deploy.validation.terms.launcher import RANKS_PER_NODE
from esd_deploy.validation.terms.step import Step

_LOGIN, _BATCH = "esd/validate-login.sh", "esd/validate.sh"
# Most steps end long before their limits; a job that requests the sum of all limits would wait long in a queue.
_SHARE, _SPARE_S = 0.4, 120


@dataclass(frozen=True)
class ValidationPlan:
    """One validation, ready to submit; `id` is also the job's tag. `site` has the partition and the account of this validation."""

    id: str
    site: SiteConfig
    image: PublishedImage
    nodes: int
    steps: tuple[Step, ...]
    time_s: int

    def runs_s(self, queue_s: int) -> int:
        """Seconds that its job may run. A job that calls sbatch also runs, on the login node, while the batch job waits in the queue."""
        return self.time_s + (queue_s if self.site.submit == "sbatch" else 0)

    @property
    def job(self) -> JobSpec:
        """The job: its staged files, and what runs where."""
        probes = importlib.resources.files("esd_deploy") / "validation" / "job"
        own = tuple((f"esd/{one.name}", one.read_bytes()) for one in probes.iterdir() if one.name.endswith((".sh", ".py")))
        carried = (("esd/pytest.zip", pytest_zip()),) if any(step.name.startswith("nest-testsuite") for step in self.steps) else ()
        scripts = ((_LOGIN, login_script(self.steps).encode()), (_BATCH, batch_script(self.site, self.steps).encode()))
        return JobSpec(
            site=self.site,
            tags=(self.id,),
            name="validate",
            script=_BATCH,
            files=(*own, *carried, *own_files(*PULL, "crash.sh"), *scripts),
            shape=Shape(self.nodes, RANKS_PER_NODE),
            time_s=self.time_s,
            before=_LOGIN,
            image=self.image,
        )


def time_for(steps: Iterable[Step], most_s: int) -> int:
    """Time limit in seconds of a job with these steps: less than the sum of their limits, and at most the site's limit."""
    batch = [step.limit_s for step in steps if not step.login]
    return min(most_s, _SPARE_S + max([*batch, round(sum(batch) * _SHARE)], default=0))


def login_script(steps: Iterable[Step]) -> str:
    """The script for the login node. It never fails: the checks report what does not work there, with the rest."""
    lines = [_line(step) for step in steps if step.login]
    return "\n".join(("# shellcheck shell=bash", "source esd/step.sh", *lines, "exit 0", ""))


def batch_script(site: SiteConfig, steps: Iterable[Step]) -> str:
    """The script for the compute nodes. It runs steps that need the image only if the image is there."""
    batch = [step for step in steps if not step.login]
    lines = [f"{'image_is_here && ' if step.image else ''}{_line(step)}" for step in batch]
    return "\n".join(("# shellcheck shell=bash", "source esd/step.sh", *launch.prepare(site, contained=True), *lines, "exit 0", ""))


def _line(step: Step) -> str:
    return launch.shell_line(("step", step.name, str(step.limit_s), *step.argv))

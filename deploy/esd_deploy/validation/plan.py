"""The one job of a validation: its files and its UNICORE description, complete before anything happens. Pure."""

import importlib.resources
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from esd_build.registry import PublishedImage
from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.plan import JobDescription
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.carried import pytest_zip
from esd_deploy.validation.step import Step
from esd_deploy.validation.steps import RANKS_PER_NODE

_LOGIN, _BATCH = "esd/validate-login.sh", "esd/validate.sh"
# Most steps end long before their limits; a job that asked for the sum of all would wait long in a queue.
_SHARE, _SPARE_S = 0.4, 120


@dataclass(frozen=True)
class ValidationPlan:
    """One validation, ready to be submitted; `id` is also the job's tag."""

    id: str
    site: SiteConfig
    image: PublishedImage
    nodes: int
    steps: tuple[Step, ...]
    time_s: int

    @property
    def files(self) -> dict[str, bytes]:
        """Everything that is staged in: path in the job's folder → content."""
        probes = importlib.resources.files("esd_deploy") / "validation" / "job"
        job = importlib.resources.files("esd_deploy") / "job"
        own = {f"esd/{one.name}": one.read_bytes() for one in probes.iterdir() if one.name.endswith((".sh", ".py"))}
        carried = {"esd/pytest.zip": pytest_zip()} if any(step.name.startswith("nest-testsuite") for step in self.steps) else {}
        return {
            **own,
            **carried,
            **{f"esd/{name}": (job / name).read_bytes() for name in ("cache.sh", "pull.sh")},
            _LOGIN: login_script(self.steps).encode(),
            _BATCH: batch_script(self.site, self.steps).encode(),
        }

    @property
    def description(self) -> JobDescription:
        """The UNICORE job description; it holds no secret."""
        resources = {
            "Nodes": str(self.nodes),
            "CPUsPerNode": str(RANKS_PER_NODE),
            "Runtime": str(self.time_s),
            **({"Queue": self.site.partition} if self.site.partition else {}),
            **({"Project": self.site.account} if self.site.account else {}),
        }
        return {
            "Name": "esdvalidate",
            "Tags": [self.id],
            "Executable": "bash",
            "Arguments": [_BATCH],
            "Environment": {**launch.variables(self.site, Shape()), **_image_variables(self.site, self.image)},
            "Resources": resources,
            "User precommand": f"bash {_LOGIN}",
            "RunUserPrecommandOnLoginNode": "true",
            "haveClientStageIn": "true",
        }


def time_for(steps: Iterable[Step], most_s: int) -> int:
    """Seconds that a job with these steps asks for: less than the sum of their limits, and never more than the site gives."""
    batch = [step.limit_s for step in steps if not step.login]
    return min(most_s, _SPARE_S + max([*batch, round(sum(batch) * _SHARE)], default=0))


def login_script(steps: Iterable[Step]) -> str:
    """The part on the login node. It never fails: what does not work there is for the checks to say, after the rest was looked at."""
    lines = [_line(step) for step in steps if step.login]
    return "\n".join(("# shellcheck shell=bash", "source esd/step.sh", *lines, "exit 0", ""))


def batch_script(site: SiteConfig, steps: Iterable[Step]) -> str:
    """The part on the compute nodes; steps that need the image come after a look for it."""
    batch = [step for step in steps if not step.login]
    lines = [f"{'image_is_here && ' if step.image else ''}{_line(step)}" for step in batch]
    return "\n".join(("# shellcheck shell=bash", "source esd/step.sh", *launch.prepare(site, contained=True), *lines, "exit 0", ""))


def _line(step: Step) -> str:
    return shlex.join(("step", step.name, str(step.limit_s), *step.argv))


def _image_variables(site: SiteConfig, image: PublishedImage) -> dict[str, str]:
    return {
        "ESD_IMAGE_REFERENCE": image.reference.oras,
        "ESD_IMAGE_SHA256": image.sif_digest.removeprefix("sha256:"),
        "ESD_IMAGE_SIZE": str(image.size),
        "ESD_IMAGE_CACHE": site.image_cache,
        **({"ESD_IMAGE_CACHE_KEEPER": site.image_cache_keeper} if site.image_cache_keeper else {}),
        "ESD_SCRATCH_VARIABLE": site.scratch,
        "ESD_APPTAINER": site.apptainer,
        "APPTAINER_QUIET": "1",
    }

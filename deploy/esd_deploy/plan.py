"""What one run will do, complete before anything happens: the files that go into the job, and its UNICORE description."""

import hashlib
import importlib.resources
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esd_build.errors import UsageError
from esd_build.registry import PublishedImage
from esd_deploy import launch
from esd_deploy.config import SiteConfig
from esd_deploy.launch import Shape

JOB_FILES = ("pull.sh", "job.sh", "wireup.py", "versions.py")
LAUNCH_FILE = "esd/launch.sh"
JobDescription = dict[str, object]


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    script: Path
    arguments: tuple[str, ...] = ()
    image: str | None = None
    shape: Shape = field(default_factory=Shape)
    time_s: int | None = None


@dataclass(frozen=True)
class Plan:
    """One run, ready to be submitted. `run_id` is also the job's tag, by which a job is found again."""

    run_id: str
    site: SiteConfig
    image: PublishedImage | None
    script_name: str
    script: bytes
    arguments: tuple[str, ...]
    shape: Shape
    time_s: int

    @property
    def script_sha256(self) -> str:
        return hashlib.sha256(self.script).hexdigest()

    @property
    def mode(self) -> Literal["container", "module"]:
        return "module" if self.image is None else "container"

    @property
    def command(self) -> tuple[str, ...]:
        return (self.script_name, *self.arguments)

    @property
    def launch(self) -> launch.Launch:
        return launch.program(self.site, self.shape, self.command, contained=self.image is not None)

    @property
    def files(self) -> dict[str, bytes]:
        """Everything that is staged in: path in the job's folder → content."""
        own = importlib.resources.files("esd_deploy") / "job"
        steps = launch.launch_file(self.site, self.shape, self.command, contained=self.image is not None)
        return {
            self.script_name: self.script,
            **{f"esd/{name}": (own / name).read_bytes() for name in JOB_FILES},
            LAUNCH_FILE: steps.encode(),
        }


def check(request: Request, site: SiteConfig) -> None:
    """Raises UsageError that says what of a request does not fit the site: needs nobody to be asked."""
    time_s = request.time_s or 0
    where = f"`limits` of site '{site.name}'"
    if request.shape.nodes > site.limits.nodes:
        raise UsageError(f"{request.shape.nodes} nodes asked for, a job gets at most {site.limits.nodes} ({where})")
    if time_s > site.limits.time_s:
        raise UsageError(f"{launch.clock(time_s)} asked for, a job gets at most {launch.clock(site.limits.time_s)} ({where})")
    if request.image is None and not site.modules:
        raise UsageError(f"site '{site.name}' has no modules to run from (`modules` in its configuration); give --image, e.g. --image nest")
    script_name(request.script)
    read_script(request.script)


def plan(request: Request, site: SiteConfig, image: PublishedImage | None, run_id: str) -> Plan:
    """The plan of a request that was checked. `image` is what the registry gave for the request's image."""
    return Plan(
        run_id,
        site,
        image,
        script_name(request.script),
        read_script(request.script),
        request.arguments,
        request.shape,
        request.time_s or site.limits.default_time_s,
    )


def read_script(path: Path) -> bytes:
    """Raises UsageError where the script cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"script {path}: {error.strerror}") from error


def script_name(path: Path) -> str:
    """The script's name in the job's folder: one that UNICORE's URLs and shells carry unchanged."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", path.name):
        raise UsageError(f"script '{path.name}': use letters, digits, '_', '-' and '.' in its name")
    return path.name


def staged(script_name: str) -> tuple[str, ...]:
    """Paths in the job's folder that are sent there; all others are results."""
    return (script_name, *(f"esd/{name}" for name in JOB_FILES), LAUNCH_FILE)


def description(plan: Plan) -> JobDescription:
    """The UNICORE job description: the last step, and the only place that knows its keys. It holds no secret."""
    resources = {
        "Nodes": str(plan.shape.nodes),
        # UNICORE has no cpus-per-task: the allocation is asked for by CPU, srun then says how ranks and threads share it.
        "CPUsPerNode": str(plan.shape.cpus_per_node),
        "Runtime": str(plan.time_s),
        **({"Queue": plan.site.partition} if plan.site.partition else {}),
        **({"Project": plan.site.account} if plan.site.account else {}),
    }
    pull = {"User precommand": "bash esd/pull.sh", "RunUserPrecommandOnLoginNode": "true"} if plan.image else {}
    return {
        # UNICORE replaces a name that holds '-', '_' or a blank.
        "Name": "esd" + re.sub(r"[^A-Za-z0-9]", "", Path(plan.script_name).stem),
        "Tags": [plan.run_id],
        "Executable": "bash",
        "Arguments": ["esd/job.sh"],
        "Environment": {**launch.variables(plan.site, plan.shape), **_image_variables(plan)},
        "Resources": resources,
        **pull,
        "haveClientStageIn": "true",
    }


def _image_variables(plan: Plan) -> dict[str, str]:
    if plan.image is None:
        return {}
    return {
        "ESD_IMAGE_REFERENCE": plan.image.reference.oras,
        "ESD_IMAGE_SHA256": plan.image.sif_digest.removeprefix("sha256:"),
        "ESD_IMAGE_SIZE": str(plan.image.size),
        "ESD_IMAGE_CACHE": plan.site.image_cache,
        "ESD_SCRATCH_VARIABLE": plan.site.scratch,
        "ESD_APPTAINER": plan.site.apptainer,
        # Its remarks on missing helpers would bury a script's own traceback.
        "APPTAINER_QUIET": "1",
    }

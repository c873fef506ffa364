"""What one run will do, complete before anything happens: plain data, from which a backend computes the job."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esd_build.data.errors import UsageError
from esd_build.registry import PublishedImage
from esd_deploy.plans import launch
from esd_deploy.plans.bundle import bundle, check_input, flat_name, input_files
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.limits import check_size, most, settled
from esd_deploy.sites.config import SiteConfig

Mode = Literal["container", "module", "login", "queue"]
"""container: in the image, on compute nodes · module: from the site's modules, on compute nodes · login: the same on the login node ·
queue: by a neuromorphic queue."""


@dataclass(frozen=True)
class Request:
    """What the user asked for. `script`, and `inputs` that it needs beside it, may be folders too (bundle.py)."""

    script: Path
    arguments: tuple[str, ...] = ()
    image: str | None = None
    shape: Shape = field(default_factory=Shape)
    time_s: int | None = None
    mode: Mode | None = None
    inputs: tuple[Path, ...] = ()
    partition: str | None = None
    account: str | None = None
    tags: tuple[str, ...] = ()


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
    mode: Mode = "container"
    inputs: tuple[tuple[str, bytes], ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def script_sha256(self) -> str:
        return hashlib.sha256(self.script).hexdigest()

    @property
    def command(self) -> tuple[str, ...]:
        return (self.script_name, *self.arguments)

    @property
    def launch(self) -> launch.Launch:
        """The command line of the program; for a queue just the program."""
        if self.mode in {"login", "queue"}:
            return launch.Launch((), (), ("python3", *self.command))
        return launch.program(self.site, self.shape, self.command, contained=self.image is not None)

    @property
    def own_files(self) -> dict[str, bytes]:
        """The user's files that are staged in: name in the job's folder → content."""
        return {self.script_name: self.script, **dict(self.inputs)}


def mode_of(request: Request, site: SiteConfig) -> Mode:
    """The mode of a request, which may not name one: then as an image is given or not. Raises UsageError for contradictions."""
    if site.kind == "nmpi":
        if request.mode not in {None, "queue"}:
            raise UsageError(f"site '{site.name}' is a neuromorphic queue: it knows no mode '{request.mode}'; leave out --mode")
        return "queue"
    mode = request.mode or ("container" if request.image else "module")
    if mode == "queue":
        raise UsageError(f"site '{site.name}' runs jobs by UNICORE; --mode is one of container, module, login")
    if (mode == "container") != (request.image is not None):
        hint = "give --image, e.g. --image nest" if mode == "container" else "leave out --image: only --mode container has one"
        raise UsageError(f"--mode {mode}: {hint}")
    return mode


def check(request: Request, site: SiteConfig) -> None:
    """Raises UsageError that says what of a request does not fit the site: needs nobody to be asked."""
    mode = mode_of(request, site)
    check_size(settled(site, request.partition, request.account), request.shape.nodes, request.time_s)
    if mode in {"module", "login"} and not site.modules:
        raise UsageError(f"site '{site.name}' has no modules to run from (`modules` in its configuration); give --image, e.g. --image nest")
    if mode == "login" and request.shape.ranks > 1:
        raise UsageError("a login node runs one process; leave out --nodes and --tasks-per-node, or use --mode module")
    if mode == "module" and site.submit == "sbatch" and not site.login_node:
        raise UsageError(f"site '{site.name}' runs nothing on its login nodes, so `submit: sbatch` cannot work; use `submit: unicore`")
    if mode in {"login", "container"} and not site.login_node:
        raise UsageError(f"site '{site.name}' runs nothing on its login nodes (`login_node` in its configuration); use --mode module")
    if not bundle(request.script).program:
        raise UsageError(f"script {request.script} is empty: there is nothing to run")
    for path in request.inputs:
        check_input(path)
    _staged_names(request)


def plan(request: Request, site: SiteConfig, image: PublishedImage | None, run_id: str) -> Plan:
    """The plan of a request that was checked. `image` is what the registry gave for the request's image."""
    place = settled(site, request.partition, request.account)
    handed = bundle(request.script)
    return Plan(
        run_id,
        place,
        image,
        handed.name,
        handed.program,
        request.arguments,
        request.shape,
        request.time_s or min(place.limits.default_time_s, most(place).time_s),
        mode_of(request, site),
        (*handed.others, *(file for path in request.inputs for file in input_files(path))),
        request.tags,
    )


def _staged_names(request: Request) -> None:
    handed = bundle(request.script)
    folders = {name.partition("/")[0] for name, _ in handed.others}
    names = [handed.name, *folders, *(path.resolve().name if path.is_dir() else flat_name(path) for path in request.inputs)]
    twice = sorted({name for name in names if names.count(name) > 1} | ({"esd", "run.json"} & set(names)))
    if twice:
        raise UsageError(f"the files of a run need names of their own in the job's folder; rename {', '.join(twice)}")

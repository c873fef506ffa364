"""What a user asks for, and the same after checks against the site: read once, then plain data."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.inputs.bundle import Bundle, bundle, input_files
from esd_deploy.inputs.carried import place_of, require_free
from esd_deploy.inputs.content import File, OnDisk, size_of, whole
from esd_deploy.inputs.hardware import Settings, with_hardware
from esd_deploy.inputs.program import require_program, unsent
from esd_deploy.inputs.variables import with_variables
from esd_deploy.plans.asked_component import CheckedComponent, Component, require_fitting
from esd_deploy.plans.image import ImageWord, parse
from esd_deploy.plans.launch import INTERPRETERS, Repeats, Shape
from esd_deploy.plans.limits import bound, check_files, check_gpus, check_size, most, settled
from esd_deploy.plans.plan import Plan, Sent
from esd_deploy.sites.config import Mode, SiteConfig

_LOG = logging.getLogger("esd_deploy")


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
    name: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    post: Path | None = None
    """A script that runs on the login node once the program has ended well; it goes along as an input."""
    never: tuple[Path, ...] = ()
    """Folders that are never sent, even inside a sent folder: the folder of all runs."""
    components: tuple[Component, ...] = ()
    """Further programs, in one MPI world with this one."""
    repeats: Repeats = field(default_factory=Repeats)
    """How often the program is started in the allocation."""
    hardware: Settings = ()
    """Configuration of a neuromorphic queue's machine, over the site's own."""

    def mode_at(self, site: SiteConfig) -> Mode:
        """The mode that is asked for; without a word of it, as an image is given or not. Raises UsageError for contradictions."""
        default: Mode = site.modes[0] if len(site.modes) == 1 else "container" if self.image else "module"
        mode = self.mode or default
        if mode not in site.modes:
            raise UsageError(f"site '{site.name}' (kind: {site.kind}) has no mode '{mode}'; --mode is one of {', '.join(site.modes)}")
        if mode != "queue" and (mode == "container") != (self.image is not None):
            hint = "give --image, e.g. --image nest" if mode == "container" else "leave out --image: only --mode container has one"
            raise UsageError(f"--mode {mode}: {hint}")
        return mode

    def checked(self, site: SiteConfig) -> "CheckedRequest":
        """The request, checked against this site. Raises UsageError that says what does not fit; asks neither site nor registry."""
        if not self.script.is_dir():
            OnDisk.of(self.script, "script")  # a missing script is told before what the site could do with it
        place = with_variables(settled(site, self.partition, self.account), self.environment)
        place = with_hardware(place, self.hardware)
        mode = self.mode_at(place)
        require_fitting([one.name for one in self.components], mode=mode, site=place)
        check_size(place, self.shape.nodes, self.time_s)
        _check_place(place, mode, self.shape)
        check_gpus(place, self.shape.gpus)
        shape = bound(place, self.shape)
        wanted = None if self.image is None else parse(self.image)
        handed = bundle(self.script, self.never, place.limits.input_bytes)
        require_program(self.script / handed.name if self.script.is_dir() else self.script, handed.program)
        base = self.script if self.script.is_dir() else self.script.parent
        if self.post is not None:
            _check_post(place, mode, self.post)
        further = (*(() if self.post is None else (self.post,)), *(one.script for one in self.components))
        also = tuple(path for path in dict.fromkeys(further) if path not in {*self.inputs, self.script})
        found = [(path, input_files(path, base, self.never, place.limits.input_bytes)) for path in (*self.inputs, *also)]
        inputs = tuple(file for _, files in found for file in files)
        check_files(place, ((handed.name, handed.program), *handed.others, *inputs))
        sent = _sent(handed, self.script, found)
        if self.script.is_file() and not handed.others:
            _tell_unsent(self.script, handed, sent)
        require_free([one.place for one in sent], {name for name, _ in handed.others})
        time_s = self.time_s or min(place.limits.default_time_s, most(place).time_s)
        asked = (self.arguments, wanted, shape, time_s, inputs, self.tags, self.name, self.environment)
        components = tuple(one.checked(place, base, time_s) for one in self.components)
        post = None if self.post is None else place_of(self.post, base)
        return CheckedRequest(place, mode, handed, *asked, sent, post, components, self.repeats, self.hardware)


@dataclass(frozen=True)
class CheckedRequest:
    """A request that fits its site. `site` has the partition, the account and the variables that were asked for."""

    site: SiteConfig
    mode: Mode
    handed: Bundle
    arguments: tuple[str, ...]
    image: ImageWord | ImageReference | None
    shape: Shape
    time_s: int
    inputs: tuple[File, ...]
    tags: tuple[str, ...]
    name: str | None
    environment: tuple[tuple[str, str], ...]
    sent: tuple[Sent, ...] = ()
    post: str | None = None
    components: tuple[CheckedComponent, ...] = ()
    repeats: Repeats = field(default_factory=Repeats)
    hardware: Settings = ()

    def plan(self, image: PublishedImage | None, run_id: str, of_components: Sequence[PublishedImage] = ()) -> Plan:
        """The plan of the run. `image`, and those of the components, are what the registry gave."""
        return Plan(
            run_id=run_id,
            site=self.site,
            image=image,
            script_name=self.handed.name,
            script=self.handed.program,
            arguments=self.arguments,
            shape=self.shape,
            time_s=self.time_s,
            mode=self.mode,
            inputs=(*self.handed.others, *self.inputs),
            tags=self.tags,
            name=self.name,
            environment=self.environment,
            sent=self.sent,
            post=self.post,
            components=tuple(one.planned(image) for one, image in zip(self.components, of_components, strict=True)),
            repeats=self.repeats,
            hardware=self.hardware,
        )


def _check_place(site: SiteConfig, mode: Mode, shape: Shape) -> None:
    """Raises UsageError if the site does not run this mode, or not in this form."""
    if mode in {"module", "login"} and not site.modules:
        raise UsageError(f"site '{site.name}' has no modules to run from (`modules` in its configuration); give --image, e.g. --image nest")
    if mode == "login" and shape.ranks > 1:
        raise UsageError("a login node runs one process; omit --nodes and --tasks-per-node, or use --mode module")
    if mode in {"login", "queue"} and (shape.gpus or any(dict(shape.binding).values())):
        raise UsageError(f"--mode {mode} has no batch job, so no GPUs and no binding; leave out --gpus, --bind, --hint and the like")
    if mode == "module" and site.submit == "sbatch" and not site.login_node:
        raise UsageError(f"site '{site.name}' runs nothing on its login nodes, so `submit: sbatch` cannot work; use `submit: unicore`")
    if mode in {"login", "container"} and not site.login_node:
        raise UsageError(f"site '{site.name}' runs nothing on its login nodes (`login_node` in its configuration); use --mode module")


def _check_post(site: SiteConfig, mode: Mode, script: Path) -> None:
    """Raises UsageError for post-processing that cannot be: no login node, no script."""
    if mode == "queue" or not site.login_node:
        raise UsageError(f"--post {script}: site '{site.name}' runs nothing on a login node; process the results here, after `fetch`")
    if script.suffix not in INTERPRETERS:
        raise UsageError(f"--post {script}: expected a Python script (.py) or a shell script (.sh)")
    if script.is_dir():
        raise UsageError(f"--post {script} is a folder; name the script, and send the folder with --input")
    require_program(script, whole(OnDisk.of(script, "--post")))


def _tell_unsent(script: Path, handed: Bundle, sent: Iterable[Sent]) -> None:
    """A warning, for a program may do without: many import what they can get."""
    for one in unsent(script, handed.program, {file.place for file in sent}):
        _LOG.warning("%s imports %s, which lies beside it and is not sent; --input %s sends it", script, one.stem, one)


def _sent(handed: Bundle, script: Path, inputs: Iterable[tuple[Path, Iterable[File]]]) -> tuple[Sent, ...]:
    """Each file with where it comes from and where it goes."""
    own = ((handed.name, handed.program), *handed.others)
    found = [Sent(str(script), place, size_of(content)) for place, content in own]
    return (*found, *(Sent(str(path), place, size_of(content)) for path, files in inputs for place, content in files))

"""Further components of a run: other programs, from images and on partitions of their own, in one MPI world with the first.

A heterogeneous job of Slurm: one srun starts all components, and their ranks follow each other in the order of the components.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from esd_build.data.errors import UsageError
from esd_build.data.names import choose
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.inputs.carried import place_of
from esd_deploy.inputs.content import OnDisk, whole
from esd_deploy.inputs.program import require_program
from esd_deploy.plans import launch
from esd_deploy.plans.image import ImageWord, parse
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.limits import bound, check_size, settled
from esd_deploy.sites.config import SiteConfig

PULL_ALL = "esd/pull-all.sh"
_KEYS = ("name", "image", "script", "nodes", "tasks", "threads", "partition")
_NEEDED = ("name", "image", "script")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_MOST_LETTERS = 30


@dataclass(frozen=True)
class Component:
    """What is asked: a program, its image and its place. `shape` has its nodes, ranks on each, and threads of each."""

    name: str
    image: str
    script: Path
    shape: Shape = field(default_factory=Shape)
    partition: str | None = None

    @classmethod
    def typed(cls, text: str) -> Self:
        """`name=N,image=I,script=S[,nodes=1][,tasks=1][,threads=1][,partition=P]`. Raises UsageError."""
        words = dict[str, str]()
        for word in text.split(","):
            key, equals, value = word.partition("=")
            choose(key, _KEYS, what=f"--component {text}: key")
            if not equals or not value or key in words:
                raise UsageError(f"--component {text}: write each key once, as {key}=VALUE")
            words[key] = value
        missing = [key for key in _NEEDED if key not in words]
        if missing:
            raise UsageError(f"--component {text}: {', '.join(missing)} missing, e.g. name=cells,image=nest,script=cells.py")
        if not set(words["name"]) <= _LETTERS or len(words["name"]) > _MOST_LETTERS:
            raise UsageError(f"--component {text}: a name has at most {_MOST_LETTERS} small letters, digits and '-'")
        nodes, tasks, threads = (_number(text, key, words.get(key, "1")) for key in ("nodes", "tasks", "threads"))
        return cls(words["name"], words["image"], Path(words["script"]), Shape(nodes, tasks, threads), words.get("partition"))

    def checked(self, site: SiteConfig, base: Path, time_s: int | None) -> "CheckedComponent":
        """The component at a site; `base`: the folder of the first program. Raises UsageError for what does not fit."""
        place = settled(site, self.partition)
        check_size(place, self.shape.nodes, time_s)
        require_program(self.script, whole(OnDisk.of(self.script, f"script of --component {self.name}")))
        return CheckedComponent(self.name, parse(self.image), place_of(self.script, base), bound(place, self.shape), place)


@dataclass(frozen=True)
class CheckedComponent:
    """A component that fits its site; `script` is its place in the job's folder, `site` has its partition."""

    name: str
    image: ImageWord | ImageReference
    script: str
    shape: Shape
    site: SiteConfig

    def planned(self, image: PublishedImage) -> "PlannedComponent":
        """With the image that the registry gave."""
        return PlannedComponent(self.name, image, self.script, self.shape, self.site)


@dataclass(frozen=True)
class PlannedComponent:
    """A component, ready to be launched."""

    name: str
    image: PublishedImage
    script: str
    shape: Shape
    site: SiteConfig

    @property
    def link(self) -> str:
        """Where its image is in the job's folder."""
        return f"esd/image-{self.name}.sif"

    @property
    def digests(self) -> str:
        """Where its nodes note the image's digest."""
        return f"esd/image-{self.name}.digests"

    @property
    def sha256(self) -> str:
        """Of its image, in hex."""
        return self.image.sif_digest.removeprefix("sha256:")


def require_fitting(components: Sequence[Component], *, mode: str, site: SiteConfig, packages: bool = False) -> None:
    """Raises UsageError where a run with components cannot be."""
    names = [one.name for one in components]
    if len(set(names)) < len(names):
        raise UsageError(f"--component: each needs a name of its own ({', '.join(names)})")
    if components and mode != "container":
        raise UsageError("--component: all components run from images; give --image for the first one")
    if components and (site.submit == "sbatch" or site.kind != "unicore"):
        raise UsageError(f"--component: site '{site.name}' must submit through its server (`submit: unicore`) for a heterogeneous job")
    if components and packages:
        raise UsageError("--component and --requirements: packages are installed for one image only; leave one out")


def steps(
    config: SiteConfig, shape: Shape, command: tuple[str, ...], components: Sequence[PlannedComponent]
) -> Mapping[str, tuple[str, ...]]:
    """The steps of a job with components that differ from those of other jobs."""
    everyone = shape.ranks + sum(one.shape.ranks for one in components)
    wired = ("python3", "esd/wireup.py", str(everyone))
    patience = ("timeout", "--kill-after=10", str(config.wireup_s + launch.VERSIONS_S))
    return {
        "spread": (),
        "digests": (launch.digests(shape), *(_digests(number, one) for number, one in enumerate(components, 1))),
        "wireup": (launch.shell_line((*patience, *_together(config, shape, components, [wired] * (1 + len(components))))),),
        "program": (line(config, shape, command, components),),
    }


def line(config: SiteConfig, shape: Shape, command: tuple[str, ...], components: Sequence[PlannedComponent]) -> str:
    """The command line that starts all components."""
    programs = [("python3", *command), *(("python3", one.script) for one in components)]
    return launch.shell_line(_together(config, shape, components, programs))


def _together(
    config: SiteConfig, shape: Shape, components: Sequence[PlannedComponent], programs: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    """`srun --het-group=0 … A : --het-group=1 … B`."""
    parts = [(launch.srun(config, shape), launch.container(config, gpus=shape.gpus))]
    parts += [(launch.srun(one.site, one.shape), launch.container(one.site, one.link)) for one in components]
    words: list[str] = ["srun"]
    for number, ((step, container), program) in enumerate(zip(parts, programs, strict=True)):
        words += [*([":"] if number else []), f"--het-group={number}", *step[1:], *container, *program]
    return tuple(words)


def _digests(number: int, one: PlannedComponent) -> str:
    """The image's digest on each of a component's nodes, into a file of its own."""
    nodes = (f"--nodes={one.shape.nodes}", f"--ntasks={one.shape.nodes}", "--ntasks-per-node=1")
    step = launch.shell_line(("srun", f"--het-group={number}", *nodes, "bash", "esd/digest.sh"))
    return f"ESD_IMAGE_SHA256={one.sha256} ESD_IMAGE_LINK={one.link} {step} >{one.digests}"


def pull_all(components: Sequence[PlannedComponent]) -> bytes:
    """The script that brings all images to the site, the first component's last, whose pull is recorded."""
    lines = [
        f"ESD_IMAGE_REFERENCE={one.image.reference.oras} ESD_IMAGE_SHA256={one.sha256} ESD_IMAGE_SIZE={one.image.size} "
        f"ESD_IMAGE_LINK={one.link} bash esd/pull.sh"
        for one in components
    ]
    return "\n".join(("#!/usr/bin/env bash", "# Written by esd-deploy.", "set -e", *lines, "exec bash esd/pull.sh", "")).encode()


def batch_file(name: str, first: tuple[SiteConfig, Shape], components: Sequence[PlannedComponent], time_s: int) -> bytes:
    """What the server gives to sbatch ahead of its own script: one block of options for each component."""
    blocks = [launch.batch_options(*first, time_s), *(launch.batch_options(one.site, one.shape, time_s) for one in components)]
    own = (f"#SBATCH --job-name={name}", "#SBATCH --output=stdout", "#SBATCH --error=stderr")
    rest = [line for block in blocks[1:] for line in ("#SBATCH hetjob", *block)]
    return "\n".join(("#!/usr/bin/env bash", *own, *blocks[0], *rest, "")).encode()


def _number(text: str, key: str, word: str) -> int:
    if not word.isascii() or not word.isdecimal() or not 0 < int(word[:7]) < 1_000_000:
        raise UsageError(f"--component {text}: {key}={word} is no number from 1 on")
    return int(word)

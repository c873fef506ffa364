"""Further components of a run: other programs, from images and on partitions of their own, in one MPI world with the first.

A heterogeneous job of Slurm: one srun starts all components, and their ranks follow each other in the order of the components.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esd_build.registry import PublishedImage
from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig

PULL_ALL = "esd/pull-all.sh"


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

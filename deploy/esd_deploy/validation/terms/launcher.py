"""Computes the command lines of a validation's steps from the site's data. Pure."""

from dataclasses import dataclass

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig

RANKS_PER_NODE = 2
SHORT_S, MPI_S, NEST_S, LONG_S = 20, 45, 90, 300
"""Time limits of steps, in seconds, by what they do."""
TALK = (
    "env",
    "UCX_LOG_LEVEL=info",
    "OMPI_MCA_pml_base_verbose=10",
    "OMPI_MCA_bml_base_verbose=10",
    "OMPI_MCA_btl_base_verbose=5",
    "OMPI_MCA_mtl_base_verbose=10",
)
"""The environment in which UCX and Open MPI print the transports that they choose."""


@dataclass(frozen=True)
class Launcher:
    """Command lines for a validation of one site on `nodes` nodes."""

    site: SiteConfig
    nodes: int

    def everywhere(self, *command: str) -> tuple[str, ...]:
        """Runs once on each node, outside the container and without MPI."""
        return (*srun(self.site.model_copy(update={"mpi": "none"}), Shape(self.nodes)), *command)

    def inside(self, shape: Shape, *command: str) -> tuple[str, ...]:
        """Runs in the container, launched like a user's program."""
        return (*self._threads(shape), *srun(self.site, shape), *launch.container(self.site), *command)

    def bare(self, shape: Shape, *command: str) -> tuple[str, ...]:
        """Runs the same binaries without a container, unpacked on the node."""
        return (*self._threads(shape), *srun(self.site, shape), "bash", "esd/bare.sh", *command)

    def _threads(self, shape: Shape) -> tuple[str, ...]:
        return ("env", f"OMP_NUM_THREADS={shape.threads}")

    @property
    def on_one(self) -> Shape:
        return Shape(1, RANKS_PER_NODE)

    @property
    def on_all(self) -> Shape:
        return Shape(self.nodes, RANKS_PER_NODE)


def srun(site: SiteConfig, shape: Shape) -> tuple[str, ...]:
    """As a user's program, but ranks that end early are waited for 15 s only."""
    line = launch.srun(site, shape)
    # Measurements on one node use the job's first node, which has the image's copy.
    first = ("--relative=0",) if shape.nodes == 1 else ()
    return (line[0], "--wait=15", *first, *line[1:])

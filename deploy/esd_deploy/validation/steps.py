"""The steps of a validation's job, computed from the site's data. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.step import Step

RANKS_PER_NODE = 2
REPETITIONS = 3
"""Pairs of the same program in the container and outside of it, one after the other."""
CONTAINERS = (1, 4, 16)
TEST_FILES = {2: 18, 4: 9}
"""Ranks → so many files of NEST's MPI tests for as many ranks are run, at most. NEST 3.10 has these, and two for three ranks."""
_OSU = {"latency": ("-i", "200", "-x", "20"), "bw": ("-i", "10", "-x", "2")}
"""OSU's own numbers of rounds are for fast networks: over a slow one they take minutes. All its versions know these options."""
# NEST's tests start more threads than a validation has processors: who waits there must not keep one busy.
_PATIENT = ("env", "OMP_WAIT_POLICY=passive", "OMPI_MCA_mpi_yield_when_idle=1")
_SHORT_S, _MPI_S, _NEST_S, _LONG_S = 20, 45, 90, 300
# What UCX and Open MPI say of the transports that they choose.
TALK = (
    "env",
    "UCX_LOG_LEVEL=info",
    "OMPI_MCA_pml_base_verbose=10",
    "OMPI_MCA_bml_base_verbose=10",
    "OMPI_MCA_btl_base_verbose=5",
    "OMPI_MCA_mtl_base_verbose=10",
)


@dataclass(frozen=True)
class Launcher:
    """Command lines of one site for a validation on `nodes` nodes."""

    site: SiteConfig
    nodes: int

    def everywhere(self, *command: str) -> tuple[str, ...]:
        """Once on each node, outside of the container and without MPI."""
        return (*srun(self.site.model_copy(update={"mpi": "none"}), Shape(self.nodes)), *command)

    def inside(self, shape: Shape, *command: str) -> tuple[str, ...]:
        """In the container, as a user's program is launched."""
        return (*self._threads(shape), *srun(self.site, shape), *launch.container(self.site), *command)

    def bare(self, shape: Shape, *command: str) -> tuple[str, ...]:
        """The same binaries, unpacked on the node, without a container."""
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
    """A rank that dies ends its step: what waits for it would otherwise wait to the time limit."""
    line = launch.srun(site, shape)
    # What is measured on one node is measured on the job's first one, where the image's copy is.
    first = ("--relative=0",) if shape.nodes == 1 else ()
    return (line[0], "--kill-on-bad-exit=1", "--wait=15", *first, *line[1:])


def all_steps(site: SiteConfig, nodes: int) -> tuple[Step, ...]:
    """Every step that any check looks at, in the order in which they run."""
    at = Launcher(site, nodes)
    return (*_login(), *_nodes(at), *_containers(at), *_mpi(at), *_nest(at), *_testsuite(at), *_osu(at), *_performance(at), *_last(at))


def chosen(steps: Iterable[Step], names: Iterable[str]) -> tuple[Step, ...]:
    """Those of the steps that are needed, in their order."""
    wanted = set(names)
    return tuple(step for step in steps if step.name in wanted)


def _login() -> tuple[Step, ...]:
    return (
        Step("sinfo", ("sinfo", "--Node", "--noheader", "--format=%N|%T|%P|%E"), _SHORT_S, image=False, login=True),
        # Many jobs may wait for one download.
        Step("pull", ("bash", "esd/pull.sh"), 3600, image=False, login=True),
    )


def _nodes(at: Launcher) -> tuple[Step, ...]:
    return (
        Step("plugins", ("srun", "--mpi=list"), _SHORT_S, image=False),
        Step("node", at.everywhere("bash", "esd/node.sh"), _MPI_S, image=False),
    )


def _containers(at: Launcher) -> tuple[Step, ...]:
    return (
        Step("start", at.everywhere(at.site.apptainer, "exec", launch.IMAGE_LINK, "true"), _MPI_S),
        Step("inside", at.inside(at.on_all, "python3", "esd/inside.py", *binds(at.site)), _MPI_S),
        Step("exit-code", at.inside(Shape(), "sh", "-c", "exit 7"), _SHORT_S),
    )


def binds(site: SiteConfig) -> tuple[str, ...]:
    """The paths that the site promises to show in the container; those with a variable are the job's shell's to expand."""
    return tuple(path for path in site.binds if path.startswith("/"))


def _mpi(at: Launcher) -> tuple[Step, ...]:
    ranks, exchange = ("python3", "esd/ranks.py"), ("python3", "esd/exchange.py")
    return (
        Step("wireup-node", at.inside(at.on_one, *ranks), _MPI_S),
        Step("wireup-nodes", at.inside(at.on_all, *ranks), _MPI_S),
        Step("transport-node", (*TALK, *at.inside(at.on_one, *exchange)), _MPI_S),
        Step("transport-nodes", (*TALK, *at.inside(Shape(at.nodes), *exchange)), _MPI_S),
    )


def _nest(at: Launcher) -> tuple[Step, ...]:
    spread = Shape(2) if at.nodes > 1 else Shape(1, 2)
    return (
        Step("nest-threads", at.inside(Shape(1, 1, 2), "python3", "esd/spikes.py"), _NEST_S),
        Step("nest-ranks", at.inside(spread, "python3", "esd/spikes.py"), _NEST_S),
        Step("pynn", at.inside(Shape(), "python3", "esd/pynn.py"), _NEST_S),
        Step("nestml", at.inside(Shape(), "python3", "esd/neuron.py"), _LONG_S),
    )


def mpi_tests_step(ranks: int, number: int) -> str:
    """The name of the step that runs one file of NEST's MPI tests for so many ranks."""
    return f"nest-testsuite-{ranks}-{number}"


def _testsuite(at: Launcher) -> tuple[Step, ...]:
    shapes = {2: Shape(1, 2), **({4: Shape(2, 2)} if at.nodes > 1 else {})}
    return tuple(
        Step(mpi_tests_step(ranks, number), (*_PATIENT, *at.inside(shape, "python3", "esd/testsuite.py", str(number))), _LONG_S)
        for ranks, shape in shapes.items()
        for number in range(1, TEST_FILES[ranks] + 1)
    )


def _performance(at: Launcher) -> tuple[Step, ...]:
    pingpong = ("python3", "esd/pingpong.py")
    network = ("python3", "esd/network.py")
    pairs = [
        step
        for number in range(1, REPETITIONS + 1)
        for step in (
            Step(f"network-container-{number}", at.inside(Shape(1, 1, 2), *network), _NEST_S),
            Step(f"network-bare-{number}", at.bare(Shape(1, 1, 2), *network), _NEST_S),
            Step(f"pingpong-container-{number}", at.inside(at.on_one, *pingpong), _MPI_S),
            Step(f"pingpong-bare-{number}", at.bare(at.on_one, *pingpong), _MPI_S),
        )
    ]
    return (
        Step("pingpong-node", at.inside(at.on_one, *pingpong), _MPI_S),
        Step("pingpong-nodes", at.inside(Shape(at.nodes), *pingpong), _MPI_S),
        Step("unpack", ("bash", "esd/unpack.sh", at.site.apptainer, launch.IMAGE_LINK), _LONG_S),
        *pairs,
        Step("start-up", ("bash", "esd/startup.sh", at.site.apptainer, launch.IMAGE_LINK, *map(str, CONTAINERS)), _LONG_S),
        Step("tidy-up", ("bash", "esd/unpack.sh", "--remove"), _LONG_S),
    )


def _osu(at: Launcher) -> tuple[Step, ...]:
    """They are for exactly two ranks."""
    places = {"node": at.on_one, **({"nodes": Shape(2)} if at.nodes > 1 else {})}
    return tuple(
        Step(f"osu-{kind}-{where}", at.inside(shape, "sh", "esd/osu.sh", f"osu_{kind}", *rounds), _NEST_S)
        for where, shape in places.items()
        for kind, rounds in _OSU.items()
    )


def _last(at: Launcher) -> tuple[Step, ...]:
    return (Step("node-after", at.everywhere("bash", "esd/node.sh"), _MPI_S, image=False),)

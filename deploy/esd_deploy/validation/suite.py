"""All checks, in the order in which they are told; and which of them a call asks for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esd_build.data.documents import choose
from esd_deploy.validation.check import Check, verdict
from esd_deploy.validation.checks import image as judge_image
from esd_deploy.validation.checks import messages as judge_transport
from esd_deploy.validation.checks import mpi as judge_mpi
from esd_deploy.validation.checks import nest as judge_nest
from esd_deploy.validation.checks import osu as judge_osu
from esd_deploy.validation.checks import performance as judge_performance
from esd_deploy.validation.checks import site as judge_site
from esd_deploy.validation.checks import testsuite as judge_testsuite
from esd_deploy.validation.evidence import Evidence
from esd_deploy.validation.reference import References, compared
from esd_deploy.validation.steps import CONTAINERS, REPETITIONS, TEST_FILES, mpi_tests_step
from esd_deploy.validation.verdict import Verdict

_PAIRS = tuple(
    f"{kind}-{place}-{number}"
    for number in range(1, REPETITIONS + 1)
    for kind in ("network", "pingpong")
    for place in ("container", "bare")
)
_TESTS = tuple(mpi_tests_step(ranks, number) for ranks, files in TEST_FILES.items() for number in range(1, files + 1))
_NETWORKS = tuple(f"network-container-{number}" for number in range(1, REPETITIONS + 1))


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NODE = ("pull", "node")
_WIREUP = judge_mpi.WIREUP_ADVICE
CHECKS: tuple[Check, ...] = (
    Check("nodes", "enough nodes are up", _tags("site slurm"), judge_site.partition, ("sinfo",)),
    Check("job", "the job ran to its end", _tags("site slurm"), judge_site.job),
    Check("plugin", "Slurm has the configured MPI plugin", _tags("site slurm mpi"), judge_site.plugin, ("plugins",)),
    Check("host-names", "host names are Slurm's node names", _tags("site slurm mpi"), judge_site.host_names, ("node",)),
    Check("apptainer", "Apptainer is there for this user", _tags("site container"), judge_site.apptainer, ("node",)),
    Check("namespaces", "containers start without root", _tags("site container"), judge_site.namespaces, ("node",)),
    Check("scratch", "shared folders are writable", _tags("site"), judge_site.scratch, ("node",)),
    Check("image", "the image is here, with its digest", _tags("image"), judge_image.pulled, _NODE),
    Check("tag", "the tag names this image", _tags("image"), judge_image.tag),
    Check("processor", "the image fits the processor", _tags("image"), judge_image.processor, ("node",)),
    Check("start", "a container starts", _tags("image container"), judge_image.starts, ("start",), ("image",), "`apptainer`"),
    Check("exit-code", "exit codes come through", _tags("container"), judge_image.exit_code, ("exit-code",), ("start", "plugin"), "`mpi`"),
    Check("no-network", "no network is needed on nodes", _tags("site container"), judge_site.network, ("node",), ("start",)),
    Check("mpi", "MPI and PMIx are in the image", _tags("image mpi"), judge_mpi.inside, ("inside",), ("start", "plugin"), "`mpi`"),
    Check("binds", "promised paths are visible", _tags("container"), judge_image.binds, ("inside",), ("start", "plugin"), "`binds`"),
    Check("leaks", "nothing of the host leaks in", _tags("container"), judge_image.leaks, ("inside",), ("start", "plugin"), "`mpi`"),
    Check("pmix", "PMIx server and client fit", _tags("mpi"), judge_mpi.pmix, ("inside",), ("mpi",), "`mpi`"),
    Check(
        "pmix-folder", "the PMIx server is visible", _tags("mpi container"), judge_mpi.pmix_folder, ("node", "inside"), ("mpi",), "`binds`"
    ),
    Check("user-namespace", "ranks of a node share memory", _tags("mpi"), judge_mpi.user_namespace, ("inside",), ("mpi",), "`sharens`"),
    Check("threads", "no more threads than processors", _tags("threads"), judge_mpi.threads, ("inside",), ("start", "plugin"), "`mpi`"),
    Check("wireup-node", "MPI wires up on one node", _tags("mpi"), judge_mpi.wireup_node, ("wireup-node",), ("mpi",), _WIREUP),
    Check(
        "wireup-nodes",
        "MPI wires up on all nodes",
        _tags("mpi"),
        judge_mpi.wireup_nodes,
        ("wireup-nodes",),
        ("mpi",),
        _WIREUP,
        several_nodes=True,
    ),
    Check(
        "transport-node",
        "memory within a node",
        _tags("mpi transport"),
        judge_transport.within,
        ("transport-node",),
        ("wireup-node",),
        "`environment`: what forces a transport (UCX_TLS, OMPI_MCA_pml)",
    ),
    Check(
        "transport-nodes",
        "the site's network between nodes",
        _tags("mpi transport"),
        judge_transport.between,
        ("transport-nodes",),
        ("wireup-nodes",),
        "`environment`: what forces a transport (UCX_TLS, OMPI_MCA_pml)",
        several_nodes=True,
    ),
    Check(
        "nest",
        "NEST with ranks and threads",
        _tags("nest"),
        judge_nest.nest,
        ("nest-threads", "nest-ranks"),
        ("wireup-node", "wireup-nodes"),
    ),
    Check("spikes", "NEST's spikes are the reference's", _tags("nest"), judge_nest.spikes, ("nest-threads", "nest-ranks"), ("nest",)),
    Check("pynn", "PyNN on NEST", _tags("pynn"), judge_nest.pynn, ("pynn",), ("start", "plugin"), quick=False),
    Check("nestml", "a NESTML model compiles here", _tags("nestml"), judge_nest.nestml, ("nestml",), ("start", "plugin"), quick=False),
    Check(
        "nest-testsuite",
        "NEST's own MPI tests",
        _tags("nest"),
        judge_testsuite.testsuite,
        _TESTS,
        ("nest",),
        quick=False,
        on_request=True,
        parts=True,
    ),
    Check(
        "latency-node",
        "latency, bandwidth in a node",
        _tags("performance mpi"),
        judge_performance.latency_node,
        ("pingpong-node",),
        ("wireup-node",),
        quick=False,
    ),
    Check(
        "latency-nodes",
        "latency, bandwidth between nodes",
        _tags("performance mpi"),
        judge_performance.latency_nodes,
        ("pingpong-nodes",),
        ("wireup-nodes",),
        quick=False,
        several_nodes=True,
    ),
    Check(
        "osu-node",
        "OSU's benchmarks in a node",
        _tags("performance mpi"),
        judge_osu.osu_node,
        ("osu-latency-node", "osu-bw-node"),
        ("wireup-node",),
        quick=False,
    ),
    Check(
        "osu-nodes",
        "OSU's benchmarks between nodes",
        _tags("performance mpi"),
        judge_osu.osu_nodes,
        ("osu-latency-nodes", "osu-bw-nodes"),
        ("wireup-nodes",),
        quick=False,
        several_nodes=True,
    ),
    Check(
        "network", "speed of a balanced network", _tags("performance nest"), judge_performance.network, _NETWORKS, ("nest",), quick=False
    ),
    Check(
        "ratio",
        "container against bare programs",
        _tags("performance"),
        judge_performance.ratio,
        ("unpack", *_PAIRS),
        ("nest",),
        "the node's disk (`TMPDIR`)",
        quick=False,
        around=("tidy-up",),
    ),
    Check(
        "start-up",
        f"start of up to {CONTAINERS[-1]} containers",
        _tags("performance"),
        judge_performance.start_up,
        ("start-up",),
        ("start",),
        quick=False,
    ),
    Check("leftovers", "nothing is left behind", _tags("site"), judge_site.leftovers, ("node", "node-after")),
)
_SEVERAL = frozenset(check.name for check in CHECKS if check.several_nodes)
TAGS = frozenset(tag for check in CHECKS for tag in check.tags)


@dataclass(frozen=True)
class Selection:
    """What a call asks for: names of checks, or tags of several."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    quick: bool = False


def select(selection: Selection) -> tuple[Check, ...]:
    """The checks of a selection; raises UsageError for an unknown name or tag. The job itself is always judged."""
    words = {check.name for check in CHECKS} | TAGS
    for word in (*selection.only, *selection.skip):
        choose(word, words, what="check or tag")
    return tuple(check for check in CHECKS if check.name == "job" or _wanted(check, selection))


def _wanted(check: Check, selection: Selection) -> bool:
    own = {check.name, *check.tags}
    if own & set(selection.skip):
        return False
    if selection.only:
        return check.name in selection.only or (bool(check.tags & set(selection.only)) and not check.on_request)
    return not check.on_request and (check.quick or not selection.quick)


def with_needs(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks and all that they rest on, in the suite's order."""
    known = {check.name: check for check in CHECKS}

    def closure(name: str) -> Iterator[str]:
        yield name
        for need in known[name].needs:
            yield from closure(need)

    names = {name for check in checks for name in closure(check.name)}
    return tuple(check for check in CHECKS if check.name in names)


def step_names(checks: Iterable[Check]) -> frozenset[str]:
    """The steps that these checks look at; the image is pulled for every one."""
    return frozenset({"pull", "node", *(step for check in checks for step in (*check.steps, *check.around))})


def judge(checks: Iterable[Check], evidence: Evidence, references: References) -> dict[str, Verdict]:
    """The verdicts by check, in the suite's order. Pure."""
    found: dict[str, Verdict] = {}
    for check in checks:
        # What cannot be looked at on one node does not stand in the way of what can.
        earlier = {name: known for name, known in found.items() if evidence.nodes > 1 or name not in _SEVERAL}
        verdict_ = verdict(check, evidence, earlier)
        found[check.name] = compared(verdict_, references) if "performance" in check.tags else verdict_
    return found

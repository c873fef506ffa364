"""Judges speed: compares measured values with the site's references, and the container with the same binaries outside. Pure."""

from statistics import median

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import LONG_S, MPI_S, NEST_S, Launcher
from esd_deploy.validation.terms.observations import F, Facts, Observations
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Measurement, Verdict, failed, passed, unknown

REPETITIONS = 3
"""Number of pairs: the same program in the container and outside, one after the other."""
CONTAINERS = (1, 4, 16)


SLOWEST_RATIO = 1.10
"""Most times as long that a program may take in the container, at the median of its pairs."""


class PingPong(Facts):
    """Output of `pingpong.py`."""

    ranks: int
    latency_us: float
    bandwidth_mb_s: float


class Network(Facts):
    """Output of `network.py`."""

    build_s: float
    simulate_s: float
    rate_hz: float


class StartUp(Facts):
    """Output of `startup.sh` for one number of containers."""

    containers: int
    seconds: float


def latency_node(observed: Observations) -> Verdict:
    """Latency and bandwidth within a node."""
    return _pingpong(observed, "pingpong-node", "within a node")


def latency_nodes(observed: Observations) -> Verdict:
    """Latency and bandwidth between nodes."""
    return _pingpong(observed, "pingpong-nodes", "between nodes")


def _pingpong(observed: Observations, step: str, where: str) -> Verdict:
    output = observed.require(step)
    if not output.succeeded:
        return unknown(f"not measured (exit code {output.code}): {output.last_words}")
    found = output.facts(PingPong)[0]
    return passed(
        f"{found.latency_us:.2f} µs, {found.bandwidth_mb_s:,.0f} MB/s {where}",
        Measurement(name=f"latency {where}", value=found.latency_us, unit="µs"),
        Measurement(name=f"bandwidth {where}", value=found.bandwidth_mb_s, unit="MB/s"),
    )


def network(observed: Observations) -> Verdict:
    """Construction and simulation of a balanced network on NEST, in the container."""
    runs = _repeated(observed, "network-container", Network)
    if not runs:
        return unknown("no run of the network ended")
    build, simulate = median(run.build_s for run in runs), median(run.simulate_s for run in runs)
    return passed(
        f"built in {build:.2f} s, simulated in {simulate:.2f} s (median of {len(runs)}; {min(r.simulate_s for r in runs):.2f} to "
        f"{max(r.simulate_s for r in runs):.2f} s)",
        Measurement(name="network construction", value=build, unit="s"),
        Measurement(name="network simulation", value=simulate, unit="s"),
    )


def ratios(observed: Observations) -> dict[str, list[float]]:
    """For each program, how many times as long it took in the container, pair by pair."""
    pairs = (
        ("construction", [(a.build_s, b.build_s) for a, b in _pairs(observed, "network", Network)]),
        ("simulation", [(a.simulate_s, b.simulate_s) for a, b in _pairs(observed, "network", Network)]),
        ("latency", [(a.latency_us, b.latency_us) for a, b in _pairs(observed, "pingpong", PingPong)]),
        ("transfer", [(b.bandwidth_mb_s, a.bandwidth_mb_s) for a, b in _pairs(observed, "pingpong", PingPong)]),
    )
    return {name: [a / b for a, b in values] for name, values in pairs if values}


def ratio(observed: Observations) -> Verdict:
    """The same binaries in the container and outside of it: how many times as long it takes inside."""
    found = ratios(observed)
    if "simulation" not in found:
        bare = observed.output("network-bare-1")
        return unknown(f"nothing to compare with: its programs do not run outside the container ({bare.last_words if bare else 'not run'})")
    text = ", ".join(f"{name} {median(values):.2f} ({min(values):.2f} to {max(values):.2f})" for name, values in found.items())
    measured = tuple(Measurement(name=f"container/bare {name}", value=median(values), unit="x") for name, values in found.items())
    slow = [name for name, values in found.items() if median(values) > SLOWEST_RATIO and _clearly(values)]
    if slow:
        return failed(
            f"slower in the container: {', '.join(slow)}; {text}",
            "see 'threads', 'transport-node'; check `environment`, `sharens`",
            *measured,
        )
    return passed(f"container/bare, median (range): {text}", *measured)


def _clearly(values: list[float]) -> bool:
    """Whether at most one of several pairs disagrees, so that other work on the nodes is not blamed on the container."""
    return len(values) > 1 and sum(value <= SLOWEST_RATIO for value in values) <= (1 if len(values) > 3 else 0)


def start_up(observed: Observations) -> Verdict:
    """Time in which N containers, started at once on one node, start and end."""
    output = observed.require("start-up")
    found = output.facts(StartUp)
    if len(found) != len(CONTAINERS):
        return unknown(f"only {len(found)} of {len(CONTAINERS)} series: {output.last_words}")
    return passed(
        ", ".join(f"{one.containers}: {one.seconds:.2f} s" for one in found),
        *(Measurement(name=f"start of {one.containers} containers", value=one.seconds, unit="s") for one in found),
    )


def _repeated(observed: Observations, name: str, model: type[F]) -> list[F]:
    outputs = (observed.output(f"{name}-{number}") for number in range(1, REPETITIONS + 1))
    return [output.facts(model)[0] for output in outputs if output is not None and output.succeeded]


def _pairs(observed: Observations, name: str, model: type[F]) -> list[tuple[F, F]]:
    found = []
    for number in range(1, REPETITIONS + 1):
        inside, bare = (observed.output(f"{name}-{place}-{number}") for place in ("container", "bare"))
        if inside is not None and bare is not None and inside.succeeded and bare.succeeded:
            found.append((inside.facts(model)[0], bare.facts(model)[0]))
    return found


def _steps(at: Launcher) -> tuple[Step, ...]:
    pingpong = ("python3", "esd/pingpong.py")
    network = ("python3", "esd/network.py")
    pairs = [
        step
        for number in range(1, REPETITIONS + 1)
        for step in (
            Step(f"network-container-{number}", at.inside(Shape(1, 1, 2), *network), NEST_S),
            Step(f"network-bare-{number}", at.bare(Shape(1, 1, 2), *network), NEST_S),
            Step(f"pingpong-container-{number}", at.inside(at.on_one, *pingpong), MPI_S),
            Step(f"pingpong-bare-{number}", at.bare(at.on_one, *pingpong), MPI_S),
        )
    ]
    return (
        Step("pingpong-node", at.inside(at.on_one, *pingpong), MPI_S),
        Step("pingpong-nodes", at.inside(Shape(at.nodes), *pingpong), MPI_S),
        Step("unpack", ("bash", "esd/unpack.sh", at.site.apptainer, launch.IMAGE_LINK), LONG_S),
        *pairs,
        Step("start-up", ("bash", "esd/startup.sh", at.site.apptainer, launch.IMAGE_LINK, *map(str, CONTAINERS)), LONG_S),
        Step("tidy-up", ("bash", "esd/unpack.sh", "--remove"), LONG_S),
    )


_PAIR_STEPS = tuple(
    f"{kind}-{place}-{number}"
    for number in range(1, REPETITIONS + 1)
    for kind in ("network", "pingpong")
    for place in ("container", "bare")
)
_NETWORKS = tuple(f"network-container-{number}" for number in range(1, REPETITIONS + 1))


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check(
            "latency-node",
            "latency, bandwidth in a node",
            tags("performance mpi"),
            latency_node,
            ("pingpong-node",),
            ("wireup-node",),
            quick=False,
        ),
        Check(
            "latency-nodes",
            "latency, bandwidth between nodes",
            tags("performance mpi"),
            latency_nodes,
            ("pingpong-nodes",),
            ("wireup-nodes",),
            quick=False,
            several_nodes=True,
        ),
        Check("network", "speed of a balanced network", tags("performance nest"), network, _NETWORKS, ("nest",), quick=False),
        Check(
            "ratio",
            "container against bare programs",
            tags("performance"),
            ratio,
            ("unpack", *_PAIR_STEPS),
            ("nest",),
            "check the node's disk (`TMPDIR`)",
            quick=False,
            around=("tidy-up",),
        ),
        Check(
            "start-up",
            f"start of up to {CONTAINERS[-1]} containers",
            tags("performance"),
            start_up,
            ("start-up",),
            ("start",),
            quick=False,
        ),
    ),
)

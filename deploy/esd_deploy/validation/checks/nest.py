"""Checks the simulators: the right version, the requested parallelism, and the spikes that this image gives everywhere. Pure."""

from esd_build.registry import NEST_VERSION
from esd_deploy.plans.launch import Shape
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import LONG_S, NEST_S, Launcher
from esd_deploy.validation.terms.observations import Facts, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, skipped, unknown

_RANKS = 2
"""Of the step with ranks: one on each of two nodes, else both on one."""


class Spikes(Facts):
    """Output of `spikes.py`."""

    version: str
    ranks: int
    threads: int
    world: int
    count: int
    sha256: str


class Cells(Facts):
    """Output of `pynn.py`."""

    version: str
    spikes: int


class Compiled(Facts):
    """Output of `neuron.py`; `missing`: what the image lacks for a compilation."""

    missing: str | None
    spikes: int | None


def nest(observed: Observations) -> Verdict:
    """NEST runs with the threads and MPI ranks of its launch, in the version that the image's label names."""
    found = _broken(observed, "nest-threads", "nest-ranks")
    if found:
        return found
    threaded, ranked = (_spikes(observed, name) for name in ("nest-threads", "nest-ranks"))
    label = observed.image.annotations.get(NEST_VERSION)
    if label not in {None, threaded.version}:
        return failed(f"NEST {threaded.version} runs, but the image's label says {label}", "another NEST is found first: see 'leaks'")
    if (threaded.ranks, threaded.threads) != (1, 2):
        return failed(
            f"launched with 1 rank and 2 threads, NEST has {threaded.ranks} and {threaded.threads}", "`environment`: OMP_NUM_THREADS"
        )
    if ranked.ranks != _RANKS:
        return failed(f"launched with {_RANKS} ranks, NEST counts {ranked.ranks}", "use an image whose NEST has MPI; see 'wireup-nodes'")
    return passed(f"NEST {threaded.version}: 1 rank x 2 threads, {ranked.ranks} ranks x {ranked.threads} threads")


def spikes(observed: Observations) -> Verdict:
    """A short network gives the same spikes on two ranks and on two threads, and equal to the image's reference."""
    found = _broken(observed, "nest-threads", "nest-ranks")
    if found:
        return found
    threaded, ranked = (_spikes(observed, name) for name in ("nest-threads", "nest-ranks"))
    advice = "do not use this image here: see 'leaks' and 'processor', and compare the numerical libraries"
    if threaded.count == 0:
        return failed("the network is silent", advice)
    if threaded.sha256 != ranked.sha256:
        return failed(f"two ranks and two threads give different spikes ({ranked.count} and {threaded.count})", advice)
    if observed.spikes is None:
        return unknown(f"{threaded.count} spikes, equal on ranks and threads; the image has no reference yet (--make-reference)")
    if observed.spikes != threaded.sha256:
        return failed(f"{threaded.count} spikes, but not those of the image's reference ({observed.spikes[:12]}…)", advice)
    return passed(f"{threaded.count} spikes, bit for bit those of the reference ({threaded.sha256[:12]}…)")


def pynn(observed: Observations) -> Verdict:
    """PyNN runs on NEST."""
    found = _broken(observed, "pynn")
    if found:
        return found
    cells = observed.require("pynn").facts(Cells)[0]
    if cells.spikes < 5:
        return failed(
            f"PyNN {cells.version}: five driven neurons gave {cells.spikes} spikes",
            "the image: check it with `esd-build test`",
        )
    return passed(f"PyNN {cells.version}: {cells.spikes} spikes of five neurons")


def nestml(observed: Observations) -> Verdict:
    """A NESTML neuron compiles on the node, and spikes."""
    output = observed.require("nestml")
    compiled = output.facts(Compiled)[0] if '"missing"' in output.stdout else None
    if compiled is not None and compiled.missing:
        return skipped(f"the image has no {compiled.missing.removeprefix('the program ')}, so it cannot compile models")
    if compiled is None or not output.succeeded:
        return failed(
            f"a model did not compile (exit code {output.code}): {output.last_words}",
            "the image's compiler; see also 'binds', 'leaks'",
        )
    if not compiled.spikes:
        return failed("the compiled neuron does not spike", "the cause is the image: its NESTML and NEST do not fit together")
    return passed(f"compiled and run in {output.seconds:.0f} s; {compiled.spikes} spikes")


def spikes_found(observed: Observations) -> str:
    """The SHA-256 (hex) of the spikes, if ranks and threads agree; else empty."""
    if any((output := observed.output(step)) is None or not output.succeeded for step in ("nest-threads", "nest-ranks")):
        return ""
    threaded, ranked = (_spikes(observed, name) for name in ("nest-threads", "nest-ranks"))
    return threaded.sha256 if threaded.sha256 == ranked.sha256 and threaded.count else ""


def _spikes(observed: Observations, step: str) -> Spikes:
    return observed.require(step).facts(Spikes)[0]


def _broken(observed: Observations, *steps: str) -> Verdict | None:
    outputs: list[Output] = [observed.require(step) for step in steps]
    bad = next((output for output in outputs if not output.succeeded), None)
    return (
        failed(f"step '{bad.step}' ended with exit code {bad.code}: {bad.last_words}", "the image, if 'wireup-nodes' passed")
        if bad
        else None
    )


def _steps(at: Launcher) -> tuple[Step, ...]:
    spread = Shape(_RANKS) if at.nodes > 1 else Shape(1, _RANKS)
    return (
        Step("nest-threads", at.inside(Shape(1, 1, 2), "python3", "esd/spikes.py"), NEST_S),
        Step("nest-ranks", at.inside(spread, "python3", "esd/spikes.py"), NEST_S),
        Step("pynn", at.inside(Shape(), "python3", "esd/pynn.py"), NEST_S),
        Step("nestml", at.inside(Shape(), "python3", "esd/neuron.py"), LONG_S),
    )


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check(
            "nest",
            "NEST with ranks and threads",
            tags("nest"),
            nest,
            ("nest-threads", "nest-ranks"),
            ("wireup-node", "wireup-nodes"),
        ),
        Check("spikes", "NEST's spikes equal the reference", tags("nest"), spikes, ("nest-threads", "nest-ranks"), ("nest",)),
        Check("pynn", "PyNN on NEST", tags("pynn"), pynn, ("pynn",), ("start", "plugin"), quick=False),
        Check("nestml", "a NESTML model compiles here", tags("nestml"), nestml, ("nestml",), ("start", "plugin"), quick=False),
    ),
)

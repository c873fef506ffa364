"""Checks the start of MPI: whether it waits for all ranks, and how often it crashes. Pure."""

from statistics import median

from esd_deploy.plans.launch import Shape
from esd_deploy.validation.checks.wireup import WIREUP_ADVICE
from esd_deploy.validation.terms.check import Check, Judge, Topic, tags
from esd_deploy.validation.terms.launcher import LONG_S, MPI_S, NEST_S, RANKS_PER_NODE, Launcher
from esd_deploy.validation.terms.observations import Facts, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, unknown

STARTS, MANY_STARTS = 5, 40
"""Number of starts of an MPI program that does nothing else, in the quick and in the full suite."""

FENCE_ADVICE = (
    "`environment`: SLURM_PMIX_FENCE: ring (Slurm's other fence, the tree, does not wait where its TreeWidth exceeds a job's nodes)"
)
_CRASH_ADVICE = "the cause is the image's MPI, not the site's file; the validation's folder has the output of the first one"


class _Fence(Facts):
    """Output of `fence.py`: how long (s) the first rank waited for the last one, and how late (s) that one was."""

    size: int
    late_s: float
    waited_s: float
    library: str


class _Start(Facts):
    """Output of `starts.sh` about one start."""

    start: int
    code: int
    seconds: float
    crash: str
    by_chance: bool


def fence(observed: Observations) -> Verdict:
    """MPI's start and end wait for the ranks of all nodes."""
    output = observed.require("fence")
    if not output.succeeded:
        return failed(f"exit code {output.code}: {output.last_words}", "see 'wireup-nodes'")
    found = output.facts(_Fence)[0]
    if found.size != observed.nodes:
        return unknown(f"{found.size} ranks instead of {observed.nodes}: see 'wireup-nodes'")
    if not found.library.startswith("Open MPI"):
        return unknown(f"this check understands only Open MPI, which ends with a fence; the image has {found.library}")
    if found.waited_s < found.late_s / 2:
        return failed(
            f"PMIx does not wait for other nodes ({found.waited_s:.2f} s for a rank that was {found.late_s:.0f} s late): a start may crash",
            FENCE_ADVICE,
        )
    return passed(f"MPI waited for a rank that was {found.late_s:.0f} s late")


def starts(observed: Observations) -> Verdict:
    """None of a few starts crashes."""
    return _starts(observed.require("starts"), observed.nodes)


def many_starts(observed: Observations) -> Verdict:
    """None of many starts crashes."""
    return _starts(observed.require("many-starts"), observed.nodes)


def _starts(output: Output, nodes: int) -> Verdict:
    found = output.facts(_Start)
    bad = [start for start in found if start.code]
    if not bad:
        each = median(start.seconds for start in found)
        return passed(f"{len(found)} starts of {RANKS_PER_NODE * nodes} ranks, none failed; {each:.1f} s each")
    crashed = [start for start in bad if start.crash]
    if not crashed:
        return failed(f"{len(bad)} of {len(found)} starts failed (exit code {bad[0].code}): {output.last_words}", "see 'wireup-nodes'")
    by_chance = [start for start in crashed if start.by_chance]
    others = f"; {len(bad) - len(crashed)} more failed without a crash" if len(bad) > len(crashed) else ""
    reason = f"{len(crashed)} of {len(found)} starts crashed: {(by_chance or crashed)[0].crash}{others}"
    return failed(reason, f"{FENCE_ADVICE}; see 'fence'" if by_chance else _CRASH_ADVICE)


def _steps(at: Launcher) -> tuple[Step, ...]:
    return (
        Step("fence", at.inside(Shape(at.nodes), "python3", "esd/fence.py"), MPI_S),
        Step("starts", _again(at, STARTS), NEST_S),
        Step("many-starts", _again(at, MANY_STARTS), LONG_S),
    )


def _again(at: Launcher, count: int) -> tuple[str, ...]:
    """A step that starts all ranks `count` times; a start that hangs costs no more than a wire-up."""
    return ("bash", "esd/starts.sh", str(count), str(MPI_S), *at.inside(at.on_all, "python3", "esd/ranks.py"))


def _check(name: str, title: str, judge: Judge, *, quick: bool = True, several_nodes: bool = False) -> Check:
    return Check(name, title, tags("mpi"), judge, (name,), ("wireup-node",), WIREUP_ADVICE, quick=quick, several_nodes=several_nodes)


TOPIC = Topic(
    steps=_steps,
    checks=(
        _check("fence", "MPI's start waits for all nodes", fence, several_nodes=True),
        _check("starts", "none of a few starts crashes", starts),
        _check("many-starts", "none of many starts crashes", many_starts, quick=False),
    ),
)

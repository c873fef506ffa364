"""Checks that the ranks find each other, on one node and on all. Pure."""

from collections import Counter

from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import MPI_S, RANKS_PER_NODE, Launcher
from esd_deploy.validation.terms.observations import Facts, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed

WIREUP_ADVICE = "correct `mpi`, `binds` or `environment` in the site's file; `--suggest` tries the known remedies"
CRASH_ADVICE = "see 'fence' and 'starts'; the validation's folder has the output of the ranks"


class Rank(Facts):
    """Output of `ranks.py` for one rank."""

    rank: int
    size: int
    together: int
    host: str
    node: str
    namespace: str


def wireup_node(observed: Observations) -> Verdict:
    """The ranks of one node form one MPI world."""
    return _wireup(observed.require("wireup-node"), RANKS_PER_NODE, 1)


def wireup_nodes(observed: Observations) -> Verdict:
    """The ranks of all nodes form one MPI world."""
    return _wireup(observed.require("wireup-nodes"), RANKS_PER_NODE * observed.nodes, observed.nodes)


def _wireup(output: Output, ranks: int, nodes: int) -> Verdict:
    return _no_end(output) or _world(output, ranks, nodes)


def _no_end(output: Output) -> Verdict | None:
    if output.hung:
        return failed(f"the ranks did not find each other within {output.limit_s} s{output.aside}", WIREUP_ADVICE)
    if output.illegal_instruction:
        return failed("a rank used an illegal instruction", "the image is for another processor: see 'processor'")
    if output.crash:  # a crash says nothing about the site's settings
        return failed(f"a rank crashed: {output.crash}", CRASH_ADVICE)
    return None if output.succeeded else failed(f"exit code {output.code}: {output.last_words}", WIREUP_ADVICE)


def _world(output: Output, ranks: int, nodes: int) -> Verdict:
    found = output.facts(Rank)
    sizes = sorted({rank.size for rank in found})
    if sizes == [1] and ranks > 1:
        return failed(f"{len(found)} times rank 0 of 1 instead of {ranks} ranks: MPI did not reach PMIx", WIREUP_ADVICE)
    if sizes != [ranks] or sorted(rank.rank for rank in found) != list(range(ranks)):
        return failed(f"worlds of {sizes} ranks instead of one of {ranks}", WIREUP_ADVICE)
    hosts = Counter(rank.node for rank in found)
    if len(hosts) != nodes:
        return failed(f"the ranks are on {len(hosts)} nodes instead of {nodes}", "correct `partition`, or Slurm's own settings")
    return passed(f"{ranks} ranks on {', '.join(f'{count} x {host}' for host, count in sorted(hosts.items()))}, in {output.seconds:.1f} s")


def _steps(at: Launcher) -> tuple[Step, ...]:
    ranks = ("python3", "esd/ranks.py")
    return (Step("wireup-node", at.inside(at.on_one, *ranks), MPI_S), Step("wireup-nodes", at.inside(at.on_all, *ranks), MPI_S))


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check("wireup-node", "MPI wires up on one node", tags("mpi"), wireup_node, ("wireup-node",), ("mpi",), WIREUP_ADVICE),
        Check(
            "wireup-nodes",
            "MPI wires up on all nodes",
            tags("mpi"),
            wireup_nodes,
            ("wireup-nodes",),
            ("mpi",),
            WIREUP_ADVICE,
            several_nodes=True,
        ),
    ),
)

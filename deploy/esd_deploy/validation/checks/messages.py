"""Checks how messages travel: through memory within a node, over the site's network between nodes. Pure."""

from esd_deploy.plans.launch import Shape
from esd_deploy.validation.checks.transport import Kind, Transports, transports
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import MPI_S, TALK, Launcher
from esd_deploy.validation.terms.observations import Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, unknown

_PROMISE: dict[str, frozenset[Kind]] = {
    "infiniband": frozenset({"infiniband"}),
    "slingshot": frozenset({"slingshot"}),
    "ethernet": frozenset({"tcp", "infiniband"}),  # RoCE has InfiniBand's names
}
_REMEDY = {
    "infiniband": "OMPI_MCA_pml: ucx, OMPI_MCA_btl: ^uct,ofi, OMPI_MCA_mtl: ^ofi; and no UCX_TLS or UCX_NET_DEVICES that leaves it out",
    "slingshot": "OMPI_MCA_pml: cm, OMPI_MCA_mtl: ofi, FI_PROVIDER: cxi",
    "ethernet": "no UCX_TLS or OMPI_MCA_btl that leaves tcp out",
}


def within(observed: Observations) -> Verdict:
    """Ranks of one node exchange messages through memory."""
    output = observed.require("transport-node")
    used = transports(output.stdout + output.stderr, between_nodes=False)
    said = _unclear(output, used)
    if said is not None:
        return said
    slow = used.kinds - {"memory"}
    if "memory" not in used.kinds:
        return failed(f"{_text(used)}: messages within a node use the network instead of memory", f"`environment`: {_forced(observed)}")
    if slow or used.errors:
        reason = f"{_text(used)}: large messages do not use memory" + (f" ({used.errors[0]})" if used.errors else "")
        return failed(reason, "`sharens: true`, so that the ranks of a node may read each other's memory; see 'user-namespace'")
    return passed(_text(used))


def between(observed: Observations) -> Verdict:
    """Ranks of two nodes exchange messages over the network that the site promises, without a silent fall-back to TCP."""
    output = observed.require("transport-nodes")
    used = transports(output.stdout + output.stderr, between_nodes=True)
    said = _unclear(output, used)
    if said is not None:
        return said
    promised = observed.site.network
    if promised is None:
        return unknown(f"{_text(used)}; the site's file does not say its network (`network`: infiniband, slingshot or ethernet)")
    if not used.kinds & _PROMISE[promised]:
        return failed(f"{_text(used)}, but the site has {promised}: MPI fell back", f"`environment`: {_REMEDY[promised]}")
    return passed(f"{_text(used)}; the site has {promised}")


def _unclear(output: Output, used: Transports) -> Verdict | None:
    if not output.succeeded:
        return failed(
            f"messages did not arrive (exit code {output.code}): {output.last_words}", "see 'wireup-nodes'; `--suggest` tries remedies"
        )
    if not used.names:
        return unknown(f"MPI does not report its transport (upper layer: {used.layer or 'not reported either'})")
    return None


def _text(used: Transports) -> str:
    return f"{used.layer or 'Open MPI'}: {', '.join(sorted(used.names))}"


def _forced(observed: Observations) -> str:
    forcing = ("UCX_TLS", "UCX_NET_DEVICES", "OMPI_MCA_btl", "APPTAINERENV_UCX_TLS", "APPTAINERENV_OMPI_MCA_btl")
    names = [name for name in observed.site.environment if name in forcing]
    return f"remove {', '.join(names)}" if names else "OMPI_MCA_pml: ucx"


def _steps(at: Launcher) -> tuple[Step, ...]:
    exchange = ("python3", "esd/exchange.py")
    return (
        Step("transport-node", (*TALK, *at.inside(at.on_one, *exchange)), MPI_S),
        Step("transport-nodes", (*TALK, *at.inside(Shape(at.nodes), *exchange)), MPI_S),
    )


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check(
            "transport-node",
            "messages within a node use memory",
            tags("mpi transport"),
            within,
            ("transport-node",),
            ("wireup-node",),
            "`environment`: what forces a transport (UCX_TLS, OMPI_MCA_pml)",
        ),
        Check(
            "transport-nodes",
            "messages between nodes use the site's network",
            tags("mpi transport"),
            between,
            ("transport-nodes",),
            ("wireup-nodes",),
            "`environment`: what forces a transport (UCX_TLS, OMPI_MCA_pml)",
            several_nodes=True,
        ),
    ),
)

"""Checks MPI before any message: the image has it, PMIx server and client fit, and each rank has processors of its own. Pure."""

import re

from esd_build.tools import minimum
from esd_deploy.validation.checks.container import Inside
from esd_deploy.validation.checks.nodes import nodes
from esd_deploy.validation.checks.transport import transports
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import RANKS_PER_NODE
from esd_deploy.validation.terms.observations import Observations
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, unknown


def inside(observed: Observations) -> Verdict:
    """The image has MPI, mpi4py, and a PMIx client."""
    output = observed.require("inside")
    if not output.succeeded and "python3" in output.last_words:
        return failed(
            f"no Python in the image: {output.last_words}", "esd-images did not build this image; see docs/how-to/build-images.md"
        )
    rank = output.facts(Inside)[0]
    parts = (("MPI library", rank.mpi), ("mpi4py", rank.mpi4py), ("PMIx client library", rank.pmix_client is not None))
    missing = [name for name, there in parts if not there]
    if missing:
        return failed(
            f"the image has no {', no '.join(missing)}", "use an image with MPI (label eu.ebrains.esd.mpi), or run with one rank only"
        )
    return passed(f"MPI, mpi4py, {_pmix(rank.pmix_client)}" + (f", UCX {rank.ucx}" if rank.ucx else ""))


def pmix_folder(observed: Observations) -> Verdict:
    """The container shows the folders where PMIx server and clients meet: the node's own, not others of the same name."""
    found = observed.require("inside").facts(Inside)
    own = {node.name: node.get("tmp") for node in nodes(observed.require("node"))}
    covered = {"/tmp" for rank in found if rank.tmp and own.get(rank.node) not in {None, "", rank.tmp}}  # noqa: S108 - a name
    hidden = sorted(covered | {_root(path) for rank in found for path in rank.pmix_hidden})
    if not hidden:
        return passed("the server's folders are visible")
    outputs = [observed.output(step) for step in ("wireup-node", "wireup-nodes")]
    if all(output is not None and output.succeeded for output in outputs):
        return passed(f"hidden in the container: {', '.join(hidden)}; the ranks reach the server nevertheless")
    if not covered:
        # If clients reach a server only over TCP, its folders are hidden on healthy sites, too.
        return unknown(f"hidden in the container: {', '.join(hidden)}; add them to `binds` to see whether MPI fails for this reason")
    return failed(
        f"hidden in the container: {', '.join(hidden)}; the ranks do not reach the PMIx server",
        f"`binds`: add {', '.join(sorted(covered))}; no APPTAINER_NO_MOUNT or APPTAINER_CONTAIN in `environment`",
    )


def pmix(observed: Observations) -> Verdict:
    """PMIx server and client have versions that fit, a common way to prove identity, and a common store."""
    rank = observed.require("inside").facts(Inside)[0]
    if rank.pmix_namespace is None:
        return failed(
            f"srun gives the ranks no PMIx server (--mpi={observed.site.mpi}): no PMIX_NAMESPACE is set",
            f"`mpi`: a PMIx plugin instead of '{observed.site.mpi}' (see 'plugin'); no --cleanenv in `environment` (APPTAINER_CLEANENV)",
        )
    promised = observed.site.pmix
    said = " ".join(part for part in (_whose(rank.pmix_namespace), rank.pmix_server or "of unknown version") if part)
    text = f"server {said}, client {_pmix(rank.pmix_client)}, security {rank.pmix_security}, storage {_store(rank)}"
    if promised and rank.pmix_server and minimum.numbers(promised)[:2] != minimum.numbers(rank.pmix_server)[:2]:
        return failed(
            f"{text}; the site's file says {promised}", f'write `pmix: "{rank.pmix_server}"` into the site\'s file, if the site confirms it'
        )
    if rank.pmix_server is None and rank.pmix_security is None:
        return unknown(f"the server does not tell its version; client {_pmix(rank.pmix_client)}")
    return passed(text)


def user_namespace(observed: Observations) -> Verdict:
    """The ranks of a node share a user namespace, so that they may read each other's memory."""
    found = observed.require("inside").facts(Inside)
    split = sorted({rank.node for rank in found if len({other.namespace for other in found if other.node == rank.node}) > 1})
    if not split:
        return passed("the ranks of each node share one user namespace")
    output = observed.output("transport-node")
    used = transports(output.stdout + output.stderr, between_nodes=False) if output is not None and output.succeeded else None
    if used is not None and used.layer == "ucx" and used.kinds == {"memory"} and not used.errors:
        return passed(f"each rank on {', '.join(split)} has its own; UCX avoids the problem with {', '.join(sorted(used.names))}")
    reason = f"each rank on {', '.join(split)} has its own: ranks cannot read each other's memory (CMA), and copy large messages twice"
    if _whose(found[0].pmix_namespace or "") == "pspmix":
        return failed(
            f"{reason}: ParaStation gives each rank a parent of its own, so `sharens` groups none",
            "nothing in the site's file helps; Apptainer with a setuid helper needs no user namespace",
        )
    if observed.site.sharens:
        return failed(
            f"{reason}, although `sharens` is on: the ranks have different parents there",
            "`sharens: false`, and an image with UCX >= 1.16; or Apptainer with a setuid helper, which needs no user namespace",
        )
    return failed(reason, f"`sharens: true` in the site's file (Apptainer >= {minimum.APPTAINER})")


def threads(observed: Observations) -> Verdict:
    """Ranks and threads have processors of their own: no more threads than processors."""
    found = observed.require("inside").facts(Inside)
    for rank in found:
        threads = int(rank.threads or "0") or len(rank.cpus)
        local = [other for other in found if other.node == rank.node]
        total = threads * len(local)
        usable = len({cpu for other in local for cpu in other.cpus})
        if total > usable:
            return failed(
                f"{rank.node}: {len(local)} ranks x {threads} threads on {usable} processors (OMP_NUM_THREADS={rank.threads})",
                "`environment`: no OMP_NUM_THREADS or APPTAINERENV_OMP_NUM_THREADS there; --threads of a run sets it",
            )
    bound = all(not set(a.cpus) & set(b.cpus) for a in found for b in found if a.node == b.node and a.rank < b.rank)
    return passed(
        f"{RANKS_PER_NODE} ranks x {found[0].threads} threads on {len(found[0].cpus)} processors a node"
        + ("" if bound else "; not bound: all ranks of a node may use the same processors")
    )


def _root(path: str) -> str:
    """The folder to bind: /tmp, else the server's folder above the job's folder."""
    return "/tmp" if path.startswith("/tmp") else re.sub(r"/pmix\.\d+\.\d+/?.*$", "", path)  # noqa: S108 - a name, nothing is written


def _whose(namespace: str) -> str:
    """The program that is the server, as its namespaces are named; empty for one that is not known."""
    return next((name for start, name in (("pspmix_", "pspmix"), ("slurm.pmix.", "Slurm's")) if namespace.startswith(start)), "")


def _store(rank: Inside) -> str:
    """The stores that the server offers, and which of them the environment chooses."""
    return f"{rank.pmix_storage}" + (f", of which {rank.pmix_store}" if rank.pmix_store else "")


def _pmix(version: str | None) -> str:
    return f"OpenPMIx {minimum.said(version) or ''}" if version else "no PMIx"


TOPIC = Topic(
    checks=(
        Check("mpi", "MPI and PMIx are in the image", tags("image mpi"), inside, ("inside",), ("start", "plugin"), "`mpi`"),
        Check("pmix", "PMIx server and client fit", tags("mpi"), pmix, ("inside",), ("mpi",), "`mpi`"),
        Check("pmix-folder", "the PMIx server is visible", tags("mpi container"), pmix_folder, ("node", "inside"), ("mpi",), "`binds`"),
        Check("user-namespace", "ranks of a node share memory", tags("mpi"), user_namespace, ("inside",), ("mpi",), "`sharens`"),
        Check("threads", "no more threads than processors", tags("threads"), threads, ("inside",), ("start", "plugin"), "`mpi`"),
    ),
)

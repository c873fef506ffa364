"""Checks before submission whether this image, with this request, can run at this site.

Pure judgement of what is known. Unknown values are reported as unknown and never block a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import archspec.cpu

from esd_build.data.errors import UsageError
from esd_build.data.outcome import Outcome
from esd_build.tools import minimum
from esd_deploy.errands import probe as probes
from esd_deploy.errands.probe import Probe, differences
from esd_deploy.plans.launch import clock
from esd_deploy.plans.plan import Plan
from esd_deploy.runs.site import Site

LABEL = "eu.ebrains.esd."
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_ROOM = 2  # apptainer needs the image's size again while it pulls


@dataclass(frozen=True)
class Finding:
    """One check, its verdict, and the reason with what to do."""

    check: str
    verdict: Outcome
    reason: str


@dataclass(frozen=True)
class Known:
    """Everything that is judged: the plan, the image's labels, the site's report (None: never asked), and how long the token lasts."""

    plan: Plan
    labels: Mapping[str, str]
    probe: Probe | None = None
    token_s: float | None = None
    token_renews: bool = True


def require(place: Site, plan: Plan) -> list[Finding]:
    """Raises UsageError with each check that failed and with the override; returns all findings otherwise."""
    found = judge(known(place, plan))
    failed = [finding for finding in found if finding.verdict == "failed"]
    if failed:
        lines = "\n".join(f"  {one.check}: {one.reason}" for one in failed)
        raise UsageError(f"this run cannot work at site '{plan.site.name}'; nothing was submitted (--force submits anyway)\n{lines}")
    return found


def known(place: Site, plan: Plan) -> Known:
    """What is known without asking the site."""
    tokens = place.endpoint.credentials.tokens
    lifetime = tokens.lifetime_s() if tokens else None
    labels = plan.image.annotations if plan.image else {}
    return Known(plan, labels, probes.known(plan.site.name, place.endpoint.server), lifetime, token_renews=tokens is None or tokens.renews)


def judge(facts: Known) -> list[Finding]:
    """Every check, in the order in which a run would fail."""
    contained = facts.plan.mode == "container"
    image = [_architecture, _target, _pmix, _gpu, _apptainer, _disk] if contained else []
    return [check(facts) for check in (*image, _cores, _partition, _project, _plugin, _token, _guesses)]


def _architecture(facts: Known) -> Finding:
    target, node = facts.labels.get(f"{LABEL}target"), _node_target(facts)
    own = archspec.cpu.TARGETS[target].family.name if target in archspec.cpu.TARGETS else None
    built = facts.labels.get("org.label-schema.build-arch") or own
    family = archspec.cpu.TARGETS[node].family.name if node in archspec.cpu.TARGETS else None
    if built is None or family is None:
        return Finding("architecture", "unknown", f"image: {built or 'no label'}; site: {family or 'no `target`'}")
    if _ARCHITECTURES.get(built, built) != family:
        return Finding("architecture", "failed", f"the image is for {built}, the nodes are {family}; choose an image for {family}")
    return Finding("architecture", "passed", built)


def _target(facts: Known) -> Finding:
    """An image for a newer processor dies by SIGILL in the middle of the run."""
    built, node = facts.labels.get(f"{LABEL}target"), _node_target(facts)
    known_targets = archspec.cpu.TARGETS
    if built not in known_targets or node not in known_targets:
        return Finding("processor", "unknown", f"image: {built or 'no label'}; site: {node or 'no `target`'}")
    there = facts.probe.targets if facts.probe and facts.probe.targets else ()
    if not (built in there or known_targets[built] <= known_targets[node]):
        return Finding("processor", "failed", f"the image needs {built}, the nodes are {node}: its programs would die by SIGILL")
    return Finding("processor", "passed", f"{built} runs on {node}")


def _pmix(facts: Known) -> Finding:
    client = facts.labels.get(f"{LABEL}pmix")
    if client is None:
        return Finding("PMIx", "unknown", "the image has no label of its PMIx")
    if facts.plan.site.pmix is None:
        return Finding("PMIx", "unknown", f"image {client}; the site's version is not known (`pmix` in its configuration)")
    return Finding("PMIx", "passed", f"image {client}, site {facts.plan.site.pmix}; the job's wire-up check has the last word")


def _gpu(facts: Known) -> Finding:
    need = facts.labels.get(f"{LABEL}gpu")
    partition = facts.plan.site.partitions.get(facts.plan.site.partition or "")
    if need is None:
        return Finding("GPU", "skipped", "the image needs none")
    if partition is None:
        return Finding("GPU", "unknown", f"the image needs {need}; the partition is not described")
    ok = partition.gpus > 0
    return Finding(
        "GPU", "passed" if ok else "failed", f"the image needs {need}, partition '{facts.plan.site.partition}' has {partition.gpus}"
    )


def _apptainer(facts: Known) -> Finding:
    version = facts.probe.apptainer if facts.probe else None
    if version is None:
        return Finding("Apptainer", "unknown", f"its version is not known; `esd-deploy site probe {facts.plan.site.name}` asks")
    if facts.plan.site.sharens and minimum.older(version, minimum.APPTAINER):
        return Finding("Apptainer", "failed", f"{version} has no --sharens; set `sharens: false` in the site's configuration")
    return Finding("Apptainer", "passed", version)


def _disk(facts: Known) -> Finding:
    size = facts.plan.image.size if facts.plan.image else 0
    free = facts.probe.scratch_free if facts.probe else None
    if free is None:
        return Finding("disk", "unknown", "how much is free is asked when the image is pulled")
    if free < _ROOM * size:
        return Finding(
            "disk", "failed", f"{free / 1e6:,.0f} MB free for an image of {size / 1e6:,.0f} MB; `esd-deploy images` removes old ones"
        )
    return Finding("disk", "passed", f"{free / 1e9:,.1f} GB free")


def _cores(facts: Known) -> Finding:
    site, shape = facts.plan.site, facts.plan.shape
    partition = site.partitions.get(site.partition or "")
    cores = (partition.cpus if partition else None) or (facts.probe.cores if facts.probe else None)
    if cores is None:
        return Finding("cores", "unknown", "the site's configuration does not say how many a node has")
    if shape.cpus_per_node > cores:
        return Finding("cores", "failed", f"{shape.cpus_per_node} asked for on each node (ranks x threads), a node has {cores}")
    return Finding("cores", "passed", f"{shape.cpus_per_node} of {cores}")


def _partition(facts: Known) -> Finding:
    """Checks against the site's report; its file was checked earlier."""
    name, known_there = facts.plan.site.partition, facts.probe.partitions if facts.probe else {}
    if facts.plan.mode in {"login", "queue"}:
        return Finding("partition", "skipped", "no batch job")
    if name is None or not known_there:
        return Finding("partition", "unknown", f"`esd-deploy site probe {facts.plan.site.name}` asks for the partitions there")
    if name not in known_there:
        return Finding("partition", "failed", f"the site has no partition '{name}'; there is: {', '.join(known_there)}")
    longest = known_there[name]
    if longest is not None and facts.plan.time_s > longest:
        asked = f"{clock(facts.plan.time_s)} asked for, partition '{name}' gives at most {clock(longest)}"
        return Finding("partition", "failed", f"{asked}, according to the site; ask for less with --time, or for another --partition")
    return Finding("partition", "passed", name if longest is None else f"{name}, at most {clock(longest)}")


def _project(facts: Known) -> Finding:
    site = facts.plan.site
    if site.activation and "{account}" in site.activation and not site.account:
        return Finding("project", "failed", f"site '{site.name}' needs a project: --account PROJECT, or `account` in its configuration")
    return Finding("project", "passed" if site.account else "skipped", site.account or "none needed")


def _plugin(facts: Known) -> Finding:
    site = facts.plan.site
    if facts.plan.mode in {"login", "queue"}:
        return Finding("MPI plugin", "skipped", "no MPI in this mode")
    if facts.probe is None or not facts.probe.mpi_plugins:
        return Finding("MPI plugin", "unknown", f"`esd-deploy site probe {site.name}` asks for the plugins there")
    if site.mpi not in facts.probe.mpi_plugins:
        return Finding("MPI plugin", "failed", f"`mpi: {site.mpi}`, but the site has {', '.join(facts.probe.mpi_plugins)}")
    return Finding("MPI plugin", "passed", site.mpi)


def _token(facts: Known) -> Finding:
    if facts.token_s is None:
        return Finding("token", "skipped", "none, or it does not say when it ends")
    if facts.token_renews:
        return Finding("token", "passed", f"valid for {facts.token_s:.0f} s, renewed by itself")
    if facts.token_s < 60:
        return Finding("token", "failed", f"it ends in {max(0, facts.token_s):.0f} s; get a new one")
    if facts.token_s < facts.plan.time_s:
        return Finding("token", "unknown", f"it ends in {facts.token_s / 60:.0f} min, maybe before the job: then `attach` with a new one")
    return Finding("token", "passed", f"valid for {facts.token_s / 60:.0f} min")


def _guesses(facts: Known) -> Finding:
    """Values marked `verify` do not count if the site says otherwise."""
    site = facts.plan.site
    marked = {key for key, evidence in site.evidence.items() if evidence.verify}
    if not marked:
        return Finding("guesses", "skipped", "no value of the configuration is marked `verify`")
    if facts.probe is None:
        return Finding("guesses", "unknown", f"{', '.join(sorted(marked))}: never verified; `esd-deploy site probe {site.name}` does")
    wrong = [one for one in differences(site, facts.probe) if one.key in marked]
    if wrong:
        return Finding("guesses", "failed", "; ".join(f"{one.key}: the site says {one.plain}" for one in wrong))
    return Finding("guesses", "passed", "the site says nothing against " + ", ".join(sorted(marked)))


def _node_target(facts: Known) -> str | None:
    site = facts.plan.site
    partition = site.partitions.get(site.partition or "")
    return (facts.probe.target if facts.probe else None) or (partition.target if partition else None) or site.target

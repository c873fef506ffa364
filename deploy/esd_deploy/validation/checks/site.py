"""Checks the site before any container: the job, the nodes, Slurm's plugins, Apptainer. Pure."""

from datetime import UTC, datetime

from esd_build.tools import minimum
from esd_deploy.errands import probe
from esd_deploy.validation.checks.nodes import nodes
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import MPI_S, SHORT_S, Launcher
from esd_deploy.validation.terms.observations import Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, unknown

_UP = ("idle", "mixed", "allocated", "completing", "alloc", "mix", "comp", "planned", "reserved")


def job(observed: Observations) -> Verdict:
    """The job started and ended within its time limit."""
    end = observed.job
    if not end.started:
        waiting = f" ({end.message})" if end.message else ""
        return failed(
            f"the job was still queued after {end.queued_s} s{waiting}",
            "see 'nodes'; use fewer nodes (--nodes), wait longer (--queue-time), or correct `partition` and `account` in the site's file",
        )
    if end.out_of_time:
        return failed(
            f"the job reached its time limit of {end.time_limit_s} s before its last step",
            "request more time with --time, or fewer checks with --quick or --only; the limit is `limits.time_s` in the site's file",
        )
    if not end.finished:
        return failed(f"the job failed: {end.message or 'the site gives no reason'}", "see the site's log of the job")
    return passed("the job ran to its end")


def partition(observed: Observations) -> Verdict:
    """Enough nodes are up in Slurm."""
    output = observed.require("sinfo")
    rows = [line.split("|", 3) for line in output.stdout.splitlines() if line.count("|") >= 3]
    wanted = observed.site.partition
    own = [row for row in rows if wanted in {None, row[2].rstrip("*")}]
    if not rows:
        return unknown(f"the login node does not show the state of the nodes: {output.last_words}")
    if not own:
        return failed(f"Slurm has no partition '{wanted}'; it has {', '.join(sorted({row[2].rstrip('*') for row in rows}))}", "`partition`")
    up = {row[0] for row in own if row[1].rstrip("*~#!%$@+-").startswith(_UP) and not row[1].endswith("*")}
    down = sorted({f"{row[0]} is {row[1]} ({row[3]})" for row in own if row[0] not in up})
    if len(up) < observed.nodes:
        return failed(f"{_are(len(up))} up, {observed.nodes} needed: {', '.join(down)}", "repair the node, or validate on fewer (--nodes)")
    return passed(f"{_are(len(up))} up" + (f"; {', '.join(down)}" if down else ""))


def _are(number: int) -> str:
    return "1 node is" if number == 1 else f"{number} nodes are"


def plugins(output: Output) -> tuple[str, ...]:
    """The MPI plugins that `srun --mpi=list` printed."""
    return probe.understood({"mpi": output.stdout + output.stderr}, {}, datetime.now(UTC)).mpi_plugins


def plugin(observed: Observations) -> Verdict:
    """Slurm has the MPI plugin that the site's file names."""
    output = observed.require("plugins")
    listed = plugins(output)
    if not output.succeeded or not listed:
        return unknown(f"`srun --mpi=list` lists no plugins: {output.last_words}")
    if observed.site.mpi not in listed:
        fitting = [name for name in listed if "pmix" in name] or listed
        return failed(f"Slurm has no MPI plugin '{observed.site.mpi}'; it has {', '.join(listed)}", f"`mpi`: {' or '.join(fitting)}")
    return passed(f"`{observed.site.mpi}` is among {', '.join(listed)}")


def host_names(observed: Observations) -> Verdict:
    """Each node's host name is its name in Slurm: Open MPI uses it to see which ranks share a node."""
    found = nodes(observed.require("node"))
    wrong = [f"{node.name} calls itself '{node.get('host')}'" for node in found if node.get("host").partition(".")[0] != node.name]
    if wrong:
        return failed(
            f"{', '.join(wrong)}: Open MPI may find no path between ranks of one node, and hang",
            "set the node's host name to its NodeName in slurm.conf (or NodeHostname there to the host name)",
        )
    return passed(", ".join(node.name for node in found))


def apptainer(observed: Observations) -> Verdict:
    """Each node has Apptainer, in a version that is new enough."""
    found = nodes(observed.require("node"))
    advice = "`apptainer` in the site's file: a path or a name that every node knows"
    missing = [node.name for node in found if not node.get("apptainer")]
    if missing:
        return failed(f"no program '{observed.site.apptainer}' on {', '.join(missing)}", advice)
    versions = sorted({node.get("apptainer_version") for node in found})
    old = [text for text in versions if observed.site.sharens and minimum.older(text, minimum.APPTAINER)]
    if old:
        return failed(f"{', '.join(old)} has no --sharens", f"install Apptainer {minimum.APPTAINER} or newer, or say `sharens: false`")
    return passed(f"{', '.join(versions)} on {', '.join(node.name for node in found)}")


def namespaces(observed: Observations) -> Verdict:
    """Containers start without root: through user namespaces or a setuid helper."""
    found = nodes(observed.require("node"))
    neither = [node for node in found if node.get("setuid") != "yes" and not node.get("namespaces").endswith("allowed")]
    if neither:
        said = ", ".join(f"{node.name}: {node.get('namespaces') or 'user namespaces refused'}" for node in neither)
        return failed(
            f"{said}; and there is no setuid helper",
            "allow user namespaces (user.max_user_namespaces), or install apptainer-suid",
        )
    return passed(", ".join(f"{node.name}: {'setuid' if node.get('setuid') == 'yes' else 'user namespaces'}" for node in found))


def scratch(observed: Observations) -> Verdict:
    """Each node can write to the shared folder and to the job's folder."""
    found = nodes(observed.require("node"))
    name = observed.site.scratch
    wrong = [f"{node.name}: ${name} ('{node.get('scratch')}') is not writable" for node in found if node.get("scratch_writable") != "yes"]
    wrong += [f"{node.name}: the job's folder is not writable" for node in found if node.get("folder_writable") != "yes"]
    wrong += [f"{node.name}: /tmp is not writable" for node in found if node.get("tmp_writable") != "yes"]
    if wrong:
        return failed(
            "; ".join(wrong), "`scratch` in the site's file: a variable that is set in jobs and names a folder that all nodes share"
        )
    return passed(f"${name} is {', '.join(sorted({node.get('scratch') for node in found}))}; written on {len(found)} nodes")


def _steps(at: Launcher) -> tuple[Step, ...]:
    return (
        Step("sinfo", ("sinfo", "--Node", "--noheader", "--format=%N|%T|%P|%E"), SHORT_S, image=False, login=True),
        # Many jobs may wait for one download.
        Step("pull", ("bash", "esd/pull.sh"), 3600, image=False, login=True),
        Step("plugins", ("srun", "--mpi=list"), SHORT_S, image=False),
        Step("node", at.everywhere("bash", "esd/node.sh"), MPI_S, image=False),
    )


TOPIC = Topic(
    steps=_steps,
    checks=(
        Check("nodes", "enough nodes are up", tags("site slurm"), partition, ("sinfo",)),
        Check("job", "the job ran to its end", tags("site slurm"), job),
        Check("plugin", "Slurm has the configured MPI plugin", tags("site slurm mpi"), plugin, ("plugins",)),
        Check("host-names", "host names are Slurm's node names", tags("site slurm mpi"), host_names, ("node",)),
        Check("apptainer", "Apptainer is there for this user", tags("site container"), apptainer, ("node",)),
        Check("namespaces", "containers start without root", tags("site container"), namespaces, ("node",)),
        Check("scratch", "shared folders are writable", tags("site"), scratch, ("node",)),
    ),
)

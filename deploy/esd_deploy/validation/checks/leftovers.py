"""Checks what the whole job leaves on the nodes. Pure."""

from esd_deploy.validation.checks.nodes import Node, nodes
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.launcher import MPI_S, Launcher
from esd_deploy.validation.terms.observations import NotUnderstoodError, Observations
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, passed


def leftovers(observed: Observations) -> Verdict:
    """After all steps, the nodes have nothing that they did not have before."""
    before = {node.name: node for node in nodes(observed.require("node"))}
    after = nodes(observed.require("node-after"))
    if set(before) != {node.name for node in after}:
        raise NotUnderstoodError("not every node was checked before and after")
    left = [text for node in after for text in _left(before[node.name], node)]
    if left:
        return failed(
            "; ".join(left), "find the step that left it (the validation's folder has the output); clean the node in Slurm's epilog"
        )
    # --sharens keeps a file for each shared namespace in the user's home, and does not always remove it.
    files = sum(len(node.words("instances") - before[node.name].words("instances")) for node in after)
    remark = f"; {files} instance files of --sharens remain (set APPTAINER_CONFIGDIR to the node's own disk to keep them out of $HOME)"
    return passed("no zombies, no processes, nothing in /dev/shm" + (remark if files else ""))


def _left(before: Node, after: Node) -> list[str]:
    kinds = {"zombies": "zombies", "processes": "processes", "shared_memory": "files in /dev/shm"}
    new = {what: sorted(after.words(key) - before.words(key)) for key, what in kinds.items()}
    return [f"{after.name}: {what} {', '.join(found[:5])}" for what, found in new.items() if found]


def _steps(at: Launcher) -> tuple[Step, ...]:
    return (Step("node-after", at.everywhere("bash", "esd/node.sh"), MPI_S, image=False),)


TOPIC = Topic(
    steps=_steps,
    checks=(Check("leftovers", "the job leaves nothing behind", tags("site"), leftovers, ("node", "node-after")),),
)

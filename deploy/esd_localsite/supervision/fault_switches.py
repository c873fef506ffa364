"""Switches faults of a running site: does, as root, what the board alone cannot do."""

import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import STAY_AWAY, Fault, FaultBoard, FaultKind
from esd_localsite.state import lock
from esd_localsite.state.layout import JOB_USER, NODES, Layout, find_layout
from esd_localsite.state.options import Server
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import run
from esd_localsite.supervision import control, readiness
from esd_localsite.supervision.control import Order, Verb

_ANSWER_TIMEOUT_S = 120.0
_ASK_EVERY_S = 0.1
_FAULTY_DISK_MB = 16
_SMALL_DISK = "quota"
_DAEMONS = {
    FaultKind.ENDPOINT_DOWN: ("unicore",),
    FaultKind.ENDPOINT_RESTART: ("unicore",),
    FaultKind.REGISTRY_DOWN: ("registry",),
    FaultKind.SERVER_DOWN: ("unicorex",),
    FaultKind.TSI_DOWN: ("tsi",),
}
OF_THE_OWN_SERVER = frozenset({FaultKind.SBATCH_FAILS, FaultKind.JOB_LOST, FaultKind.PRECOMMAND_IN_BATCH})
_OF_THE_REAL_SERVER = frozenset({FaultKind.SERVER_DOWN, FaultKind.TSI_DOWN})
_OF_CLUSTERS = frozenset({FaultKind.NODE_DOWN, FaultKind.NODE_DIES, FaultKind.DISK_QUOTA})
_PAST = frozenset({FaultKind.ENDPOINT_RESTART})
"""Faults that end with the command: there is nothing to clear."""


def inject(name: str, fault: Fault) -> None:
    """Switch a fault on. With `seconds`, a daemon that is down is restarted, and this returns when it answers.

    Raises LocalSiteError if the site is not up or cannot show the fault.
    """
    layout, plan = _running(name)
    _require_possible(layout, plan, fault.kind)
    if fault.kind in _DAEMONS:
        _take_down(layout, plan, fault)
    elif fault.kind is FaultKind.NODE_DOWN:
        fault = fault.model_copy(update={"node": fault.node or NODES[-1]})
        _set_node(layout, fault.node or "", "State=DOWN", "Reason=fault")
    elif fault.kind is FaultKind.NODE_DIES:
        fault = fault.model_copy(update={"node": _own_node(fault.node or NODES[-1])})
        _kill_node(layout, fault)
    elif fault.kind is FaultKind.DISK_QUOTA:
        _mount_small_disk(layout, fault.megabytes or _FAULTY_DISK_MB)
    if fault.kind not in _PAST and not (fault.kind in STAY_AWAY and fault.seconds):
        FaultBoard(layout.faults).switch_on(fault)


def clear(name: str, kinds: Sequence[FaultKind] = ()) -> tuple[FaultKind, ...]:
    """Switch faults off (without `kinds`: all) and repair the damage. Returns those that were on, when the site answers again."""
    layout, plan = _running(name)
    board = FaultBoard(layout.faults)
    cleared = [fault for fault in board.all() if not kinds or fault.kind in kinds]
    if not kinds or FaultKind.DISK_QUOTA in kinds:
        _unmount_small_disk(layout)  # even if the board does not list it: a quota that was used up left its disk
    for fault in cleared:
        if fault.kind in _DAEMONS:
            _bring_up(layout, plan, fault.kind)
        elif fault.kind is FaultKind.NODE_DOWN:
            _resume_node(layout, fault.node or NODES[-1])
        elif fault.kind is FaultKind.NODE_DIES:
            _revive_node(layout, fault.node or NODES[-1])
        board.switch_off(fault.kind)
    return tuple(fault.kind for fault in cleared)


def switched_on(name: str) -> tuple[Fault, ...]:
    """What is on now; needs no root."""
    return FaultBoard(find_layout(name).faults).all()


def _running(name: str) -> tuple[Layout, SitePlan]:
    layout = find_layout(name)
    plan = SitePlan.read(layout)
    if plan is None or not lock.is_locked(layout.lock):
        raise LocalSiteError(f"the local site '{name}' is not up: faults are for running sites")
    return layout, plan


def _require_possible(layout: Layout, plan: SitePlan, kind: FaultKind) -> None:
    """Raises LocalSiteError for a fault that this site cannot show."""
    if not layout.needs_root and kind in _OF_CLUSTERS | {FaultKind.TSI_DOWN}:
        raise LocalSiteError(f"{kind}: the local site '{layout.name}' has no nodes, no TSI and no disk of its own (profile nobatch)")
    real = plan.options.server is Server.UNICOREX
    if kind in (OF_THE_OWN_SERVER if real else _OF_THE_REAL_SERVER):
        which = "own endpoint: UNICORE/X has no such switch" if real else "real UNICORE/X (`local up --server unicorex`)"
        raise LocalSiteError(f"{kind} is a fault of the {which}")


def _daemons(plan: SitePlan, kind: FaultKind) -> tuple[str, ...]:
    """The daemons that a fault takes down. With the real server, the endpoint is two daemons."""
    both = plan.options.server is Server.UNICOREX and kind in {FaultKind.ENDPOINT_DOWN, FaultKind.ENDPOINT_RESTART}
    return (*_DAEMONS[kind], *(("unicorex",) if both else ()))


def _take_down(layout: Layout, plan: SitePlan, fault: Fault) -> None:
    for daemon in _daemons(plan, fault.kind):
        control.give(layout, Order(verb=Verb.KILL, daemon=daemon))
    if fault.seconds:
        time.sleep(fault.seconds)
    if fault.seconds or fault.kind in _PAST:
        _bring_up(layout, plan, fault.kind)


def _bring_up(layout: Layout, plan: SitePlan, kind: FaultKind) -> None:
    daemons = _daemons(plan, kind)
    for daemon in daemons:
        control.give(layout, Order(verb=Verb.START, daemon=daemon))
    answers = {"registry": readiness.registry_answers, "tsi": readiness.tsi_answers}.get(daemons[0])
    if answers is None:
        answers = readiness.server_takes_jobs if plan.options.server is Server.UNICOREX else readiness.unicore_answers
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while not answers(layout, plan):
        if time.monotonic() > deadline:
            raise LocalSiteError(f"{daemons[-1]} still does not answer; its log is {layout.log(daemons[-1])}")
        time.sleep(_ASK_EVERY_S)


def _kill_node(layout: Layout, fault: Fault) -> None:
    control.give(layout, Order(verb=Verb.KILL, daemon=fault.node or ""))
    if fault.seconds:
        time.sleep(fault.seconds)
        _revive_node(layout, fault.node or "")


def _revive_node(layout: Layout, node: str) -> None:
    """Start the node's daemon again; return when Slurm reaches it and gives it jobs."""
    control.give(layout, Order(verb=Verb.START, daemon=node))
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while not readiness.node_accepts(layout, node):
        if time.monotonic() > deadline:
            raise LocalSiteError(f"{node} still takes no jobs; its log is {layout.log(node)}")
        with contextlib.suppress(LocalSiteError):  # not while it does not answer
            _resume_node(layout, node)
        time.sleep(_ASK_EVERY_S)


def _own_node(node: str) -> str:
    if node not in NODES:
        raise LocalSiteError(f"'{node}' is not a node of the local site; its nodes are {', '.join(NODES)}")
    return node


def _set_node(layout: Layout, node: str, *changes: str) -> None:
    run(("scontrol", "update", f"NodeName={_own_node(node)}", *changes), extra={"SLURM_CONF": str(layout.slurm_conf)})


def _resume_node(layout: Layout, node: str) -> None:
    """Slurm refuses to resume a node that came back by itself ("Invalid node state")."""
    told = run(("scontrol", "show", "node", node, "--oneliner"), extra={"SLURM_CONF": str(layout.slurm_conf)})
    if may_resume(told):
        _set_node(layout, node, "State=RESUME")


def may_resume(told: str) -> bool:
    """Whether the node in the output of `scontrol show node` is down or drained."""
    state = re.search(r"\bState=(\S+)", told)
    return state is not None and bool({"DOWN", "DRAIN", "FAIL"} & set(re.split(r"[+*]", state[1])))


def _mount_small_disk(layout: Layout, megabytes: int) -> None:
    """Mount over SCRATCH, on the login side only: the nodes have their own mounts and keep the old one."""
    _unmount_small_disk(layout)
    options = f"size={megabytes}m,mode=0755,uid={JOB_USER},gid={JOB_USER}"
    _in_site(layout, "mount", "-t", "tmpfs", "-o", options, _SMALL_DISK, str(layout.scratch))


def _unmount_small_disk(layout: Layout) -> None:
    pid = lock.supervisor_pid(layout)
    if pid is None:
        return
    for _ in range(small_disks(Path(f"/proc/{pid}/mounts").read_text(), str(layout.scratch))):
        _in_site(layout, "umount", "--lazy", str(layout.scratch))


def small_disks(mounts: str, scratch: str) -> int:
    """How many disks are mounted over SCRATCH, according to a process's `mounts`."""
    return sum(line.split()[:2] == [_SMALL_DISK, scratch] for line in mounts.splitlines())


def _in_site(layout: Layout, *command: str) -> None:
    pid = lock.supervisor_pid(layout)
    if pid is None:
        raise LocalSiteError(f"the local site '{layout.name}' is not up")
    run(("nsenter", f"--target={pid}", "--mount", "--pid", "--", *command))  # --pid: umount reads /proc/self, which is the site's

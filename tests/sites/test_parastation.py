"""Jülich's launcher for real: psid with psslurm and pspmix on both nodes, whatever `--launcher` says."""

import os
import pwd
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import JOB_USER, Layout
from esd_localsite.state.options import SiteOptions, Speed
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = pytest.mark.site

Call = Callable[..., subprocess.CompletedProcess[str]]
SAYS = "echo $SLURM_PROCID $(uname -n) $PMIX_NAMESPACE"


@pytest.fixture(scope="module")
def jsc(local_site_possible: None, parastation: SiteOptions) -> Iterator[SiteStatus]:
    """A site with ParaStation's launcher."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it acts as the job user, and breaks nodes")
    name = f"pytest-{os.getpid()}-ps"
    try:
        yield lifecycle.up(name, options=parastation.model_copy(update={"speed": Speed.CI}))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="module")
def call(jsc: SiteStatus) -> Call:
    """A command of Slurm, as the job user or as root."""

    def run(*argv: str, user: str = JOB_USER, code: int | None = 0, **more: str) -> subprocess.CompletedProcess[str]:
        entry = pwd.getpwnam(user)
        environment = {"PATH": os.environ["PATH"], "HOME": entry.pw_dir, "SLURM_CONF": str(jsc.slurm_conf), **more}
        finished = subprocess.run(
            argv,
            env=environment,
            cwd="/",
            user=entry.pw_uid,
            group=entry.pw_gid,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert code is None or finished.returncode == code, finished.stdout + finished.stderr
        return finished

    return run


def states(call: Call) -> dict[str, str]:
    """Node → its state."""
    lines = call("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.splitlines()
    return {node: state for node, _, state in (line.partition(" ") for line in lines)}


def soon(true: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def test_the_status_names_the_launcher_and_asks_psid(jsc: SiteStatus) -> None:
    seen = lifecycle.look(jsc.name)
    assert (seen.launcher, seen.usable, seen.nodes) == ("parastation", True, ("c1", "c2"))


@pytest.mark.parametrize("mpi", [("--mpi=pspmix",), ()], ids=["named", "default"])
def test_pspmix_is_the_ranks_server_on_both_nodes(call: Call, mpi: tuple[str, ...]) -> None:
    said = [line.split() for line in call("srun", *mpi, "-N2", "-n4", "sh", "-c", SAYS).stdout.splitlines()]
    assert sorted(line[0] for line in said) == ["0", "1", "2", "3"]
    assert {line[1] for line in said} == {"c1", "c2"}
    assert {line[2].startswith("pspmix_") for line in said} == {True}


def test_slurms_own_pmix_is_not_offered(call: Call) -> None:
    offered = call("srun", "--mpi=list").stderr + call("srun", "--mpi=list").stdout
    assert "pspmix" in offered
    assert "pmi2" not in offered
    assert call("srun", "--mpi=pmix", "true", code=None).returncode != 0


def test_root_is_refused(call: Call) -> None:
    assert call("srun", "true", user="root", code=None).returncode != 0


def test_a_rank_that_dies_gives_its_code_and_ends_the_others(call: Call) -> None:
    started = time.monotonic()
    program = 'if [ "$SLURM_PROCID" = 1 ]; then exit 7; fi; exec sleep 300'
    finished = call("srun", "--kill-on-bad-exit=1", "-N2", "-n4", "sh", "-c", program, code=None)
    assert finished.returncode == 7, finished.stderr
    assert time.monotonic() - started < 60
    soon(lambda: set(states(call).values()) == {"idle"}, "the nodes do not become idle")


def test_a_node_whose_psid_dies_is_told_and_comes_back(jsc: SiteStatus, call: Call) -> None:
    inject(jsc.name, Fault(kind=FaultKind.NODE_DIES, node="c2"))
    assert lifecycle.look(jsc.name).silent == ("c2",)
    assert "psid at" in lifecycle.look(jsc.name).answers["c2"].said
    assert lifecycle.status(jsc.name).state == "running"

    assert call("srun", "-N1", "-n1", "-w", "c1", "uname", "-n").stdout == "c1\n"
    clear(jsc.name)

    soon(lambda: set(states(call).values()) == {"idle"}, "the node does not come back")
    assert set(call("srun", "-N2", "-n2", "uname", "-n").stdout.split()) == {"c1", "c2"}


def test_a_node_that_drains_gets_no_job(call: Call) -> None:
    call("scontrol", "update", "NodeName=c1", "State=DRAIN", "Reason=test", user="root")
    try:
        soon(lambda: "drain" in states(call)["c1"], "c1 does not drain")
        assert call("srun", "-N1", "-n1", "uname", "-n").stdout == "c2\n"
    finally:
        call("scontrol", "update", "NodeName=c1", "State=RESUME", user="root")
    soon(lambda: set(states(call).values()) == {"idle"}, "c1 does not come back")


def test_a_site_has_one_launcher(jsc: SiteStatus) -> None:
    with pytest.raises(LocalSiteError, match=r"runs with other options \(.*launcher"):
        lifecycle.up(jsc.name, options=SiteOptions(speed=Speed.CI))


def test_the_nodes_logs_name_psslurm_and_pspmix(jsc: SiteStatus) -> None:
    for node in jsc.nodes:
        said = Layout(jsc.name).log(node).read_text(errors="replace")
        assert "psslurm" in said
        assert "pspmix" in said

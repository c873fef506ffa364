"""Whatever ends the site, nothing of it stays behind, and the next `up` works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tenacity

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.state import lock, programs
from esd_localsite.state.layout import Layout
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision import daemons

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="looks into, and kills, processes of root: run the tests as root"),
]


@pytest.fixture
def layout(local_site_possible: None) -> Iterator[Layout]:
    """A name of this test session's own; its site is gone afterwards, with its state."""
    layout = Layout(f"cleanup-{os.getpid()}")
    yield layout
    lifecycle.down(layout.name, purge=True)
    assert not layout.state.exists()


def remains(layout: Layout) -> dict[str, list[str]]:
    """Everything of the site that the machine still has, its state directory apart."""
    links = subprocess.run(("ip", "-oneline", "link"), capture_output=True, text=True, check=True).stdout.splitlines()
    found = {
        "processes": processes(layout),
        "interfaces": [link for link in links if layout.interface in link],
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(layout.state) in line],
    }
    return {kind: entries for kind, entries in found.items() if entries}


def processes(layout: Layout) -> list[str]:
    """Processes that have the site's name or state directory in their command line."""
    return [" ".join(words) for words in command_lines().values() if layout.name in words or f"{layout.state}/" in "\n".join(words)]


def command_lines() -> dict[int, list[str]]:
    """Every process of the machine with its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue  # it has ended meanwhile
    return found


def supervisor(layout: Layout) -> int:
    pid = lock.supervisor_pid(layout)
    assert pid is not None
    return pid


@tenacity.retry(stop=tenacity.stop_after_delay(20), wait=tenacity.wait_fixed(0.1), reraise=True)
def assert_nothing_remains(layout: Layout) -> None:
    """After a kill the kernel takes its time: it removes network namespaces in the background."""
    assert remains(layout) == {}


def wait_for_end(layout: Layout) -> None:
    with lock.holding(layout.lock):
        pass


def test_down_leaves_nothing_at_once_and_what_is_kept_stays_the_same(layout: Layout) -> None:
    first = lifecycle.up(layout.name)
    kept = [path.read_bytes() for path in (layout.password, layout.tls.ca)]
    assert set(remains(layout)) == {"processes", "interfaces"}
    lifecycle.down(layout.name)
    assert remains(layout) == {}
    assert lifecycle.status(layout.name).state is State.STOPPED
    lifecycle.down(layout.name)
    assert lifecycle.up(layout.name) == first
    assert [path.read_bytes() for path in (layout.password, layout.tls.ca)] == kept


def test_killing_the_supervisor_ends_everything_and_up_works_again(layout: Layout) -> None:
    lifecycle.up(layout.name)
    os.kill(supervisor(layout), signal.SIGKILL)
    wait_for_end(layout)
    assert lifecycle.status(layout.name).state is State.CRASHED
    assert_nothing_remains(layout)
    assert lifecycle.up(layout.name).state is State.RUNNING


def test_down_after_a_kill_cleans_up_at_once(layout: Layout) -> None:
    lifecycle.up(layout.name)
    os.kill(supervisor(layout), signal.SIGKILL)
    lifecycle.down(layout.name)
    assert remains(layout) == {}
    assert lifecycle.status(layout.name).state is State.STOPPED


@pytest.mark.parametrize("step", ["preparing", "network", "munge", "Slurm's controller", "compute nodes"])
def test_killing_up_while_it_starts_leaves_nothing(layout: Layout, step: str) -> None:
    command = (sys.executable, "-m", "esd_localsite.elevated", "up", layout.name)
    variables = {**os.environ, **daemons.python_environment()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as starting:
        assert starting.stdout is not None
        assert step in (line.strip() for line in starting.stdout)
        starting.kill()
    wait_for_end(layout)
    assert_nothing_remains(layout)
    assert lifecycle.status(layout.name).state is not State.RUNNING
    assert lifecycle.up(layout.name).state is State.RUNNING


def test_a_daemon_that_dies_takes_the_site_down_and_is_named(layout: Layout) -> None:
    lifecycle.up(layout.name)
    os.kill(daemon(f"--socket={layout.munge_socket}"), signal.SIGKILL)
    wait_for_end(layout)
    now = lifecycle.status(layout.name)
    assert now.state is State.CRASHED
    assert f"munged was ended by signal SIGKILL; its log is {layout.log('munged')}" in now.detail
    assert_nothing_remains(layout)


def test_endpoint_registry_and_controller_that_die_are_started_anew(layout: Layout) -> None:
    lifecycle.up(layout.name)
    for word in (str(layout.registry_config), str(layout.unicore_config), "slurmctld"):
        os.kill(daemon(word, str(layout.slurm_conf) if word == "slurmctld" else word), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not (now := lifecycle.look(layout.name)).usable:
        assert time.monotonic() < deadline, now
    assert now.state is State.RUNNING


def daemon(*words: str) -> int:
    """The process whose command line has all of these words."""
    (found,) = (pid for pid, line in command_lines().items() if all(any(part.endswith(word) for part in line) for word in words))
    return found


def test_a_daemon_that_cannot_start_is_named_with_the_end_of_its_log(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    from esd_localsite.cluster import registry

    monkeypatch.setattr(registry, "registry_config", lambda *_: "version: nonsense\n")
    with pytest.raises(
        LocalSiteError, match=r"registry ended with exit code 1; its log is .*registry\.log, which ends with:\nconfiguration error"
    ):
        lifecycle.up(layout.name)
    assert remains(layout) == {}
    assert lifecycle.status(layout.name).state is State.CRASHED


def test_a_supervisor_that_does_not_listen_is_ended_by_force(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    from esd_localsite.supervision import launcher

    lifecycle.up(layout.name)
    os.kill(supervisor(layout), signal.SIGSTOP)
    monkeypatch.setattr(launcher, "_STOP_TIMEOUT_S", 0.5)
    lifecycle.down(layout.name)
    assert remains(layout) == {}


def test_jobs_end_with_the_site_and_do_not_come_back(layout: Layout) -> None:
    site = lifecycle.up(layout.name)
    first = submit(site, "srun -N2 sleep 987654")
    wait_for_sleepers(2)
    os.kill(supervisor(layout), signal.SIGKILL)
    wait_for_end(layout)
    assert sleepers() == []
    lifecycle.up(layout.name)
    assert slurm(site, "squeue", "--noheader") == ""
    assert submit(site, "true") > first


def submit(site: SiteStatus, script: str) -> int:
    """Submit a job as the job user; returns its number."""
    return int(slurm(site, "sbatch", "--parsable", "-N2", "-D", str(site.scratch), f"--wrap={script}"))


def slurm(site: SiteStatus, *argv: str) -> str:
    """What a Slurm command of the job user prints."""
    command = ("setpriv", "--reuid", site.username, "--regid", site.username, "--init-groups", *argv)
    return programs.run(command, extra={"SLURM_CONF": str(site.slurm_conf)})


@tenacity.retry(stop=tenacity.stop_after_delay(20), wait=tenacity.wait_fixed(0.05), reraise=True)
def wait_for_sleepers(count: int) -> None:
    assert len(sleepers()) == count


def sleepers() -> list[int]:
    """The job's tasks, by their command line."""
    return [pid for pid, words in command_lines().items() if words[1:] == ["987654"]]

import os
import subprocess
from pathlib import Path

import pytest

from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.supervision import daemons, real_server
from esd_localsite.supervision.startup import stages


def test_a_node_has_its_own_network_and_its_own_tmp(layout: Layout) -> None:
    argv = daemons.slurmd(layout, "c2").argv
    assert argv[:7] == ("nsenter", "--net=/sites/demo/net/c2", "--", "unshare", "--uts", "--mount", "--")
    assert argv[7:9] == ("sh", "-ec")
    assert argv[10:] == ("sh", "c2", "/sites/demo/nodes/c2/tmp", "slurmd", "-D", "-N", "c2", "-f", "/sites/demo/slurm/slurm.conf")


def test_munge_uses_no_file_of_the_machines_own_munge(layout: Layout) -> None:
    munged = daemons.munged(layout)
    assert munged.user == "munge"
    assert munged.argv == (
        "munged",
        "--foreground",
        "--socket=/sites/demo/munge/socket",
        "--key-file=/sites/demo/munge/key",
        "--pid-file=/sites/demo/munge/pid",
        "--seed-file=/sites/demo/munge/seed",
        "--log-file=/sites/demo/munge/log",
    )


def test_all_slurm_programs_see_the_sites_configuration(layout: Layout) -> None:
    started = (daemons.slurmctld(layout), *daemons.slurmds(layout), daemons.unicore(layout))
    assert {daemon.environment["SLURM_CONF"] for daemon in started} == {"/sites/demo/slurm/slurm.conf"}


def test_the_real_server_has_an_account_of_its_own_and_its_tsi_starts_as_root(layout: Layout) -> None:
    java, tsi = real_server.server(layout, Path("/usr/bin/java"), Path("/jars")), real_server.tsi(layout)
    assert (java.user, tsi.user) == ("unicorex", "root")
    assert java.argv[-5:] == ("-cp", "/jars/*", "eu.unicore.uas.UAS", "/sites/demo/unicorex/conf/unicorex.properties", "unicorex")
    assert tsi.argv[-2:] == ("/sites/demo/unicorex/tsi", "/sites/demo/unicorex/conf/tsi.properties")


def test_jobs_inherit_from_the_tsi_what_a_job_may_have_and_no_more(layout: Layout) -> None:
    assert set(real_server.tsi(layout).environment) == {"SLURM_CONF", "SCRATCH", "BASH_ENV", "SSL_CERT_FILE"}


def test_the_parts_of_the_real_server_are_started_anew(layout: Layout) -> None:
    parts = (real_server.server(layout, Path("/usr/bin/java"), Path("/jars")), real_server.tsi(layout), real_server.front(layout))
    assert [part.restarts for part in parts] == [True, True, True]


def test_every_daemon_is_started_once_and_munge_first(layout: Layout, plan: SitePlan) -> None:
    names = [daemon.name for stage in stages(layout, plan) for daemon in stage.daemons]
    assert names[0] == "munged"
    assert sorted(names) == ["c1", "c2", "login", "munged", "registry", "slurmctld", "unicore"]


def test_what_holds_nothing_in_memory_is_started_anew_and_slurm_then_takes_up_its_jobs(layout: Layout, plan: SitePlan) -> None:
    every = {daemon.name: daemon for stage in stages(layout, plan) for daemon in stage.daemons}
    assert sorted(name for name, daemon in every.items() if daemon.restarts) == ["login", "registry", "slurmctld", "unicore"]
    assert "-c" in every["slurmctld"].argv
    assert "-c" not in every["slurmctld"].anew.argv
    assert every["slurmctld"].anew.argv[-4:] == ("slurmctld", "-D", "-f", "/sites/demo/slurm/slurm.conf")
    assert every["registry"].anew == every["registry"]


@pytest.mark.integration
def test_a_controller_that_is_started_anew_gives_no_number_twice(tmp_path: Path) -> None:
    """Its state on disk is some seconds old: the numbers of the jobs since then would be given again, and Slurm drains nodes for that."""
    layout = Layout("demo", tmp_path)
    layout.first_job.parent.mkdir(parents=True)
    layout.first_job.write_text("FirstJobId=10001\n")
    *shell, _slurmctld, _d, _f, _conf = daemons.slurmctld(layout).anew.argv
    for first in (10251, 10501):
        subprocess.run((*shell, "true"), check=True)
        assert layout.first_job.read_text() == f"FirstJobId={first}\n"


@pytest.mark.integration
def test_a_controller_that_is_started_anew_gives_back_nodes_that_it_drained_for_a_duplicate(tmp_path: Path) -> None:
    """It began a job again that it had just started, for its state was some seconds old; nobody drained the other node for that."""
    layout = Layout("demo", tmp_path)
    layout.first_job.parent.mkdir(parents=True)
    layout.first_job.write_text("FirstJobId=10001\n")
    fakes = {
        "sinfo": """[ "$3" = --states=drained ] && printf 'c1|Duplicate jobid\nc2|disk broken\n'""",
        "scontrol": 'echo "$@" >>told.part && mv told.part told',
        "sleep": "exit 0",
    }
    for name, text in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    *shell, _slurmctld, _d, _f, _conf = daemons.slurmctld(layout).anew.argv
    controller = ("sh", "-c", "until [ -s told ]; do /bin/sleep 0.05; done")
    subprocess.run((*shell, *controller), check=True, cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, timeout=60)
    assert (tmp_path / "told").read_text().splitlines()[0] == "update NodeName=c1 State=RESUME"

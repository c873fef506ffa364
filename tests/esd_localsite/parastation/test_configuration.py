"""ParaStation's configuration files, as text, and its daemon."""

from pathlib import Path

from esd_localsite.parastation.configuration import cpu_maps, daemon_conf, plugin_confs
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Launcher, SiteOptions
from esd_localsite.state.plan import SitePlan
from esd_localsite.supervision.daemons import psid
from esd_localsite.supervision.startup import stages


def test_psids_own_file() -> None:
    assert daemon_conf(Path("/store/key"), (1, 0)).splitlines() == [
        "InstallDir /store/key",
        "CPUmap { 1 0 }",
        "plugins {",
        "  psslurm",
        "  pspmix",
        "}",
        "Nodes {",
        "  c1 0",
        "  c2 1",
        "  login 2",
        "}",
    ]


def test_the_nodes_begin_at_different_ends_of_the_processors_that_they_share() -> None:
    assert cpu_maps(4) == {"c1": (0, 1, 2, 3), "c2": (3, 2, 1, 0)}
    assert cpu_maps(1) == {"c1": (0,), "c2": (0,)}


def test_the_plugins_files(layout: Layout) -> None:
    confs = plugin_confs(layout, "24.11.5")
    assert set(confs) == {"psslurm.conf", "jail.conf", "pspmix.conf"}
    assert {"SLURM_CONFIG_DIR=/sites/demo/slurm", "SLURM_PROTO_VERSION=24.11", "SKIP_CORE_VERIFICATION=1"} <= set(
        confs["psslurm.conf"].splitlines()
    )
    assert {line.partition("=")[2] for line in confs["jail.conf"].splitlines()} == {"/usr/bin/true"}


def test_a_node_has_its_own_network_tmp_run_and_spool(layout: Layout) -> None:
    argv = psid(layout, "c2").argv
    assert argv[:7] == ("nsenter", "--net=/sites/demo/net/c2", "--", "unshare", "--uts", "--mount", "--")
    assert argv[10:13] == ("sh", "c2", "/sites/demo/nodes/c2/tmp")
    assert argv[-10:-7] == ("/sites/demo/munge/socket", "/sites/demo/parastation/plugins", "/sites/demo/nodes/c2/spool")
    assert argv[-7:] == (
        "/sites/demo/parastation/installed/sbin/psid",
        "-f",
        "/sites/demo/parastation/c2.conf",
        "-l",
        "stderr",
        "-d",
        "0",
    )


def test_it_takes_the_place_of_slurmd(layout: Layout, plan: SitePlan) -> None:
    there = plan.model_copy(update={"options": SiteOptions(launcher=Launcher.PARASTATION)})
    programs = [" ".join(daemon.argv) for stage in stages(layout, there) for daemon in stage.daemons]
    assert not [text for text in programs if "slurmd " in text]
    assert len([text for text in programs if "/psid " in text]) == 2

import pytest

from esd_localsite.cluster.slurm import cgroup_conf, slurm_conf
from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Launcher, PartitionOption, SiteOptions, Speed
from esd_localsite.state.plan import SitePlan


def test_slurm_conf(layout: Layout, plan: SitePlan) -> None:
    assert slurm_conf(layout, plan, cpus=2).splitlines() == [
        "ClusterName=demo",
        "SlurmctldHost=login(10.231.7.1)",
        "SlurmctldPort=20001",
        "CommunicationParameters=NoCtldInAddrAny",
        "Include /sites/demo/slurm/first-job.conf",
        "SlurmUser=root",
        "SlurmdUser=root",
        "AuthType=auth/munge",
        "CredType=cred/munge",
        "AuthInfo=socket=/sites/demo/munge/socket",
        "StateSaveLocation=/sites/demo/slurmctld",
        "SlurmdSpoolDir=/sites/demo/nodes/%n/spool",
        "SlurmctldPidFile=/sites/demo/slurmctld/slurmctld.pid",
        "SlurmdPidFile=/sites/demo/nodes/%n/slurmd.pid",
        "SlurmdTimeout=30",
        "SlurmctldTimeout=30",
        "MessageTimeout=20",
        "ReturnToService=2",
        "MailProg=/bin/true",
        "MpiDefault=pmix",
        "ProctrackType=proctrack/linuxproc",
        "SelectType=select/cons_tres",
        "SlurmdParameters=config_overrides",
        "PropagateResourceLimits=NONE",
        "SchedulerType=sched/backfill",
        "SchedulerParameters=sched_interval=5,sched_min_interval=0,bf_interval=2",
        "KillWait=5",
        "JobRequeue=0",
        "DisableRootJobs=YES",
        "EnforcePartLimits=ALL",
        "JobAcctGatherType=jobacct_gather/none",
        "JobCompType=jobcomp/filetxt",
        "JobCompLoc=/sites/demo/log/jobs.log",
        "TaskPlugin=task/none",
        "SelectTypeParameters=CR_CPU",
        "NodeName=c1 NodeAddr=10.231.7.11 CPUs=2 RealMemory=12000",
        "NodeName=c2 NodeAddr=10.231.7.12 CPUs=2 RealMemory=12000",
        "PartitionName=batch Nodes=c1,c2 Default=YES MaxTime=1440 DefaultTime=60 State=UP",
    ]


def test_a_site_that_offers_other_plugins_partitions_and_times(layout: Layout, plan: SitePlan) -> None:
    partitions = (PartitionOption(name="devel", minutes=30), PartitionOption(name="batch"), PartitionOption(name="booster", nodes=("c2",)))
    options = SiteOptions(mpi=("pspmix", "pmi2"), partitions=partitions, speed=Speed.REALISTIC)
    lines = slurm_conf(layout, plan.model_copy(update={"options": options}), cpus=2).splitlines()
    assert {"PluginDir=/sites/demo/slurm/plugins", "MpiDefault=pspmix"} <= set(lines)
    assert not [line for line in lines if line.startswith("SchedulerParameters")]
    assert [line for line in lines if line.startswith("PartitionName")] == [
        "PartitionName=devel Nodes=c1,c2 Default=YES MaxTime=30 DefaultTime=30 State=UP",
        "PartitionName=batch Nodes=c1,c2 Default=NO MaxTime=1440 DefaultTime=60 State=UP",
        "PartitionName=booster Nodes=c2 Default=NO MaxTime=1440 DefaultTime=60 State=UP",
    ]


def test_what_psslurm_wants_instead(layout: Layout, plan: SitePlan) -> None:
    options = SiteOptions(launcher=Launcher.PARASTATION)
    usual = slurm_conf(layout, plan, cpus=4).splitlines()
    lines = slurm_conf(layout, plan.model_copy(update={"options": options}), cpus=4).splitlines()
    assert [line for line in lines if line not in usual] == [
        "PluginDir=/sites/demo/slurm/plugins",
        "MpiDefault=pspmix",
        "TaskPlugin=task/affinity",
        "TaskPluginParam=Threads",
        "SelectTypeParameters=CR_Core",
        "PrologSlurmctld=/usr/bin/true",
        "AccountingStoragePass=/sites/demo/munge/socket",
        "PrologFlags=Alloc,DeferBatch",
        "NodeName=c1 NodeAddr=10.231.7.11 CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=12000",
        "NodeName=c2 NodeAddr=10.231.7.12 CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=12000",
    ]
    assert {line for line in usual if line not in lines} >= {"MpiDefault=pmix", "TaskPlugin=task/none", "SelectTypeParameters=CR_CPU"}


@pytest.mark.parametrize(
    ("version", "plugin"),
    [
        ("slurm-wlm 22.05.8", "cgroup/v1"),
        ("slurm 23.02.7", "cgroup/v1"),
        ("slurm-wlm 23.11.4", "disabled"),
        ("slurm-wlm 24.11.5", "disabled"),
    ],
)
def test_the_machines_cgroups_are_not_looked_at(version: str, plugin: str) -> None:
    assert cgroup_conf(version) == f"CgroupPlugin={plugin}\n"

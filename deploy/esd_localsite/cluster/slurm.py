"""The site's Slurm: its configuration as text."""

import re

from esd_localsite.state.layout import LOGIN, NODES, Layout
from esd_localsite.state.options import Launcher, PartitionOption, Speed
from esd_localsite.state.plan import SitePlan


def slurm_conf(layout: Layout, plan: SitePlan, cpus: int) -> str:
    """slurm.conf. Each node offers all `cpus` of the machine. The two nodes share them, which affects timings."""
    return "\n".join(
        (
            *_daemons(layout, plan),
            *_mpi(layout, plan),
            *_jobs(layout, plan.options.speed),
            *_starts(layout, plan.options.launcher),
            *_nodes(plan, cpus),
            "",
        )
    )


def first_job_conf(plan: SitePlan) -> str:
    """The file that slurm.conf includes: the first job number, which rises each time the controller is restarted."""
    return f"FirstJobId={plan.first_job}\n"


def cgroup_conf(version: str) -> str:
    """cgroup.conf for the version that `slurmd -V` reports. Nothing here uses cgroups, and in containers they are often not writable.

    Slurm before 23.11 has no such setting. It inspects the machine's cgroups when it chooses a plugin, and fails on some of them.
    Once the plugin for the first version is chosen, it checks nothing.
    """
    found = re.search(r"(\d+)\.(\d+)", version)
    known = found is not None and (int(found[1]), int(found[2])) >= (23, 11)
    return f"CgroupPlugin={'disabled' if known else 'cgroup/v1'}\n"


def _daemons(layout: Layout, plan: SitePlan) -> tuple[str, ...]:
    return (
        f"ClusterName={plan.name}",
        f"SlurmctldHost={LOGIN}({plan.address(LOGIN)})",
        f"SlurmctldPort={plan.ports.slurmctld}",
        "CommunicationParameters=NoCtldInAddrAny",  # on the site's own network only
        f"Include {layout.first_job}",
        "SlurmUser=root",  # a separate user could not write the state directory, and would gain nothing on one machine
        "SlurmdUser=root",
        "AuthType=auth/munge",
        "CredType=cred/munge",
        f"AuthInfo=socket={layout.munge_socket}",
        f"StateSaveLocation={layout.slurm_state}",
        f"SlurmdSpoolDir={layout.node('%n')}/spool",
        f"SlurmctldPidFile={layout.slurm_state}/slurmctld.pid",
        f"SlurmdPidFile={layout.node('%n')}/slurmd.pid",
        "SlurmdTimeout=30",
        "SlurmctldTimeout=30",
        "MessageTimeout=20",  # two busy cores are slow to answer
        "ReturnToService=2",
        "MailProg=/bin/true",
    )


def _mpi(layout: Layout, plan: SitePlan) -> tuple[str, ...]:
    if plan.options.launcher is Launcher.PARASTATION:
        return (f"PluginDir={layout.mpi_plugins}", "MpiDefault=pspmix")  # JSC sets SLURM_MPI_TYPE=pspmix for everyone
    if not plan.options.mpi:
        return ("MpiDefault=pmix",)
    return (f"PluginDir={layout.mpi_plugins}", f"MpiDefault={plan.options.mpi[0]}")


def _jobs(layout: Layout, speed: Speed) -> tuple[str, ...]:
    return (
        "ProctrackType=proctrack/linuxproc",  # works without cgroups, which containers and old kernels lack
        "SelectType=select/cons_tres",
        "SlurmdParameters=config_overrides",  # both nodes may offer all processors of the machine
        "PropagateResourceLimits=NONE",  # the site's root may lack CAP_SYS_RESOURCE, and then cannot raise any limit
        "SchedulerType=sched/backfill",
        *(() if speed is Speed.REALISTIC else ("SchedulerParameters=sched_interval=5,sched_min_interval=0,bf_interval=2",)),
        "KillWait=5",
        "JobRequeue=0",  # a job that dies with its node has failed: nobody expects Slurm to run it again
        "DisableRootJobs=YES",
        "EnforcePartLimits=ALL",
        "JobAcctGatherType=jobacct_gather/none",
        "JobCompType=jobcomp/filetxt",
        f"JobCompLoc={layout.state}/log/jobs.log",
    )


def _starts(layout: Layout, launcher: Launcher) -> tuple[str, ...]:
    """What depends on the daemon of the nodes."""
    if launcher is Launcher.SLURMD:
        return ("TaskPlugin=task/none", "SelectTypeParameters=CR_CPU")
    return (
        "TaskPlugin=task/affinity",  # this and the next are told to psslurm, which binds the ranks itself
        "TaskPluginParam=Threads",
        "SelectTypeParameters=CR_Core",  # psslurm refuses CR_CPU
        "PrologSlurmctld=/usr/bin/true",  # psslurm refuses to start without one,
        f"AccountingStoragePass={layout.munge_socket}",  # psslurm marks its messages as signed by the global munge, which this names
        "PrologFlags=Alloc,DeferBatch",  # in which it learns of a job; a batch script that comes earlier fails ("no allocation for job")
    )


def _nodes(plan: SitePlan, cpus: int) -> tuple[str, ...]:
    inner = f" Sockets=1 CoresPerSocket={cpus} ThreadsPerCore=1" if plan.options.launcher is Launcher.PARASTATION else ""
    nodes = (f"NodeName={node} NodeAddr={plan.address(node)} CPUs={cpus}{inner} RealMemory={plan.node_memory_mb}" for node in NODES)
    return (*nodes, *(_partition(option, default=option is plan.options.partitions[0]) for option in plan.options.partitions))


def _partition(option: PartitionOption, *, default: bool) -> str:
    times = f"MaxTime={option.minutes} DefaultTime={min(option.minutes, 60)}"
    return f"PartitionName={option.name} Nodes={','.join(option.nodes)} Default={'YES' if default else 'NO'} {times} State=UP"

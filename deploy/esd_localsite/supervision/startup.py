"""The order in which a site starts: pure, so that it can be read and tested before anything starts."""

from collections.abc import Callable
from dataclasses import dataclass

from esd_localsite.state.layout import Layout
from esd_localsite.state.options import Launcher, Server
from esd_localsite.state.plan import SitePlan
from esd_localsite.supervision import daemons, readiness, real_server
from esd_localsite.supervision.daemons import Daemon
from esd_localsite.unicorex.places import Places
from esd_localsite.unicorex.programs.jars import UNICOREX, kept
from esd_localsite.unicorex.programs.java import find_java


@dataclass(frozen=True)
class Stage:
    """Daemons that start together, and the question that needs the answer yes before the next stage starts."""

    title: str
    daemons: tuple[Daemon, ...]
    is_ready: Callable[[], bool]


def stages(layout: Layout, plan: SitePlan) -> tuple[Stage, ...]:
    """All stages in order. The registry starts slowly and nothing waits for it, so it starts early and is asked late."""
    registry, unicore = (daemons.docker_registry(layout), daemons.registry_login(layout)), _unicore(layout, plan)
    ends = (
        Stage("registry", (), lambda: readiness.registry_answers(layout, plan)),
        Stage("UNICORE/X", (), lambda: readiness.server_takes_jobs(layout, plan))
        if plan.options.server is Server.UNICOREX
        else Stage("UNICORE endpoint", (), lambda: readiness.unicore_answers(layout, plan)),
    )
    if not layout.needs_root:
        return (Stage("registry and endpoint", (*registry, *unicore), lambda: True), *ends)
    return (
        Stage("munge", (daemons.munged(layout), *registry), lambda: readiness.munge_answers(layout)),
        Stage("Slurm's controller", (daemons.slurmctld(layout),), lambda: readiness.controller_answers(layout)),
        Stage("compute nodes", (*_nodes(layout, plan), *unicore), lambda: readiness.nodes_idle(layout)),
        *ends,
    )


def _nodes(layout: Layout, plan: SitePlan) -> tuple[Daemon, ...]:
    """The daemon of each compute node: Slurm's own, or ParaStation's."""
    return daemons.psids(layout) if plan.options.launcher is Launcher.PARASTATION else daemons.slurmds(layout)


def _unicore(layout: Layout, plan: SitePlan) -> tuple[Daemon, ...]:
    """This project's endpoint, or the real server with its TSI and front."""
    if plan.options.server is Server.OWN:
        return (daemons.unicore(layout),)
    java = real_server.server(layout, find_java(), kept(Places(layout).jars, UNICOREX))
    return (*((real_server.tsi(layout),) if layout.needs_root else ()), java, real_server.front(layout))

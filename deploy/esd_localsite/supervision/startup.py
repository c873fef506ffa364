"""The order in which a site comes up: pure, so that it can be read and tested before anything starts."""

from collections.abc import Callable
from dataclasses import dataclass

from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.supervision import daemons, readiness
from esd_localsite.supervision.daemons import Daemon


@dataclass(frozen=True)
class Stage:
    """Some daemons that start together, and the question that must be answered with yes before the next stage starts."""

    title: str
    daemons: tuple[Daemon, ...]
    is_ready: Callable[[], bool]


def stages(layout: Layout, plan: SitePlan) -> tuple[Stage, ...]:
    """All stages in order; the registry takes its time to start and nothing waits for it, so it comes early and is asked late."""
    registry = daemons.docker_registry(layout)
    ends = (
        Stage("registry", (), lambda: readiness.registry_answers(layout, plan)),
        Stage("UNICORE endpoint", (), lambda: readiness.unicore_answers(layout, plan)),
    )
    if not layout.needs_root:
        return (Stage("registry and endpoint", (registry, daemons.unicore(layout)), lambda: True), *ends)
    return (
        Stage("munge", (daemons.munged(layout), registry), lambda: readiness.munge_answers(layout)),
        Stage("Slurm's controller", (daemons.slurmctld(layout),), lambda: readiness.controller_answers(layout)),
        Stage("compute nodes", (*daemons.slurmds(layout), daemons.unicore(layout)), lambda: readiness.nodes_idle(layout)),
        *ends,
    )

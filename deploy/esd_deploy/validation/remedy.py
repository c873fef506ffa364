"""`--suggest`: tries the known remedies for a failed wire-up, one at a time in one job, and proposes the smallest change that helps."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.checks.transport import transports
from esd_deploy.validation.terms.launcher import RANKS_PER_NODE, TALK, srun
from esd_deploy.validation.terms.observations import Facts, NotUnderstoodError, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict

HELPED = ("plugin", "pmix", "pmix-folder", "user-namespace", "wireup-node", "wireup-nodes", "transport-node")
"""Checks whose failure the remedies may cure."""
_LIMIT_S = 30
_ANYWHERE = {"OMPI_MCA_opal_common_ucx_tls": "any", "OMPI_MCA_opal_common_ucx_devices": "any"}
_ADDITIONS: tuple[Mapping[str, str], ...] = (
    {"PMIX_MCA_gds": "hash"},
    {"PMIX_MCA_psec": "native"},
    {"PMIX_MCA_psec": "munge"},
    {"OMPI_MCA_pml": "ucx"},
    {"OMPI_MCA_pml": "ucx", **_ANYWHERE},
    {"OMPI_MCA_pml": "ob1"},
)


class _Exchanged(Facts):
    size: int
    namespace: str
    node: str


@dataclass(frozen=True)
class Remedy:
    """A change to a site's file, in words, and the changed site."""

    change: str
    site: SiteConfig


def remedies(site: SiteConfig, plugins: Iterable[str]) -> tuple[Remedy, ...]:
    """The remedies for this site, the smallest change first. Pure."""
    return (*_without(site), *_other_plugins(site, plugins), *_binds(site), *_sharens(site), *_added(site))


def steps(found: Iterable[Remedy], nodes: int) -> tuple[Step, ...]:
    """A step for each remedy, in which all ranks of all nodes exchange messages."""
    return tuple(
        Step(f"remedy-{number}", _line(remedy.site, Shape(nodes, RANKS_PER_NODE)), _LIMIT_S) for number, remedy in enumerate(found)
    )


def bare(site: SiteConfig) -> SiteConfig:
    """The site for the job around these steps; each step has its own environment."""
    return site.model_copy(update={"environment": {}})


def suggestion(found: Iterable[Remedy], observed: Observations) -> str:
    """The first remedy that helps, as lines for the site's file."""
    tried = tuple(found)
    for number, remedy in enumerate(tried):
        output = observed.output(f"remedy-{number}")
        if output is not None and _helps(output, observed.nodes):
            return f"with this change in the site's file, all ranks exchange messages, through memory within a node:\n{remedy.change}"
    return f"none of {len(tried)} known remedies helps: {'; '.join(remedy.change.splitlines()[0].strip() for remedy in tried)}"


def wanted(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether the verdicts have a failure that the remedies may cure."""
    return any(name in verdicts and verdicts[name].outcome == "failed" for name in HELPED)


def idle(verdicts: Mapping[str, Verdict]) -> str:
    """The answer of `--suggest` if the remedies cannot cure any failure."""
    if all(verdict.outcome != "failed" for verdict in verdicts.values()):
        return ""
    return "nothing was tried: the remedies help only if ranks do not find each other, or not through memory; neither check failed here"


def _helps(output: Output, nodes: int) -> bool:
    if not output.succeeded:
        return False
    try:
        ranks = output.facts(_Exchanged)
    except NotUnderstoodError:
        return False
    used = transports(output.stdout + output.stderr, between_nodes=False)
    together = len({rank.namespace for rank in ranks}) == len({rank.node for rank in ranks}) == nodes
    return (
        {rank.size for rank in ranks} == {nodes * RANKS_PER_NODE} == {len(ranks)}
        and together
        and used.kinds == {"memory"}
        and not used.errors
    )


def _line(site: SiteConfig, shape: Shape) -> tuple[str, ...]:
    environment = (f"{name}={value}" for name, value in launch.variables(site, shape).items())
    return (*TALK, *environment, *srun(site, shape), *launch.container(site), "python3", "esd/exchange.py")


def _without(site: SiteConfig) -> Iterable[Remedy]:
    for name, value in site.environment.items():
        rest = {key: other for key, other in site.environment.items() if key != name}
        yield Remedy(f"environment: remove {name} ({value})", site.model_copy(update={"environment": rest}))


def _other_plugins(site: SiteConfig, plugins: Iterable[str]) -> Iterable[Remedy]:
    for plugin in plugins:
        if "pmi" in plugin and plugin != site.mpi:
            yield Remedy(f"mpi: {plugin}", site.model_copy(update={"mpi": plugin}))


def _binds(site: SiteConfig) -> Iterable[Remedy]:
    if "/tmp" not in site.binds:  # noqa: S108 - where PMIx servers meet their clients
        wider = (*site.binds, "/tmp")  # noqa: S108
        yield Remedy(f"binds: [{', '.join(wider)}]", site.model_copy(update={"binds": wider}))


def _sharens(site: SiteConfig) -> Iterable[Remedy]:
    yield Remedy(f"sharens: {str(not site.sharens).lower()}", site.model_copy(update={"sharens": not site.sharens}))


def _added(site: SiteConfig) -> Iterable[Remedy]:
    for addition in _ADDITIONS:
        if any(site.environment.get(name) != value for name, value in addition.items()):
            lines = "\n".join(f"  {name}: {shlex.quote(value)}" for name, value in addition.items())
            change = f"environment: add {', '.join(f'{name}={value}' for name, value in addition.items())}\n{lines}"
            yield Remedy(change, site.model_copy(update={"environment": {**site.environment, **addition}}))

"""All topics in their order, and which of their checks a call asks for. A new check is in its topic's module, and nowhere else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esd_build.data.documents import choose
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.check import Check, verdict
from esd_deploy.validation.checks import container, image, leftovers, messages, mpi, nest, osu, performance, site, starts, testsuite, wireup
from esd_deploy.validation.launcher import Launcher
from esd_deploy.validation.observations import Observations
from esd_deploy.validation.reference import References, compared
from esd_deploy.validation.step import Step
from esd_deploy.validation.verdict import Verdict

TOPICS = tuple(
    module.TOPIC for module in (site, image, container, mpi, wireup, starts, messages, nest, testsuite, osu, performance, leftovers)
)
"""In the order in which their steps run and their checks are told. What one rests on stands before it."""
CHECKS: tuple[Check, ...] = tuple(check for topic in TOPICS for check in topic.checks)
_SEVERAL = frozenset(check.name for check in CHECKS if check.several_nodes)
TAGS = frozenset(tag for check in CHECKS for tag in check.tags)


@dataclass(frozen=True)
class Selection:
    """What a call asks for: names of checks, or tags of several."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    quick: bool = False


def select(selection: Selection) -> tuple[Check, ...]:
    """The checks of a selection; raises UsageError for an unknown name or tag. The job itself is always judged."""
    words = {check.name for check in CHECKS} | TAGS
    for word in (*selection.only, *selection.skip):
        choose(word, words, what="check or tag")
    return tuple(check for check in CHECKS if check.name == "job" or _wanted(check, selection))


def _wanted(check: Check, selection: Selection) -> bool:
    own = {check.name, *check.tags}
    if own & set(selection.skip):
        return False
    if selection.only:
        return check.name in selection.only or (bool(check.tags & set(selection.only)) and not check.on_request)
    return not check.on_request and (check.quick or not selection.quick)


def with_needs(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks and all that they rest on, in the suite's order."""
    known = {check.name: check for check in CHECKS}

    def closure(name: str) -> Iterator[str]:
        yield name
        for need in known[name].needs:
            yield from closure(need)

    names = {name for check in checks for name in closure(check.name)}
    return tuple(check for check in CHECKS if check.name in names)


def all_steps(place: SiteConfig, nodes: int) -> tuple[Step, ...]:
    """Every step that any check looks at, in the order in which they run."""
    at = Launcher(place, nodes)
    return tuple(step for topic in TOPICS for step in topic.steps(at))


def chosen(steps: Iterable[Step], names: Iterable[str]) -> tuple[Step, ...]:
    """Those of the steps that are needed, in their order."""
    wanted = set(names)
    return tuple(step for step in steps if step.name in wanted)


def step_names(checks: Iterable[Check]) -> frozenset[str]:
    """The steps that these checks look at; the image is pulled for every one."""
    return frozenset({"pull", "node", *(step for check in checks for step in (*check.steps, *check.around))})


def judge(checks: Iterable[Check], observed: Observations, references: References) -> dict[str, Verdict]:
    """The verdicts by check, in the suite's order. Pure."""
    found: dict[str, Verdict] = {}
    for check in checks:
        # What cannot be looked at on one node does not stand in the way of what can.
        earlier = {name: known for name, known in found.items() if observed.nodes > 1 or name not in _SEVERAL}
        verdict_ = verdict(check, observed, earlier)
        found[check.name] = compared(verdict_, references) if "performance" in check.tags else verdict_
    return found

"""Lists all topics in order, and selects checks. A new check needs only its topic's module; a new topic is named in TOPICS."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esd_build.data.names import choose
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.checks import container, image, leftovers, messages, mpi, nest, osu, performance, site, starts, testsuite, wireup
from esd_deploy.validation.reference import References, compared
from esd_deploy.validation.terms.check import Check, verdict
from esd_deploy.validation.terms.launcher import Launcher
from esd_deploy.validation.terms.observations import Observations
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict

TOPICS = tuple(
    module.TOPIC for module in (site, image, container, mpi, wireup, starts, messages, nest, testsuite, osu, performance, leftovers)
)
"""All topics, in the order of their steps and checks. A check comes after those that it needs."""
CHECKS: tuple[Check, ...] = tuple(check for topic in TOPICS for check in topic.checks)
_SEVERAL = frozenset(check.name for check in CHECKS if check.several_nodes)
TAGS = frozenset(tag for check in CHECKS for tag in check.tags)


@dataclass(frozen=True)
class Selection:
    """The user's selection: names of checks, or tags."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    quick: bool = False


def select(selection: Selection) -> tuple[Check, ...]:
    """The checks of a selection, always with the check of the job itself. Raises UsageError for an unknown name or tag."""
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
    """The checks and all checks that they need, in the suite's order."""
    known = {check.name: check for check in CHECKS}

    def closure(name: str) -> Iterator[str]:
        yield name
        for need in known[name].needs:
            yield from closure(need)

    names = {name for check in checks for name in closure(check.name)}
    return tuple(check for check in CHECKS if check.name in names)


def all_steps(place: SiteConfig, nodes: int) -> tuple[Step, ...]:
    """The steps of all checks, in the order in which they run."""
    at = Launcher(place, nodes)
    return tuple(step for topic in TOPICS for step in topic.steps(at))


def chosen(steps: Iterable[Step], names: Iterable[str]) -> tuple[Step, ...]:
    """The named steps, in order."""
    wanted = set(names)
    return tuple(step for step in steps if step.name in wanted)


def step_names(checks: Iterable[Check]) -> frozenset[str]:
    """Names of the steps that these checks need; always with the pull of the image."""
    return frozenset({"pull", "node", *(step for check in checks for step in (*check.steps, *check.around))})


def judge(checks: Iterable[Check], observed: Observations, references: References) -> dict[str, Verdict]:
    """The verdict of each check, in the suite's order. Pure."""
    found: dict[str, Verdict] = {}
    for check in checks:
        # A check that needs two nodes does not block the others on one node.
        earlier = {name: known for name, known in found.items() if observed.nodes > 1 or name not in _SEVERAL}
        verdict_ = verdict(check, observed, earlier)
        found[check.name] = compared(verdict_, references) if "performance" in check.tags else verdict_
    return found

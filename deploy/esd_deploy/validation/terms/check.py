"""One check: its steps, the checks that it needs, and its judgement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esd_deploy.validation.terms.launcher import Launcher
from esd_deploy.validation.terms.observations import NotUnderstoodError, Observations, Output
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import Verdict, failed, skipped, unknown

Judge = Callable[[Observations], Verdict]


def tags(text: str) -> frozenset[str]:
    """Words that select several checks at once."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Check:
    """One check. `needs`: checks that must pass before this one means anything; `advice`: what to do if one of its steps hangs.

    `around`: it compares before and after. `parts`: its steps are parts of one whole; its judgement reports those that hung or did not run.
    """

    name: str
    title: str
    tags: frozenset[str]
    judge: Judge
    steps: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    advice: str = ""
    quick: bool = True
    on_request: bool = False
    several_nodes: bool = False
    around: tuple[str, ...] = ()
    parts: bool = False


@dataclass(frozen=True)
class Topic:
    """One module of `checks`: the steps that it adds to the job, and the checks that judge their output."""

    checks: tuple[Check, ...]
    steps: Callable[[Launcher], tuple[Step, ...]] = lambda _at: ()


def verdict(check: Check, observed: Observations, earlier: Mapping[str, Verdict]) -> Verdict:
    """The verdict of one check, with the verdicts of the earlier checks. Pure."""
    if check.several_nodes and observed.nodes < 2:
        return skipped("the validation ran on one node")
    for need in check.needs:
        if need in earlier and earlier[need].outcome != "passed":
            return skipped(f"needs '{need}', which is {earlier[need].outcome}")
    for step in () if check.parts else check.steps:
        found = _unusable(check, observed, observed.output(step), step)
        if found is not None:
            return found
    try:
        return check.judge(observed)
    except NotUnderstoodError as error:
        return _not_understood(check, observed, str(error))


def _unusable(check: Check, observed: Observations, output: Output | None, step: str) -> Verdict | None:
    if output is None or output.code is None:
        return unknown(f"step '{step}' {'did not run' if output is None else 'was cut off'}: {observed.job.why}")
    if output.hung:
        return failed(f"step '{step}' hung: it did not end within {output.limit_s} s{output.aside}", check.advice)
    return None


def _not_understood(check: Check, observed: Observations, reason: str) -> Verdict:
    """Output that nobody understands: `failed` if the step failed, `unknown` if it ended well."""
    outputs = [observed.output(step) for step in check.steps]
    broken = next((output for output in outputs if output is not None and output.code), None)
    if broken is None:
        return unknown(reason)
    advice = check.advice or "see the step's output in the validation's folder"
    return failed(f"step '{broken.step}' ends with {broken.code}: {broken.last_words}", advice)

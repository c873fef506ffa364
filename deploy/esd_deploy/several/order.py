"""Runs that begin when others have ended well (--after)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from esd_build.data.errors import EsdError
from esd_deploy.display.progress import Display
from esd_deploy.plans.plan import Plan
from esd_deploy.records import record
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.several import selection
from esd_deploy.sites import familiar

Load = Callable[[str], Site]


class PredecessorError(EsdError):
    """A run that had to end well did not (exit code 1)."""


def predecessors(runs: Path, words: Iterable[str]) -> tuple[str, ...]:
    """The ids that are meant. Raises UsageError for an unknown one, PredecessorError for one that is known to have failed."""
    known = [record.own(runs, selection.one(runs, word)) for word in words]
    for one in known:
        if one.ended:
            _require_well(one)
    return tuple(dict.fromkeys(one.id for one in known))


def in_order(place: Site, plan: Plan, runs: Path, display: Display, *, load: Load = Site.load) -> Plan:
    """The plan, once it may be submitted: all of `plan.after` have ended well, or Slurm itself will hold its batch job until they have.

    Slurm can where the job itself calls sbatch (`submit: sbatch`) and the other run is at the same site: UNICORE knows no dependencies.
    Otherwise this waits. Raises PredecessorError where one did not end well; then nothing is submitted.
    """
    numbers: list[str] = []
    for run_id in plan.after:
        known = record.own(runs, run_id)
        if not known.ended:
            numbers += _held_or_over(_opened(place, known, runs, display, load), place, plan, display)
    return replace(plan, dependencies=tuple(numbers))


def _opened(place: Site, known: RunRecord, runs: Path, display: Display, load: Load) -> Run:
    here = _is_at(known, place)
    site = place if here else load(familiar.site_of(known.site, known.site_file))
    return site.run(known.id, runs=runs, display=display)


def _is_at(known: RunRecord, place: Site) -> bool:
    return (known.site, known.site_file) == (place.config.name, place.config.file)


def _held_or_over(run: Run, place: Site, plan: Plan, display: Display) -> Sequence[str]:
    """The batch job that Slurm waits for; empty once the run has ended well."""
    if not run.refresh().ended and plan.site.submit == "sbatch" and plan.mode != "login" and _is_at(run.record, place):
        found = run.batch_jobs()
        if found:
            display.step(f"Slurm begins this run when batch job {found[-1]} of run {run.id} has ended with 0")
            return found[-1:]
    if not run.record.ended:
        display.step(f"waiting for the end of run {run.id}; nothing is submitted before that, so keep this command running")
        run.wait()
    _require_well(run.record)
    return ()


def _require_well(one: RunRecord) -> None:
    if not one.succeeded:
        how = one.ending.kind if one.ending else f"{one.status}, exit code {one.exit_code}"
        raise PredecessorError(
            f"run {one.id}, which was to come first, did not end well ({how}); nothing was submitted. `esd-deploy show {one.id}` says more"
        )

"""Slurm's own word on a local site's batch jobs, beside the runs that a client knows: read from the site's disk and its queue, as root.

The local site keeps no accounting database, so `sacct` has nothing to tell there. Slurm's log of ended jobs and `squeue` have the same
list.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esd_deploy.records.record import RunRecord

_STATE = Path("/var/lib/esd-localsite")
_ENDED = re.compile(r"^JobId=(\d+) .* JobState=(\S+) .* WorkDir=(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class BatchJob:
    """One job by its number; the state is its last one."""

    number: int
    state: str
    folder: Path

    @property
    def note(self) -> str:
        """What it decided in the run's folder; empty if its script never began. Words of job/claim.sh."""
        try:
            return (self.folder / "esd" / "jobs" / str(self.number)).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""


def of_slurm(site: str) -> dict[int, BatchJob]:
    """All jobs of the site, by number: those that ended, and those that wait or run. One that Slurm began again is one job."""
    ended = _ENDED.findall((_STATE / site / "log" / "jobs.log").read_text(encoding="utf-8", errors="replace"))
    command = ("squeue", "--all", "--noheader", "--format=%A %T %Z")
    environment = {**os.environ, "SLURM_CONF": str(_STATE / site / "slurm" / "slurm.conf")}
    queued = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = (*ended, *(line.split(maxsplit=2) for line in queued.splitlines()))
    return {int(number): BatchJob(int(number), state, Path(folder)) for number, state, folder in rows}


def folder_of(site: str, one: RunRecord) -> Path:
    """A run's folder at the site."""
    return _STATE / site / "uspace" / str(one.job.url).rpartition("/")[2]


@dataclass(frozen=True)
class Comparison:
    """`jobs`: all of Slurm's; `worked`: those that ran a program; `spare`: those that gave way, obeyed, or never began."""

    runs: int
    jobs: int
    worked: int
    spare: int
    odd: tuple[str, ...]


def compared(jobs: Iterable[BatchJob], runs: Mapping[Path, RunRecord]) -> Comparison:
    """Whether one batch job worked for each run that Slurm got, and none is known to nobody. `runs`: by their folder at the site."""
    of_run: dict[Path, list[BatchJob]] = {}
    for job in jobs:
        of_run.setdefault(job.folder, []).append(job)
    odd = [
        f"batch job {job.number} ({job.state}) in {folder} belongs to no run" for folder in of_run.keys() - runs for job in of_run[folder]
    ]
    worked = 0
    for folder, one in runs.items():
        mine = of_run.get(folder, [])
        working = [job.number for job in mine if job.note == "works"]
        worked += len(working)
        odd += [
            f"{one.id}: batch job {job.number} is still {job.state}" for job in mine if job.state in {"PENDING", "RUNNING", "SUSPENDED"}
        ]
        if len(working) > 1 or (one.succeeded and not working):
            odd.append(f"{one.id}: {len(working)} of its batch jobs worked: {working}")
    every = sum(map(len, of_run.values()))
    return Comparison(sum(folder in of_run for folder in runs), every, worked, every - worked, tuple(sorted(odd)))

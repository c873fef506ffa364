"""Many runs at a local site that breaks at random: whether any result is lost, any job made twice, any token seen.

    python benchmarks/deploy/soak.py --site NAME --runs 200      (root; the site is up, the image nest:edge is in its registry)

Each run is `esd-deploy run` as a user calls it, some killed by SIGKILL on the way and taken up by `attach`. A run that a fault ended
(a node that died) is one that the site lost, not the client: it must be reported as such, and is then repeated by `rerun`.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from batch_jobs import Comparison, compared, folder_of, of_slurm
from compared import differences, gave_way, worked
from frost import Frost
from leaks import Leaks
from tokens_for_tests import TokenFile
from weather import Weather

from esd_deploy import Site
from esd_deploy.records import record
from esd_deploy.records.record import RunRecord

DEPLOY = str(Path(sys.executable).with_name("esd-deploy"))
JOB = Path(__file__).with_name("soak_job.py")
TRIES = 40
KILLED = 0.15


def expected(number: int) -> str:
    """The hash of what job `number` writes; as in soak_job.py."""
    return hashlib.sha256(random.Random(number).randbytes(300_000)).hexdigest()


@dataclass
class Tally:
    """What happened."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1


@dataclass(frozen=True)
class Soak:
    """One soak: where, and what is noted."""

    site_file: Path
    folder: Path
    tally: Tally
    tag: str
    """Of this soak only: an earlier one at the same site has left jobs, too."""
    end: float
    """No run begins after this (`time.monotonic()`); those that have begun come to their end."""

    def call(self, number: int, *arguments: str, kill: bool = False) -> int:
        """One command of a user; its output is kept, for it may not hold a token either."""
        log = self.folder / f"{number}.log"
        verb, *rest = arguments
        command = (DEPLOY, verb, "--output", str(self.folder / "runs" / str(number)), *rest)
        with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL) as process:
            if kill:
                time.sleep(random.uniform(0.5, 6))
                process.kill()
                self.tally.add("clients killed")
        return process.returncode

    def known(self, number: int) -> list[RunRecord]:
        folder = self.folder / "runs" / str(number)
        return [record.load(folder, run_id) for run_id in record.known(folder)]

    def one(self, number: int) -> None:
        """One run to its result, whatever it takes a user."""
        if time.monotonic() > self.end:
            return
        self.tally.add("runs")
        begin = ("run", str(JOB), "--site", str(self.site_file), "--image", "nest:edge", "--tag", self.tag)
        for attempt in range(TRIES):
            runs = self.known(number)
            open_runs = [one for one in runs if not one.ended or one.ending is None or (one.succeeded and one.missing)]
            kill = random.random() < KILLED and attempt < 4
            if any(self.has_result(number, one) for one in runs):
                return
            if open_runs:
                self.tally.add("attach")
                self.call(number, "attach", open_runs[-1].id, kill=kill)
            elif runs:
                self.tally.endings[str(runs[-1].ending and runs[-1].ending.kind)] += 1
                self.tally.add("rerun after the site lost a job")
                self.call(number, "rerun", runs[-1].id, kill=kill)
            else:
                self.call(number, *begin, "--", str(number), kill=kill)
        self.tally.lost.append(f"{number}: {[(one.id, one.status, one.ending) for one in self.known(number)]}")

    def has_result(self, number: int, one: RunRecord) -> bool:
        """Whether a run succeeded, and its file is here, and is the right one."""
        if not one.succeeded or one.ending is None or one.missing:
            return False  # what did not come was told; `attach` fetches it
        found = {file.path: file for file in one.files}.get("result.bin")
        content = (self.folder / "runs" / str(number) / one.id / "result.bin").read_bytes() if found else b""
        right = found is not None and found.checked and found.sha256 == expected(number) == hashlib.sha256(content).hexdigest()
        if not right:
            self.tally.lost.append(f"{number}: {one.id} succeeded, but its result is not right: {found}")
        return True


def duplicates(soak: Soak, runs: int) -> tuple[int, list[str]]:
    """How many jobs of this soak are at the site, and which of them are not the one job of a run, or are missing."""
    place = Site.load(str(soak.site_file))
    at_site = set(place.connect().find(soak.tag))
    ours = {one.job.url for number in range(runs) for one in soak.known(number) if one.job.url}
    return len(at_site), sorted(map(str, at_site ^ ours))


def folders(soak: Soak, runs: int, site: str) -> tuple[list[str], list[str], int]:
    """What is not as at the site; runs whose program ran more than once; and batch jobs that gave way to another one of their run."""
    false: list[str] = []
    twice: list[str] = []
    gone = 0
    for number in range(runs):
        for one in soak.known(number):
            if not one.job.url:
                continue
            there = folder_of(site, one)
            if one.complete and one.succeeded:
                false += differences(one, soak.folder / "runs" / str(number) / one.id, there)
            if worked(there) > 1 or (one.succeeded and worked(there) != 1):
                twice.append(f"{one.id}: its program ran {worked(there)} times")
            gone += gave_way(there)
    return false, twice, gone


def batch_jobs(soak: Soak, runs: int, site: str, before: set[int]) -> Comparison:
    """The batch jobs that Slurm has had since the soak began, beside the runs."""
    ours = {folder_of(site, one): one for number in range(runs) for one in soak.known(number) if one.job.url}
    return compared((job for number, job in of_slurm(site).items() if number not in before), ours)


def site_file(name: str, token: Path, folder: Path) -> Path:
    """The site with a bearer token from a file, in place of the password."""
    status = json.loads(Path(f"/var/lib/esd-localsite/{name}/status.json").read_text())
    lines = (
        "kind: unicore",
        "description: the soak's site",
        f"url: {status['unicore_url']}",
        f"registry: {status['registry']}",
        f"ca_file: {status['ca_file']}",
        f"credentials: {{token_file: {token}}}",
        "mpi: pmix",
        "binds: [/tmp]",
        "limits: {nodes: 2, time_s: 3600, default_time_s: 600}",
        "poll_s: 1",
    )
    path = folder / "soak.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def main() -> None:
    """Run the soak and print its table; exit code 1 unless nothing was lost, doubled or seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=600, help="no run begins later")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--calm", type=float, default=1, help="faults and freezes come so many times more rarely: a real server starts slowly"
    )
    given = parser.parse_args()
    random.seed(given.seed)
    folder = Path(tempfile.mkdtemp(prefix="esd-soak-"))
    tokens = TokenFile(given.site, folder / "token")
    end = time.monotonic() + 60 * given.minutes
    soak = Soak(site_file(given.site, tokens.path, folder), folder, Tally(), folder.name, end)
    weather, leaks, begun = Weather(given.site, rarer=given.calm), Leaks(tokens), time.monotonic()
    frost, before = Frost(given.site, rarer=given.calm), set(of_slurm(given.site))
    with tokens, leaks, weather, frost, ThreadPoolExecutor(given.at_once) as pool:
        list(pool.map(soak.one, range(given.runs)))
    jobs, odd = duplicates(soak, given.runs)
    seen = leaks.found_in(folder, Path(f"/var/lib/esd-localsite/{given.site}"))
    false, twice, gone = folders(soak, given.runs, given.site)
    report(soak.tally, weather, jobs, odd, seen, (soak.tally.counts["runs"], len(tokens.all), time.monotonic() - begun))
    batch = batch_jobs(soak, given.runs, given.site, before)
    frozen = ", ".join(f"{count} x {seconds} s" for seconds, count in sorted(frost.frozen.items())) or "never"
    print(f"| results that are not byte by byte as at the site | {len(false)} |")
    print(f"| programs that ran more than once / batch jobs that gave way to another of their run | {len(twice)} / {gone} |")
    counts = f"{batch.runs} / {batch.jobs} / {batch.worked} / {batch.spare}"
    print(f"| runs that Slurm got / its batch jobs / those that worked / those that gave way or never began | {counts} |")
    print(f"| batch jobs of no run, still there, or a second one that worked | {len(batch.odd)} |")
    print(f"| controller frozen | {frozen} |")
    for line in (*false, *twice, *batch.odd):
        print(f"  {line}")
    print(f"kept: {folder}")
    sys.exit(1 if soak.tally.lost or odd or seen or false or twice or batch.odd else 0)


def report(
    tally: Tally,
    weather: Weather,
    jobs: int,
    odd: list[str],
    seen: list[str],
    sizes: tuple[int, int, float],
) -> None:
    """The table, in Markdown."""
    runs, tokens, seconds = sizes
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(weather.thrown.items()))
    endings = ", ".join(f"{kind} {count}" for kind, count in tally.endings.items()) or "none"
    rows = {
        "runs": runs,
        "lost results": len(tally.lost),
        "jobs at the site / more or fewer than one for a run": f"{jobs} / {len(odd)}",
        f"places where one of {tokens} tokens or the password was seen": len(seen),
        "faults thrown": f"{sum(weather.thrown.values())}: {faults}",
        "clients killed by SIGKILL": tally.counts["clients killed"],
        "`attach` after a client died or gave up": tally.counts["attach"],
        "jobs that the site lost, repeated by `rerun`": f"{tally.counts['rerun after the site lost a job']} ({endings})",
        "minutes": f"{seconds / 60:.1f}",
    }
    print("| | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    for line in (*tally.lost, *odd, *seen):
        print(f"  {line}")


if __name__ == "__main__":
    main()

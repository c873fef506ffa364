"""Many runs at once: what submitting, listing and watching them costs, and whether each is one job with its result here.

    python benchmarks/deploy/many.py --site NAME [--runs 500] [--folder F]      (root; the local site NAME is up, nest:edge in its registry)

Each run is a job of a second in the container, all submitted by one `esd-deploy submit --count`. What the site did is taken from
Slurm's log of ended jobs, not from what the client wrote. Exit code 1 unless there is one job for a run, and all results are here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from batch_jobs import folder_of, of_slurm
from overhead import DEPLOY, site_file

from esd_deploy import Site
from esd_deploy.records import listing

PROGRAM = "import os, time\ntime.sleep(1)\nopen('result.txt', 'w').write('run ' + os.environ['ESD_RUN_INDEX'])\n"
NOT_ONE = "runs with more or fewer than one Slurm job"


@dataclass(frozen=True)
class Cost:
    """One command: seconds by the clock, seconds of processor time, peak memory."""

    what: str
    seconds: float
    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        return f"| {self.what} | {self.seconds:.1f} | {self.cpu_s:.1f} | {self.peak_mb:.0f} |"


def measure(what: str, *arguments: str) -> Cost:
    """Run one command of esd-deploy to its end."""
    begun = time.monotonic()
    process = subprocess.Popen((DEPLOY, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"esd-deploy {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(what, time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def verdict(site: str, file: Path, runs: Path, expected: int) -> dict[str, tuple[int, int]]:
    """The site's own word beside the records: what was counted, and what it must be."""
    records = list(listing.records(runs))
    place = Site.load(str(file))
    connection = place.connect()
    at_site = Counter(url for one in records for url in connection.find(one.id))
    batch = Counter(job.folder for job in of_slurm(site).values())
    folders = [folder_of(site, one) for one in records]
    contents = Counter((runs / one.id / "result.txt").read_text() for one in records if (runs / one.id / "result.txt").is_file())
    counted = {
        "runs": len(records),
        "of them succeeded": sum(one.succeeded for one in records),
        "UNICORE jobs with their tags": sum(at_site.values()),
        "Slurm jobs of these": sum(batch[folder] for folder in folders),
        NOT_ONE: sum(batch[folder] != 1 for folder in folders),
        "results here, each once": sum(count == 1 for text, count in contents.items() if text.startswith("run ")),
        "results checked by hash": sum(any(file.path == "result.txt" and file.checked for file in one.files) for one in records),
    }
    return {name: (number, 0 if name == NOT_ONE else expected) for name, number in counted.items()}


def good(rows: dict[str, tuple[int, int]]) -> bool:
    """Whether each count is what it must be."""
    return all(counted == expected for counted, expected in rows.values())


def main() -> None:
    """Submit, list, watch, compare; the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where an earlier call submitted its --runs: only watch and compare")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="esd-many-"))
    file, script, runs = site_file(given.site, folder), folder / "second.py", folder / "runs"
    kept = ("--output", str(runs))
    costs = []
    if given.folder is None:
        script.write_text(PROGRAM)
        submit = ("submit", str(script), "--site", str(file), "--image", "nest:edge", "--count", str(given.runs), *kept)
        costs.append(measure(f"submit --count {given.runs}", *submit))
        print(costs[-1], f"kept: {folder}", flush=True)
    costs.append(measure("list", "list", *kept))
    costs.append(measure("list --refresh", "list", "--refresh", *kept))
    costs.append(measure("list --json", "list", "--json", *kept))
    costs.append(measure("watch, to the last result", "watch", *kept))
    rows = verdict(given.site, file, runs, given.runs)
    print("| | seconds | processor seconds | peak memory, MB |\n|---|---|---|---|", *costs, "", sep="\n")
    print("| | |\n|---|---|", *(f"| {name} | {value} |" for name, (value, _) in rows.items()), "", sep="\n")
    print(json.dumps({"kept": str(folder)}))
    sys.exit(0 if good(rows) else 1)


if __name__ == "__main__":
    main()

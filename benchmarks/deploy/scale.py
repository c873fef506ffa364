"""Results at scale: ten thousand files, and one of 5 GB; with the time that they take and the client's memory.

    python benchmarks/deploy/scale.py --site SITE.yaml [--files 10000] [--gigabytes 5]

The site is up, the image nest:edge is in its registry. Prints a table in Markdown; exit code 1 unless every file arrived whole.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from esd_deploy.records import record

DEPLOY = str(Path(sys.executable).with_name("esd-deploy"))
MANY = "from pathlib import Path\nfor i in range({count}):\n    Path(f'out-{{i}}.txt').write_text(f'{{i}}\\n' * 20)\n"
LARGE = "block = bytes(range(256)) * 4096\nwith open('large.bin', 'wb') as file:\n    for _ in range({count}):\n        file.write(block)\n"
MIB_PER_GB = 954


@dataclass(frozen=True)
class Row:
    """One measurement; `peak_mb` is the client's largest memory."""

    what: str
    files: int
    megabytes: float
    seconds: float
    peak_mb: float
    whole: bool

    def __str__(self) -> str:
        rate = self.megabytes / self.seconds
        return (
            f"| {self.what} | {self.files} | {self.megabytes:,.0f} | {self.seconds:.1f} | {rate:.1f} | {self.peak_mb:.0f} | {self.whole} |"
        )


def measure(site: str, what: str, program: str, folder: Path) -> Row:
    """Run a program at the site without fetching; then fetch, and look at that."""
    script = folder / "make.py"
    script.write_text(program)
    runs = folder / what.replace(" ", "-")
    submit = (DEPLOY, "submit", str(script), "--site", site, "--image", "nest:edge", "--output", str(runs))
    run_id = subprocess.run(submit, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    watch = (DEPLOY, "watch", "--no-fetch", "--interval", "1", "--output", str(runs))
    subprocess.run(watch, check=True, stdout=subprocess.DEVNULL)
    begun = time.monotonic()
    process = subprocess.Popen((DEPLOY, "fetch", run_id, "--output", str(runs)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    files = record.load(runs, run_id).files
    made = [file for file in files if file.path.startswith(("out-", "large"))]
    whole = status == 0 and all(file.checked and (runs / run_id / file.path).stat().st_size == file.size for file in made)
    return Row(what, len(made), sum(file.size for file in made) / 1e6, seconds, _megabytes(usage), whole)


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--gigabytes", type=float, default=5)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="esd-scale-"))
    try:
        rows = [measure(given.site, "one small file", MANY.format(count=1), folder)]
        rows += [measure(given.site, "many files", MANY.format(count=given.files), folder)] if given.files else []
        count = int(given.gigabytes * MIB_PER_GB)
        rows += [measure(given.site, "one large file", LARGE.format(count=count), folder)] if count else []
    finally:
        shutil.rmtree(folder)
    print("| | files | MB | seconds to fetch | MB/s | client's memory, MB | whole |\n|---|---|---|---|---|---|---|")
    print("\n".join(map(str, rows)))
    sys.exit(0 if all(row.whole for row in rows) else 1)


if __name__ == "__main__":
    main()

"""The same binaries in the container and outside of it, measured several times over: median and range of all pairs.

    python benchmarks/validation/ratio.py --site S [--image nest] [--jobs 3]

Each job is `esd-deploy validate --only ratio`: three pairs, one after the other, on one node. Meant for a machine that does nothing else;
the load before each job is printed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from esd_build.registry import PublishedImage
from esd_deploy.runs.site import Site
from esd_deploy.validation.checks.performance import ratios
from esd_deploy.validation.reports.document import collect
from esd_deploy.validation.suite import all_steps
from esd_deploy.validation.terms import observations
from esd_deploy.validation.terms.observations import Observations


def job(site: str, image: str, folder: Path) -> None:
    """One validation; its verdict goes to the terminal."""
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    command = [str(Path(sys.executable).with_name("esd-deploy")), "validate", "--site", site, "--image", image]
    subprocess.run([*command, "--only", "ratio", "--output", str(folder)], check=False)


def pairs(site: Site, image: PublishedImage, folder: Path) -> dict[str, list[float]]:
    """The ratios of all pairs of all jobs in a folder."""
    found: dict[str, list[float]] = {}
    for report in collect(folder):
        outputs = observations.read(folder / report.id, all_steps(site.config, report.nodes))
        for name, values in ratios(Observations(site.config, image, report.nodes, outputs)).items():
            found.setdefault(name, []).extend(values)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True)
    parser.add_argument("--image", default="nest")
    parser.add_argument("--jobs", type=int, default=3)
    given = parser.parse_args()
    site = Site.load(given.site)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.jobs):
            job(given.site, given.image, Path(folder))
        found = pairs(site, site.published(given.image), Path(folder))
    print("| container / bare | median | range | pairs |\n|---|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | {median(values):.3f} | {min(values):.3f} to {max(values):.3f} | {len(values)} |")


if __name__ == "__main__":
    main()

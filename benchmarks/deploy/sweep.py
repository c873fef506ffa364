"""A sweep of many runs: one command submits it, one follows it, one shows its table; how long each takes.

    python benchmarks/deploy/sweep.py --site NAME [--runs 100]      (root; the local site NAME is up, nest:edge in its registry)

Each run is a NEST network of a second with its own seed, in the container. Exit code 1 unless the table has a row with a rate for each.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from many import measure
from overhead import DEPLOY, site_file

PROGRAM = """\
import json, os
import nest
nest.set_verbosity("M_ERROR")
nest.rng_seed = int(os.environ["ESD_PARAM_seed"])
cells, recorder = nest.Create("iaf_psc_alpha", 100, params={"I_e": 370.0}), nest.Create("spike_recorder")
noise = nest.Create("poisson_generator", params={"rate": 8000.0})
nest.Connect(noise, cells, syn_spec={"weight": 5.0})
nest.Connect(cells, recorder)
nest.Simulate(200.0)
json.dump({"rate_hz": recorder.n_events / 100 / 0.2}, open("metrics.json", "w"))
"""


def main() -> None:
    """Submit, submit again, follow, show; the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--runs", type=int, default=100)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="esd-sweep-"))
    file, script, kept = site_file(given.site, folder), folder / "seeds.py", ("--output", str(folder / "runs"))
    script.write_text(PROGRAM)
    submit = ("submit", str(script), "--site", str(file), "--image", "nest:edge", "--param", f"seed=1..{given.runs}", *kept)
    costs = [
        measure(f"submit --param seed=1..{given.runs}", *submit),
        measure("watch --tag sweep-seeds, to the last result", "watch", "--tag", "sweep-seeds", *kept),
        measure("the same submit again: nothing is left to do", *submit),
        measure("list --table", "list", "--table", "--tag", "sweep-seeds", *kept),
    ]
    table = subprocess.run((DEPLOY, "list", "--csv", "--tag", "sweep-seeds", *kept), capture_output=True, text=True, check=True).stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    good = {int(row["param.seed"]) for row in rows if row["metric.rate_hz"]}
    print("| | seconds | processor seconds | peak memory, MB |\n|---|---|---|---|", *costs, "", sep="\n")
    print(f"{len(rows)} rows, {len(good)} seeds with a rate; kept: {folder}")
    sys.exit(0 if len(rows) == given.runs and good == set(range(1, given.runs + 1)) else 1)


if __name__ == "__main__":
    main()

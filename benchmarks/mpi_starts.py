r"""How often an MPI program dies at its start, and what a start costs: many short job steps in one allocation, variants in turns.

    esd-deploy local up --name S
    .venv/bin/python benchmarks/mpi_starts.py --name S --sif dist/images/nest-edge.sif --starts 500 \
        [--site FILE] [--tasks-per-node 2] [--load 2] [--variant run --variant before:SLURM_PMIX_FENCE=mixed] [--log FILE]

Each start is `srun … apptainer exec … python3 start.py` with the command line and the variables that a run of esd-deploy gets,
and ends after one allreduce. The steps follow each other in one allocation of two nodes; jobs of their own would add Slurm's scheduling
and nothing that MPI sees. `--load` processes keep processors busy all the while. `--site`: the site's file, where it differs from that of a
usual local site, as with another launcher. A variant is a name and the environment variables that it sets besides those of a run; a slash
in a value stands for a comma.
`--log` adds each start to a file of JSON lines, and the table is of the whole file: 500 starts may be measured in parts. Needs root (the
job runs as the site's user).
"""

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Launch, Shape
from esd_deploy.runs.site import Site

USER = "esd"
LIMIT_S = 60
PROGRAM = """\
import sys
from mpi4py import MPI
world = MPI.COMM_WORLD
if world.allreduce(1) != int(sys.argv[1]):
    sys.exit(f"{world.size} ranks, not {sys.argv[1]}")
"""
LOOP = """\
import json, os, subprocess, sys, time
plan = json.load(open(sys.argv[1]))
with open("starts.jsonl", "w", buffering=1) as results:
    for number in range(plan["starts"]):
        for name, variables in plan["variants"].items():
            begun = time.monotonic()
            step = subprocess.run(["timeout", "--kill-after=5", plan["limit_s"], *plan["argv"]], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **variables})
            said = step.stdout.decode(errors="replace") if step.returncode else ""
            results.write(json.dumps({"variant": name, "number": number, "code": step.returncode,
                "seconds": time.monotonic() - begun, "said": said[-6000:]}) + "\\n")
"""


@dataclass(frozen=True)
class Start:
    """One start: its variant, exit code, seconds, and what it printed if it failed."""

    variant: str
    number: int
    code: int
    seconds: float
    said: str

    @property
    def signature(self) -> str:
        """How it failed, in few words; empty where it did not."""
        if not self.code:
            return ""
        signal = re.search(r"Signal: (.*)", self.said)
        frame = re.search(r"\[ [1-9]\] \S*?([\w.-]+)\((\w*)[+)]", self.said)
        at = re.search(r"Failing at address: (\S+)", self.said)
        if signal is None:
            return f"exit code {self.code}: {(self.said.strip().splitlines() or ['nothing printed'])[0][:120]}"
        return f"{signal[1]} in {frame[2] or frame[1] if frame else 'unknown'} at {at[1] if at else 'unknown'}"


def site_file(name: str, given: Path, folder: Path) -> Path:
    """The settings of `given` for the local site of that name."""
    text = given.read_text(encoding="utf-8")
    path = folder / "local.yaml"
    path.write_text(text.replace("/esd-localsite/local/", f"/esd-localsite/{name}/"), encoding="utf-8")
    return path


def start(site: Site, shape: Shape, sif: Path) -> Launch:
    """The command line of one start, as esd-deploy launches a program."""
    return Launch(launch.srun(site.config, shape), launch.container(site.config, str(sif)), ("python3", "start.py", str(shape.ranks)))


def variant(text: str) -> tuple[str, dict[str, str]]:
    """`NAME:VARIABLE=VALUE,…` taken apart."""
    name, _, settings = text.partition(":")
    pairs = (setting.partition("=") for setting in settings.split(",") if setting)
    return name, {key: value.replace("/", ",") for key, _, value in pairs}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    started = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def logged(log: Path | None, starts: list[Start]) -> list[Start]:
    """These starts and those that the log holds from before; they are added to it."""
    if log is None:
        return starts
    with log.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(vars(start)) + "\n" for start in starts)
    return [Start(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def measure(site: Site, plan: dict[str, object], environment: dict[str, str]) -> list[Start]:
    """Run the job in a folder of its own on the site's scratch, and read what it noted."""
    status = json.loads(site.config.status_file.read_text(encoding="utf-8")) if site.config.status_file else {}
    folder = Path(tempfile.mkdtemp(prefix="mpi-starts-", dir=status["scratch"]))
    for name, text in {"start.py": PROGRAM, "loop.py": LOOP, "plan.json": json.dumps(plan)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.chown(folder, USER)
    batch = (
        "sbatch",
        "--wait",
        "--nodes=2",
        "--exclusive",
        "--time=240",
        "--quiet",
        "--output=job.out",
        "--wrap=python3 loop.py plan.json",
    )
    command = ("su", USER, "-s", "/bin/sh", "-c", f"cd {folder} && {shlex.join(batch)}")
    variables = {"PATH": os.environ["PATH"], "SLURM_CONF": status["slurm_conf"], "SCRATCH": status["scratch"], **environment}
    subprocess.run(command, check=True, env=variables)
    starts = [Start(**json.loads(line)) for line in (folder / "starts.jsonl").read_text(encoding="utf-8").splitlines()]
    shutil.rmtree(folder)
    return starts


def table(starts: list[Start]) -> str:
    """Markdown: failures and seconds of each variant, then how often each signature was seen."""
    lines = ["| variant | starts | failed | median, s | 95 %, s | most, s |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(start.variant for start in starts):
        own = [start for start in starts if start.variant == name]
        seconds = sorted(start.seconds for start in own)
        tail = seconds[int(0.95 * (len(seconds) - 1))]
        failed = sum(1 for start in own if start.code)
        lines.append(f"| {name} | {len(own)} | {failed} | {statistics.median(seconds):.2f} | {tail:.2f} | {seconds[-1]:.2f} |")
    seen = Counter((start.variant, start.signature) for start in starts if start.code)
    return "\n".join([*lines, *(f"{name}: {count} x {signature}" for (name, signature), count in seen.items())])


def main() -> None:
    """Measure, print the table, and keep every start where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--site", type=Path, default=Path("site-configs/local.yaml"))
    parser.add_argument("--sif", type=Path, required=True)
    parser.add_argument("--starts", type=int, default=500)
    parser.add_argument("--tasks-per-node", type=int, default=1)
    parser.add_argument("--load", type=int, default=2)
    parser.add_argument("--variant", action="append", default=[])
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site.load(str(site_file(given.name, given.site, Path(folder))))
    shape = Shape(2, given.tasks_per_node)
    line = start(site, shape, given.sif.resolve())
    variants = dict(variant(text) for text in given.variant or ["run"])
    print(f"{line}\nload {os.getloadavg()[0]:.1f} and {given.load} busy processes", flush=True)
    plan = {"starts": given.starts, "variants": variants, "argv": line.argv, "limit_s": str(LIMIT_S)}
    with busy(given.load):
        starts = measure(site, plan, launch.variables(site.config, shape))
    print(table(logged(given.log, starts)))


if __name__ == "__main__":
    main()

"""What esd-deploy costs: time from the call to the results here, less the program's own run time, beside sbatch and polling by hand.

    python benchmarks/deploy/overhead.py --site NAME [--repeat 5]        (root; the local site NAME is up, nest:edge in its registry)

By hand: the script that `esd-deploy script` prints, `sbatch`, `squeue` every second, `cp`: no wire-up check, no versions, no record.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOY = str(Path(sys.executable).with_name("esd-deploy"))
PROGRAM = "import time, pathlib\ntime.sleep(5)\npathlib.Path('out.txt').write_text('done')\n"
OWN_S = 5.0


def site_file(name: str, folder: Path) -> Path:
    """The local site with its standard settings."""
    path = folder / "site.yaml"
    lines = (
        "kind: unicore",
        "description: the site measured",
        f"status_file: /var/lib/esd-localsite/{name}/status.json",
        "mpi: pmix",
        "binds: [/tmp]",
        "limits: {nodes: 2, time_s: 3600}",
        "poll_s: 1",
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def with_deploy(site: Path, script: Path, folder: Path, checkout: Path | None = None) -> float:
    """One run by esd-deploy, this one's or another checkout's: seconds."""
    code = {"PYTHONPATH": f"{checkout / 'deploy'}:{checkout / 'build'}"} if checkout else {}
    begun = time.monotonic()
    command = (DEPLOY, "run", str(script), "--site", str(site), "--image", "nest:edge", "--output", str(folder / "runs"))
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **code})
    return time.monotonic() - begun


def by_hand(name: str, batch: str, script: Path, folder: Path) -> float:
    """The same by sbatch, asking squeue every second: seconds."""
    status = json.loads(Path(f"/var/lib/esd-localsite/{name}/status.json").read_text())
    work = Path(tempfile.mkdtemp(dir=status["scratch"]))
    (work / script.name).write_text(script.read_text())
    (work / "job.sh").write_text(batch)
    shutil.chown(work, "esd")
    environment = {**os.environ, "SLURM_CONF": status["slurm_conf"], "SCRATCH": status["scratch"]}

    def slurm(*argv: str) -> str:
        command = ("su", "esd", "-s", "/bin/sh", "-c", f"cd {work} && {shlex.join(argv)}")
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.strip()

    begun = time.monotonic()
    job = slurm("sbatch", "--parsable", "job.sh")
    while slurm("squeue", "--noheader", f"--jobs={job}", "--states=PENDING,CONFIGURING,RUNNING,COMPLETING"):
        time.sleep(1)
    shutil.copy(work / "out.txt", folder)
    seconds = time.monotonic() - begun
    shutil.rmtree(work)
    return seconds


def main() -> None:
    """Alternate all, so that the machine's mood hits all; print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--other", type=Path, help="another checkout (or its deploy/ and build/), measured beside this one")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="esd-overhead-"))
    folder.chmod(0o755)
    script, site = folder / "sleep5.py", site_file(given.site, folder)
    script.write_text(PROGRAM)
    with_deploy(site, script, folder)  # the image comes into the cache
    print_script = (DEPLOY, "script", str(script), "--site", str(site), "--image", "nest:edge")
    batch = subprocess.run(print_script, check=True, stdout=subprocess.PIPE, text=True).stdout
    ways = {"esd-deploy run": lambda: with_deploy(site, script, folder)}
    if given.other:
        ways[f"esd-deploy run of {given.other.name}"] = lambda: with_deploy(site, script, folder, given.other)
    ways["sbatch, squeue every second, cp"] = lambda: by_hand(given.site, batch, script, folder)
    rounds = [{name: way() - OWN_S for name, way in ways.items()} for _ in range(given.repeat)]
    print("| | median, s | best, s | worst, s |\n|---|---|---|---|")
    for name in ways:
        own = [times[name] for times in rounds]
        print(f"| {name} | {statistics.median(own):.1f} | {min(own):.1f} | {max(own):.1f} |")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

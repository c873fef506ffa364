"""What the client adds between a submission and the batch queue, beside the same job made by the fewest requests there can be.

    python benchmarks/deploy/to_queue.py --site NAME [--repeat 7]        (root; the local site NAME is up, nest:edge in its registry)

A run's way: `Site.submit` in a Python that is there. By hand: make the job, wait for its folder, send the same files, start it; one
connection. Both end when the server has written the script that it hands to `sbatch`, by the file's own time.
"""

import argparse
import json
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx
from overhead import site_file

from esd_deploy import Site

UPLOAD = {"Content-Type": "application/octet-stream"}
WAIT_S = 300.0


T = TypeVar("T")


def until(look: Callable[[], T], what: str) -> T:
    """What `look` finds at last."""
    end = time.monotonic() + WAIT_S
    while not (found := look()):
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {WAIT_S:.0f} s")
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class There:
    """The local site, by the client and without it; `uspace` has the jobs' folders."""

    site: Site
    web: httpx.Client
    uspace: Path
    folder: Path

    def handed_over(self, job: str) -> float:
        """When the server wrote the batch script: seconds since 1970."""
        folder = self.of(job)
        return until(lambda: [path.stat().st_mtime for path in folder.glob("bss_submit_*")], f"{job}: no batch script")[0]

    def of(self, job: str) -> Path:
        return self.uspace / job.rpartition("/")[2]

    def by_deploy(self, script: Path) -> tuple[float, str]:
        """Seconds, and the job."""
        begun = time.time()
        job = str(self.site.submit(script, image="nest:edge", runs=self.folder / "runs").record.job.url)
        return self.handed_over(job) - begun, job

    def by_hand(self, job: str) -> float:
        """Another job like this one, once it has ended: seconds."""
        until(lambda: self.web.get(job).json()["status"] in {"SUCCESSFUL", "FAILED"}, job)
        description = self.web.get(f"{job}/submitted").json()
        files = {name: (self.of(job) / name).read_bytes() for name in sent(self.of(job))}
        begun = time.time()
        made = self.web.post("jobs", json=description).headers["Location"]
        folder = self.web.get(made).json()["_links"]["workingDirectory"]["href"]
        until(lambda: self.web.get(folder).json()["resourceStatus"] == "READY", "the job's folder")
        for name, content in files.items():
            self.web.put(f"{folder}/files/{quote(name)}", content=content, headers=UPLOAD).raise_for_status()
        self.web.post(f"{made}/actions/start", json={}).raise_for_status()
        return self.handed_over(made) - begun


def sent(folder: Path) -> list[str]:
    """What was staged: the program and the scripts, which are all older than the batch script."""
    (batch,) = (path.stat().st_mtime for path in folder.glob("bss_submit_*"))
    plain = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mtime < batch)
    return [name for path in plain if not (name := path.relative_to(folder).as_posix()).startswith((".UNICORE", "UNICORE_", "std"))]


@contextmanager
def opened(name: str, folder: Path) -> Iterator[There]:
    """The site by its name."""
    state = Path("/var/lib/esd-localsite") / name
    status = json.loads((state / "status.json").read_text())
    login = (status["username"], Path(status["password_file"]).read_text().strip())
    verify = ssl.create_default_context(cafile=status["ca_file"])
    asks = {"headers": {"Accept": "application/json"}, "timeout": 120}
    with httpx.Client(base_url=f"{status['unicore_url']}/", auth=login, verify=verify, trust_env=False, **asks) as web:
        yield There(Site.load(str(site_file(name, folder))), web, state / "uspace", folder)


def main() -> None:
    """Alternate both; a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="esd-to-queue-"))
    script = folder / "program.py"
    script.write_text("print('done')\n")
    client, plain = [], []
    with opened(given.site, folder) as there:
        for _ in range(given.repeat + 1):
            seconds, job = there.by_deploy(script)
            client.append(seconds)
            plain.append(there.by_hand(job))
    rows = {"`Site.submit`": client[1:], "by hand": plain[1:]}  # the first round fills caches and pulls the image
    rows["difference"] = [one - other for one, other in zip(*rows.values(), strict=True)]
    print("| | median, s | best, s | worst, s |\n|---|---|---|---|")
    for name, found in rows.items():
        print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} |")


if __name__ == "__main__":
    main()

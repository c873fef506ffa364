"""What the client adds between a submission and the batch queue, beside the same job made by the fewest requests there can be.

    python benchmarks/deploy/to_queue.py --site NAME [--repeat 7]        (root; the local site NAME is up, nest:edge in its registry)

Four ways take turns: the command `esd-deploy submit`; `Site.submit` in a Python that is there; by hand, with the files that the client
sends; and bare, with the program alone and a precommand that does nothing. By hand and bare: make the job, wait for its folder, send the
files, start it, over one connection. Each ends when the server has written the script that it hands to `sbatch`, by the file's own time.
At last, the whole of a small run, by the command `esd-deploy run`.
"""

import argparse
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx
from overhead import DEPLOY, site_file

from esd_deploy import Site
from esd_deploy.backends.unicore.session import HEADER
from esd_deploy.runs.run import Run

UPLOAD = {"Content-Type": "application/octet-stream"}
PROGRAM = b"print('done')\n"
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


def renew(web: httpx.Client) -> None:
    """A new session: a server keeps five for each user and forgets the oldest, and the ways before this one had theirs."""
    web.headers.pop(HEADER, None)
    web.headers[HEADER] = web.get("").headers[HEADER]


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

    def by_command(self, word: str) -> tuple[float, str]:
        """`esd-deploy WORD` with the program: seconds to its end, and the job."""
        (script := self.folder / "program.py").write_bytes(PROGRAM)
        runs = Path(tempfile.mkdtemp(dir=self.folder))
        begun = time.time()
        command = (DEPLOY, word, str(script), "--site", str(self.folder / "site.yaml"), "--image", "nest:edge", "--output", str(runs))
        subprocess.run(command, check=True, capture_output=True)
        whole = time.time() - begun
        (record,) = (json.loads(path.read_text()) for path in runs.glob("*/run.json"))
        job = record["job"]["url"]
        return (self.handed_over(job) - begun if word == "submit" else whole), job

    def by_deploy(self) -> tuple[float, Run]:
        """Seconds, and the run."""
        begun = time.time()
        run = self.site.submit(self.folder / "program.py", image="nest:edge", runs=self.folder / "runs")
        return self.handed_over(str(run.record.job.url)) - begun, run

    def ended(self, job: str) -> None:
        """So that no way is slowed by the job of another."""
        renew(self.web)
        until(lambda: self.web.get(job).json()["status"] in {"SUCCESSFUL", "FAILED"}, job)

    def by_hand(self, description: Mapping[str, object], files: Mapping[str, bytes]) -> tuple[float, str]:
        """A job with these files: seconds, and the job."""
        renew(self.web)
        begun = time.time()
        answer = self.web.post("jobs", json=description)
        answer.raise_for_status()
        made = answer.headers["Location"]
        folder = self.web.get(made).json()["_links"]["workingDirectory"]["href"]
        until(lambda: self.web.get(folder).json()["resourceStatus"] == "READY", "the job's folder")
        for name, content in files.items():
            self.web.put(f"{folder}/files/{quote(name)}", content=content, headers=UPLOAD).raise_for_status()
        self.web.post(f"{made}/actions/start", json={}).raise_for_status()
        return self.handed_over(made) - begun, made

    def round(self) -> dict[str, float]:
        """Each way once: seconds."""
        took = {}
        took["`esd-deploy submit`"], job = self.by_command("submit")
        self.ended(job)
        took["`Site.submit`"], run = self.by_deploy()
        self.ended(str(run.record.job.url))
        description = self.web.get(f"{run.record.job.url}/submitted").json()
        files = {name: (run.folder / name).read_bytes() for name in run.record.staged}
        took["by hand, the same files"], made = self.by_hand(description, files)
        self.ended(made)
        bare = {**description, "Arguments": ["program.py"], "User precommand": "true"}
        took["bare, one file"], made = self.by_hand(bare, {"program.py": PROGRAM})
        self.ended(made)
        took["`esd-deploy run`, whole"], _ = self.by_command("run")
        return took


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
    """Alternate all; a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", required=True)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    with opened(given.site, Path(tempfile.mkdtemp(prefix="esd-to-queue-"))) as there:
        there.round()  # fills caches and pulls the image
        rounds = [there.round() for _ in range(given.repeat)]
    rows = {name: [took[name] for took in rounds] for name in rounds[0]}
    base = rows["bare, one file"]
    print("| | median, s | best, s | worst, s | more than bare, median, s |\n|---|---|---|---|---|")
    for name, found in rows.items():
        more = statistics.median(one - other for one, other in zip(found, base, strict=True))
        print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} | {more:.2f} |")


if __name__ == "__main__":
    main()

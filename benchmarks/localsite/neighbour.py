"""Whether one hostile client slows down the others: 49 clients at work, alone and beside each of its acts.

    esd-deploy local up --name load --ci-speed --user mallory $(printf -- '--user c%s ' $(seq 48))
    .venv/bin/python benchmarks/localsite/neighbour.py --name load [--acts flood,listings] [--thought 1 3] [--elsewhere] [--json FILE]

The 49 log in as the site's users in turn, except mallory. They submit `echo job N` (login node), ask after it, fetch its output and
delete it, each with some thought between; their latencies count. A job that is missing, failed or printed another's number is lost.
Memory is the endpoint's resident set.
All clients share the machine with the site: `burn` shows what the hostile one costs without asking the server anything.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import mallory
from load import Client, Measured, endpoint_pid, watcher

from esd_localsite import lifecycle
from esd_localsite.state.layout import find_layout
from esd_localsite.state.status import SiteStatus

CLIENTS = 49
_IDLE = ("chrt", "--idle", "0")
"""As if the hostile client had a machine of its own: it takes no processor time from the site or from the others."""


@dataclass(frozen=True)
class Row:
    """What the honest clients saw beside one act."""

    act: str
    hostile_per_s: float
    requests_per_s: float
    median_ms: float
    p95_ms: float
    max_ms: float
    jobs: int
    lost: int
    memory_mb: float


@dataclass
class Crowd:
    """The honest clients; each goes on with its own jobs until it is told to stop."""

    accounts: tuple[SiteStatus, ...]
    thought_s: tuple[float, float]
    measured: Measured = field(default_factory=Measured)
    stop: threading.Event = field(default_factory=threading.Event)
    lost: list[str] = field(default_factory=list)
    jobs: int = 0

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._live, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _live(self, number: int) -> None:
        chance = random.Random(number)
        client = Client(self.accounts[number % len(self.accounts)], self.measured)
        for round_ in range(10**6):
            self.stop.wait(chance.uniform(*self.thought_s))
            if self.stop.is_set():
                return
            said = self._job(client, f"{number}.{round_}", chance)
            with self.measured.lock:
                self.jobs += 1
                self.lost += [said] if said else []

    def _job(self, client: Client, name: str, chance: random.Random) -> str:
        """One job from submission to deletion; a word where it was lost."""
        try:
            job = client.ask("POST", f"{client.url}/jobs", json={"Executable": f"echo job {name}", "Job type": "ON_LOGIN_NODE"}).headers[
                "Location"
            ]
            while (state := client.ask("GET", job).json())["status"] not in {"SUCCESSFUL", "FAILED"}:
                time.sleep(chance.uniform(*self.thought_s))
            output = f"{job.replace('/jobs/', '/storages/')}-uspace/files/stdout"
            text = client.ask("GET", output, headers={"Accept": "application/octet-stream"}).text.strip()
            client.ask("DELETE", job)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            return f"{name}: {error!r}"
        return "" if (state["status"], text) == ("SUCCESSFUL", f"job {name}") else f"{name}: {state['status']} {text[:60]}"


def accounts(site: str) -> tuple[SiteStatus, ...]:
    """The site as each user but the hostile one sees it."""
    own, layout = lifecycle.status(site), find_layout(site)
    others = sorted(file for file in layout.passwords.iterdir() if file.name != mallory.NAME)
    return (own, *(own.model_copy(update={"username": file.name, "password_file": file}) for file in others))


def beside(site: str, act: str, seconds: float, thought_s: tuple[float, float], first: tuple[str, ...] = ()) -> Row:
    """The honest clients' figures beside one act, after five seconds of getting under way. `first`: what runs the hostile client."""
    crowd, memory = Crowd(accounts(site), thought_s), watcher(endpoint_pid(lifecycle.status(site)))
    threads = crowd.start()
    argv = (*first, sys.executable, mallory.__file__, site, act)
    hostile = None if act == "none" else subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(5)
        with crowd.measured.lock:
            crowd.measured.latencies.clear()
        start = time.monotonic()
        time.sleep(seconds)
        with crowd.measured.lock:
            seen, took = sorted(crowd.measured.latencies), time.monotonic() - start
    finally:
        done = _ended(hostile)
        crowd.stop.set()
        for thread in threads:
            thread.join()
    for lost in crowd.lost[:5]:
        sys.stderr.write(f"{act}: lost {lost}\n")
    figures = (statistics.median(seen), statistics.quantiles(seen, n=20)[-1], seen[-1])
    rates = (round(done / (seconds + 5), 1), round(len(seen) / took, 1))
    return Row(act, *rates, *(round(1000 * value, 1) for value in figures), crowd.jobs, len(crowd.lost), round(memory(), 1))


def _ended(hostile: "subprocess.Popen[str] | None") -> int:
    """How often the act was done."""
    if hostile is None:
        return 0
    hostile.kill()
    lines = (hostile.communicate()[0] or "").split()
    return int(lines[-1]) if lines else 0


def main() -> int:
    """Exit code 1 where a job was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="local")
    parser.add_argument("--acts", default=",".join(mallory.ACTS))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--thought", type=float, nargs=2, default=(0.3, 0.9), help="the others' seconds between two requests, from and to")
    parser.add_argument("--elsewhere", action="store_true", help="the hostile client takes only time that nobody else wants")
    parser.add_argument("--json", type=Path, help="write the figures there")
    chosen = parser.parse_args()
    mallory.prepare(chosen.name)
    rows = []
    for act in ("none", *chosen.acts.split(","), "none"):
        rows.append(beside(chosen.name, act, chosen.seconds, tuple(chosen.thought), _IDLE if chosen.elsewhere else ()))
        print(" | ".join(str(value) for value in asdict(rows[-1]).values()), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 1 if any(row.lost for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

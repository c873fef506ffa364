"""SIGKILL at random for the local site's endpoint, registry, controller and supervisor, under load: whether all is found again.

    esd-deploy local up --name kills --ci-speed
    .venv/bin/python benchmarks/localsite/kills.py --name kills [--minutes 15] [--clients 8] [--json FILE]        (root)

Clients submit batch jobs and jobs on the login node and follow each to its end, whatever breaks meanwhile; a registry client pushes
images. Afterwards, with everything up: every job that the endpoint took is in its list with an end; every job that it calls successful ran
exactly once and printed its own number; every image that was pushed is there, byte by byte. A job that ended because the whole site ended
(the supervisor is its init) is told as failed and submitted again, as a user would. Slurm's controller keeps its state every few seconds: a
job that it had just started when it was killed, it starts again under the same number; that is counted apart.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
from load import Client, Measured, endpoint_pid, watcher
from worker import PATIENCE_S, Tally, Worker

from esd_build.data.errors import EsdError
from esd_build.data.reference import ImageReference
from esd_build.registry import Credentials, Registry
from esd_localsite import lifecycle
from esd_localsite.state import lock
from esd_localsite.state.layout import find_layout

EVERY_S = (6, 12)
WEIGHTS = {"endpoint": 5, "registry": 3, "controller": 4, "supervisor": 2}


class Killer:
    """Kills, and starts again what only a user can start: the site whose supervisor died."""

    def __init__(self, name: str, tally: Tally) -> None:
        self._layout, self._tally, self._random = find_layout(name), tally, random.Random(5)

    def rage(self, until: float) -> None:
        """Until the time is over; then the site is up."""
        while time.monotonic() < until:
            time.sleep(self._random.uniform(*EVERY_S))
            self.strike(self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])

    def strike(self, who: str) -> None:
        """Kill one, and wait until the whole site answers."""
        pid = self._pid(who)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        self._tally.killed[who] += 1
        if who == "supervisor":
            while lock.is_locked(self._layout.lock):
                time.sleep(0.1)
            lifecycle.up(self._layout.name)
        while not lifecycle.look(self._layout.name).usable:
            if time.monotonic() > begun + PATIENCE_S:
                raise SystemExit(f"after {who} was killed the site does not come back: {lifecycle.look(self._layout.name).detail}")
            if lifecycle.status(self._layout.name).state != "running":
                self._tally.killed[f"whole site, after {who}"] += 1
                lifecycle.up(self._layout.name)
            time.sleep(0.2)
        self._tally.back_s.setdefault(who, []).append(time.monotonic() - begun)

    def _pid(self, who: str) -> int | None:
        if who == "supervisor":
            return lock.supervisor_pid(self._layout)
        words = {"endpoint": str(self._layout.unicore_config), "registry": str(self._layout.registry_config)}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if who == "controller" and line[0].endswith("slurmctld") and str(self._layout.slurm_conf) in line:
                    return int(folder.name)
                if who in words and words[who] in line:
                    return int(folder.name)
        return None


def push(name: str, tally: Tally, stop: threading.Event) -> None:
    """One small image after the other."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(10**6):
            file = Path(folder, "image.sif")
            file.write_bytes(random.Random(number).randbytes(2_000_000))
            while not stop.wait(1):
                with contextlib.suppress(EsdError, OSError):
                    status = lifecycle.status(name)
                    word = f"{status.registry}/esd/kills-{number % 5}:{number}"
                    place = Registry(status.registry or "", ca_file=status.ca_file, credentials=_account(status.registry_login_file))
                    tally.pushed[word] = place.push(file, ImageReference.parse(word), {}).sif_digest
                    break
            if stop.is_set():
                return


def _account(path: Path | None) -> Credentials | None:
    return Credentials.read(path) if path else None


def cause(properties: dict[str, object], kind: str) -> str:
    """Why a job failed, as its site tells it; numbers left out, so that the same cause is the same text."""
    words = str(properties.get("statusMessage") or f"exit code {properties.get('exitCode')}")
    return f"{kind}: {re.sub(r'[0-9]+', 'N', words)[:160]}"


def found_again(name: str, tally: Tally) -> tuple[dict[str, int], int, Counter[str]]:
    """What is missing or wrong afterwards, all zero where nothing is; how many jobs Slurm began again; why jobs failed."""
    client, status = Client(lifecycle.status(name), Measured()), lifecycle.status(name)
    bad: Counter[str] = Counter({"not listed": 0, "no end": 0, "ran twice": 0, "wrong output": 0, "images gone": 0, "images changed": 0})
    slurm, causes = 0, Counter[str]()
    for url, job in tally.accepted.items():
        try:
            properties = client.ask("GET", url).json()
            state = properties["status"]
        except httpx.HTTPStatusError:
            bad["not listed"] += 1
            continue
        causes[cause(properties, "login node" if job % 4 == 0 else "batch")] += state == "FAILED"
        bad["no end"] += state not in {"SUCCESSFUL", "FAILED"}
        runs = _file(client, url, "ran").split()
        if state == "SUCCESSFUL":  # where Slurm began it again, both attempts may have printed
            right = [["job", str(job)] * times for times in range(1, len(runs) + 1)]
            bad["wrong output"] += _file(client, url, "stdout").split() not in right
        bad["ran twice"] += len(set(runs)) > 1 or runs.count("login") > 1
        slurm += len(runs) > 1 and runs.count("login") == 0 and len(set(runs)) == 1
    registry = Registry(status.registry or "", ca_file=status.ca_file)
    with tempfile.TemporaryDirectory() as folder:
        for word, digest in tally.pushed.items():
            try:
                pulled = registry.pull(registry.resolve(ImageReference.parse(word)), Path(folder, word.rpartition(":")[2]))
            except EsdError:
                bad["images gone"] += 1
                continue
            bad["images changed"] += f"sha256:{hashlib.sha256(pulled.read_bytes()).hexdigest()}" != digest
            pulled.unlink()
    return dict(bad), slurm, +causes


def _file(client: Client, url: str, file: str) -> str:
    try:
        place = f"{url.replace('/jobs/', '/storages/')}-uspace/files/{file}"
        return client.ask("GET", place, headers={"Accept": "application/octet-stream"}).text
    except httpx.HTTPStatusError:
        return ""


def main() -> int:
    """Exit code 1 where anything is not found again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="local")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures there")
    chosen = parser.parse_args()
    tally, stop = Tally(), threading.Event()
    workers = [Worker(chosen.name, number, tally, stop).work for number in range(1, chosen.clients + 1)]
    threads = [threading.Thread(target=work) for work in (*workers, lambda: push(chosen.name, tally, stop))]
    for thread in threads:
        thread.start()
    try:
        Killer(chosen.name, tally).rage(time.monotonic() + 60 * chosen.minutes)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    time.sleep(10)
    bad, slurm, causes = found_again(chosen.name, tally)
    ends = Counter(end.split(" (")[0] for end in tally.ends.values())
    back = {who: {"median_s": round(sorted(took)[len(took) // 2], 1), "most_s": round(max(took), 1)} for who, took in tally.back_s.items()}
    told = {
        "killed": tally.killed, "retries": tally.retries, "jobs": len(tally.accepted), "ends": ends, "images": len(tally.pushed),
        "causes": causes,
        "back": back, "bad": bad, "begun again by Slurm": slurm,
        "memory_mb": round(watcher(endpoint_pid(lifecycle.status(chosen.name)))(), 1),
    }  # fmt: skip
    print(json.dumps(told, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=2) + "\n")
    return 1 if any(bad.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

"""A client that has one job after the other done at a site that breaks all the while, and what the clients saw."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from load import Client, Measured

from esd_localsite import lifecycle

PAUSE_S = 0.5
PATIENCE_S = 300.0
LOST = (httpx.HTTPError, KeyError, ValueError, OSError)


@dataclass
class Tally:
    """What happened; `accepted`: job's address → its number, `ends`: how each ended, as the client saw it."""

    accepted: dict[str, int] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    back_s: dict[str, list[float]] = field(default_factory=dict)
    retries: int = 0


class Worker:
    """A client that has one job after the other done, and gives none up."""

    def __init__(self, name: str, number: int, tally: Tally, stop: threading.Event) -> None:
        self._name, self._number, self._tally, self._stop = name, number, tally, stop
        self._client: Client | None = None

    def work(self) -> None:
        """Until it is told to stop, and the last job has an end."""
        job = self._number * 100_000
        while not self._stop.is_set():
            job += 1
            while (url := self._submitted(job)) is not None and not self._followed(url, job).startswith("SUCCESSFUL"):
                if self._stop.is_set():
                    return

    def _submitted(self, job: int) -> str | None:
        """The job's address; one that was taken although the answer was lost is found by its tag."""
        kind = "ON_LOGIN_NODE" if job % 4 == 0 else "BATCH"
        attempt = f"kills-{job}-{len([url for url, number in self._tally.accepted.items() if number == job])}"
        script = f"echo ${{SLURM_JOB_ID:-login}} >> ran; sleep {1 + job % 3}; echo job {job}"
        description = {"Executable": "/bin/sh", "Arguments": ["-c", f"'{script}'"], "Job type": kind, "Tags": [attempt]}
        while True:
            found = self._asked("GET", f"/jobs?tags={attempt}")
            url = next(iter(found.json()["jobs"]), None) if found else None
            if found and url is None:
                made = self._asked("POST", "/jobs", once=True, json=description)
                url = made.headers.get("Location") if made else None
            if url is not None:
                self._tally.accepted[url] = job
                return str(url)
            if self._stop.is_set():
                return None

    def _followed(self, url: str, job: int) -> str:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            time.sleep(PAUSE_S)
            answer = self._asked("GET", url)
            if answer is not None and answer.json()["status"] in {"SUCCESSFUL", "FAILED"}:
                self._tally.ends[url] = answer.json()["status"]
                return self._tally.ends[url]
        self._tally.ends[url] = f"no end within {PATIENCE_S:.0f} s (job {job})"
        return self._tally.ends[url]

    def _asked(self, method: str, path: str, *, once: bool = False, **options: object) -> httpx.Response | None:
        """An answer; None where there was none, or (`once`) where it is not known whether it was done."""
        for _ in range(1 if once else 400):
            try:
                self._client = self._client or Client(lifecycle.status(self._name), Measured())
                return self._client.ask(method, path if path.startswith("https") else self._client.url + path, **options)
            except LOST:
                self._client = None
                self._tally.retries += 1
                time.sleep(PAUSE_S)
        return None

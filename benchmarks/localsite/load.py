"""Load on a local site's UNICORE endpoint: many clients submit jobs, ask after them, and fetch what they printed.

    esd-deploy local up --name load --ci-speed
    .venv/bin/python benchmarks/localsite/load.py --name load --jobs 200 --clients 20 [--login-node] [--json FILE]

Every job prints its own number; a job that is missing, failed, ran twice or printed another's number is lost. Memory is the endpoint's
resident set; requests are all that the clients made. The clients share the machine with the site.
"""

import argparse
import json
import ssl
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from esd_localsite import lifecycle
from esd_localsite.state.status import SiteStatus

_UNKNOWN_SESSION = 432
_PAUSE_S = 0.2
_PATIENCE_S = 3600.0


@dataclass
class Measured:
    """What all clients saw."""

    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    printed: dict[int, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Result:
    """The figures of one run."""

    jobs: int
    clients: int
    kind: str
    lost: int
    seconds: float
    requests: int
    requests_per_second: float
    latency_ms_median: float
    latency_ms_p95: float
    latency_ms_max: float
    memory_mb_before: float
    memory_mb_peak: float
    memory_mb_after_delete: float


class Client:
    """One client with a connection and a security session of its own, as pyunicore has."""

    def __init__(self, site: SiteStatus, measured: Measured) -> None:
        login = (site.username, site.password_file.read_text().strip())
        verify = ssl.create_default_context(cafile=str(site.ca_file))
        self._http = httpx.Client(auth=login, verify=verify, timeout=120, trust_env=False)
        self.url = site.unicore_url or ""
        self._measured = measured
        self._session: dict[str, str] = {}

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request, repeated without its session where the server has forgotten that."""
        own = options.pop("headers", {})
        answer = self._timed(method, url, headers={**self._session, **own}, **options)
        if answer.status_code == _UNKNOWN_SESSION:  # a user has five sessions: with more clients they push each other out
            answer = self._timed(method, url, headers=own, **options)
        answer.raise_for_status()
        self._session = {"X-UNICORE-SecuritySession": answer.headers["X-UNICORE-SecuritySession"]}
        return answer

    def _timed(self, method: str, url: str, **options: Any) -> httpx.Response:
        start = time.monotonic()
        answer = self._http.request(method, url, **options)
        with self._measured.lock:
            self._measured.latencies.append(time.monotonic() - start)
        return answer

    def run(self, number: int, kind: str) -> str:
        """A job from submission to its output; returns its address."""
        description = {"Executable": f"echo job {number}", "Job type": kind, "Tags": [f"load{number}"]}
        job = self.ask("POST", f"{self.url}/jobs", json=description).headers["Location"]
        end = time.monotonic() + _PATIENCE_S
        while (state := self.ask("GET", job).json())["status"] not in {"SUCCESSFUL", "FAILED"}:
            if time.monotonic() > end:
                break
            time.sleep(_PAUSE_S)
        stdout = f"{job.replace('/jobs/', '/storages/')}-uspace/files/stdout"
        text = self.ask("GET", stdout, headers={"Accept": "application/octet-stream"}).text
        with self._measured.lock:
            self._measured.printed[number] = f"{state['status']} {text.strip()}"
        return job


def measure(site: SiteStatus, jobs: int, clients: int, kind: str) -> Result:
    """Run the load; every job is deleted afterwards."""
    measured, rss = Measured(), watcher(endpoint_pid(site))
    before, start = rss(), time.monotonic()
    peak = Peak(rss)
    with ThreadPoolExecutor(clients) as pool:
        own = threading.local()

        def one(number: int) -> str | None:
            own.client = getattr(own, "client", None) or Client(site, measured)
            try:
                return own.client.run(number, kind)
            except (httpx.HTTPError, KeyError) as error:
                with measured.lock:
                    measured.errors.append(f"{number}: {error!r}")
                return None

        urls = [url for url in pool.map(one, range(jobs)) if url]
    seconds = time.monotonic() - start
    highest = peak.stop()
    cleaner = Client(site, measured)
    requests, latencies = len(measured.latencies), sorted(measured.latencies)
    for url in urls:
        cleaner.ask("DELETE", url)
    lost = sum(measured.printed.get(number) != f"SUCCESSFUL job {number}" for number in range(jobs)) + jobs - len(set(urls))
    for error in measured.errors[:5]:
        sys.stderr.write(f"{error}\n")
    p95 = statistics.quantiles(latencies, n=20)[-1]
    return Result(
        jobs, clients, kind, lost, round(seconds, 1), requests, round(requests / seconds, 1),
        *(round(1000 * value, 1) for value in (statistics.median(latencies), p95, latencies[-1])),
        *(round(value, 1) for value in (before, highest, rss())),
    )  # fmt: skip


class Peak:
    """Looks at a figure ten times a second, and keeps the highest."""

    def __init__(self, figure: Callable[[], float]) -> None:
        self._figure, self._highest, self._stop = figure, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self._highest = max(self._highest, self._figure())

    def stop(self) -> float:
        """The highest."""
        self._stop.set()
        self._thread.join()
        return self._highest


def endpoint_pid(site: SiteStatus) -> int:
    """The endpoint's process, found by its command line."""
    wanted = f"/{site.name}/unicore/config.json".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"esd_localsite.front" in words and any(word.endswith(wanted) for word in words):
            return int(folder.name)
    raise SystemExit(f"the endpoint of '{site.name}' does not run: esd-deploy local up --name {site.name}")


def watcher(pid: int) -> Callable[[], float]:
    """Reads a process's resident memory, in MB."""
    status = Path(f"/proc/{pid}/status")
    return lambda: int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> int:
    """Exit code 1 where a job was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="local")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--login-node", action="store_true", help="jobs on the login node instead of in the batch system")
    parser.add_argument("--json", type=Path, help="write the figures there")
    chosen = parser.parse_args()
    kind = "ON_LOGIN_NODE" if chosen.login_node else "BATCH"
    result = measure(lifecycle.status(chosen.name), chosen.jobs, chosen.clients, kind)
    text = json.dumps(asdict(result), indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(f"{text}\n")
    return 1 if result.lost else 0


if __name__ == "__main__":
    sys.exit(main())

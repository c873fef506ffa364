"""A neuromorphic job queue as the probes see it, and answers with everything masked that differs from one run to the next."""

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

ENDED = {"finished", "error"}
LONGEST_S = 120
_PLAIN = ("id", "code", "command", "collab", "hardware_platform", "status", "tags", "user_id")


@dataclass(frozen=True)
class QueueWeb:
    """One user's requests to a queue. `token` gives a valid one."""

    url: str
    tls: ssl.SSLContext
    token: Callable[[], str] = field(repr=False)
    jobs: dict[str, int] = field(default_factory=dict)
    """Name → number of the jobs that the probes submitted."""

    @cached_property
    def anonymous(self) -> httpx.Client:
        """Asks as nobody. The service closes the connection after a 500."""
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, verify=self.tls, timeout=60, limits=alone, trust_env=False)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """As the user."""
        return self.anonymous.request(method, path, headers={"Authorization": f"Bearer {self.token()}", **(headers or {})}, **options)

    def submit(self, **changes: object) -> httpx.Response:
        """A small job, or what becomes of it by the changes; None takes a field away."""
        job = {"code": "print(1)", "hardware_platform": "Demo", "collab": "demo", "command": "run.py {system}", **changes}
        return self.ask("POST", "/jobs/", json={name: value for name, value in job.items() if value is not None})

    def number(self, name: str, **changes: object) -> int:
        """The job of that name, submitted when it is first asked for."""
        if name not in self.jobs:
            self.jobs[name] = int(self.submit(**changes).json()["id"])
        return self.jobs[name]

    def ended(self, name: str, **changes: object) -> int:
        """The same, waited for."""
        number, end = self.number(name, **changes), time.monotonic() + LONGEST_S
        while (seen := self.ask("GET", f"/jobs/{number}").json())["status"] not in ENDED:
            assert time.monotonic() < end, seen
            time.sleep(0.2)
        return number


def answer(response: httpx.Response, *shown: str) -> dict[str, object]:
    """Status, kind and body: of documents the keys and the kinds of their values, with the values of `shown`."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    if response.status_code >= 400 or kind != "application/json":
        return {"status": response.status_code, "type": kind, "body": masked(response.json() if kind.endswith("json") else response.text)}
    return {"status": response.status_code, "type": kind, "body": masked(shape(response.json(), (*_PLAIN, *shown)))}


def shape(value: object, shown: tuple[str, ...] = ()) -> object:
    """The form of a document: of a list its first element's."""
    if isinstance(value, dict):
        return {key: inner if key in shown and key != "id" else shape(inner, shown) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0], shown)] if value else []
    return "number" if type(value) in {int, float} else type(value).__name__


def masked(value: object) -> Any:
    """Without what is this run's own."""
    text = json.dumps(value, sort_keys=True, default=str)
    for pattern, word in (
        (r"/(jobs|comments|projects|quotas)/[0-9a-f-]+", r"/\1/N"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME"),
        (r"https://127\.0\.0\.1:\d+", "BASE"),
        (r"job with id \d+", "job with id N"),
    ):
        text = re.sub(pattern, word, text)
    return json.loads(text)

"""An endpoint as the probes see it, and answers with everything masked that differs from one run to the next."""

import json
import re
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
BYTES = {"Accept": "application/octet-stream"}
UPLOAD = {"Content-Type": "application/octet-stream"}
SESSION = "X-UNICORE-SecuritySession"


@dataclass(frozen=True)
class Place:
    """Where a UNICORE server is, and who asks it: what a local site's status file says."""

    url: str
    ca_file: Path
    username: str
    password: str = field(repr=False)

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the place's own authority only."""
        return ssl.create_default_context(cafile=self.ca_file)

    @classmethod
    def of(cls, status: Path) -> "Place":
        """From the status file of a local site, or a file with the same four keys."""
        said = json.loads(status.read_text())
        return cls(said["unicore_url"], Path(said["ca_file"]), said["username"], Path(said["password_file"]).read_text().strip())


@dataclass(frozen=True)
class Web:
    """One user's requests to a place."""

    place: Place

    @property
    def core(self) -> str:
        return self.place.url

    @property
    def base(self) -> str:
        return self.core.removesuffix("/rest/core")

    @cached_property
    def known(self) -> httpx.Client:
        """Asks as the user."""
        return httpx.Client(verify=self.place.tls, timeout=120, headers=JSON, auth=(self.place.username, self.place.password))

    @cached_property
    def anonymous(self) -> httpx.Client:
        """Asks as nobody."""
        return httpx.Client(verify=self.place.tls, timeout=120, headers=JSON)

    def url(self, path: str) -> str:
        return path if path.startswith("https:") else f"{self.core}/{path}".rstrip("/")

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """A request as the user; `body` is sent as JSON."""
        return self.known.request(method, self.url(path), **({} if body is None else {"content": json.dumps(body)}), **options)

    def json(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def submit(self, description: dict[str, object]) -> str:
        """The new job's URL."""
        answer = self.ask("POST", "jobs", description)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def folder(self, job: str) -> str:
        """The URL of a job's folder."""
        return self.json(job)["_links"]["workingDirectory"]["href"]

    def masked(self, value: object) -> Any:
        """The value as JSON, without what is this server's or this run's own."""
        text = json.dumps(value, sort_keys=True, default=str)
        for pattern, word in (
            (re.escape(self.base), "BASE"),
            (r"/(\w[\w.-]*/)+(uspace|uspace-real)/[\w-]+/*", "WORKDIR/"),
            (r"(jobs|storages|sites|transfers|files)/(\w{11}|[0-9a-f-]{36})(?=[-/\"?])", r"\1/ID"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d{4}", "TIME"),
            (r"(UNICORE_Job_|bss_submit_|TSI_submit_)[\w-]+", r"\1X"),
            (r"line \d+:", "line N:"),
            (r"\b(java|org|eu)(\.\w+)*\.\w*(Exception|Problem): ", ""),
            (r" \(class java[^)]*\)", ""),
            (r"CN=(\w+),O=[^\"]+", r"CN=\1,O=SITE"),
            (r"\"siteName\": \"[^\"]*\"", '"siteName": "NAME"'),
        ):
            text = re.sub(pattern, word, text)
        return json.loads(text)


def plain(response: httpx.Response) -> dict[str, object]:
    """Status, kind and body of an answer."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    return {"status": response.status_code, "type": kind, "body": response.json() if "json" in kind and response.content else response.text}


def error(response: httpx.Response) -> dict[str, object]:
    """Status of a refusal, its keys, and how its message begins."""
    body = response.json() if response.content else {}
    return {"status": response.status_code, "keys": sorted(body), "message": body.get("errorMessage", "").partition(":")[0]}

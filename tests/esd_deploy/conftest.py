"""A site, an image and a connection that need neither network nor container."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from esd_build.data import documents
from esd_build.data.errors import UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.backends import kinds
from esd_deploy.backends.connection import ConnectionLostError, GoneError, JobState, Passage, RefusedError, RemoteFile
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.backends.unicore.backend import UnicoreBackend
from esd_deploy.inputs.content import Content, whole
from esd_deploy.plans.job import SITE_FILE, JobDescription, JobSpec, SiteJob
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import Request
from esd_deploy.records.staging import prepare
from esd_deploy.sites.config import SiteConfig

DATA = Path(__file__).parents[1] / "data" / "site-configs"
DIGEST = "sha256:" + "a" * 64
SIF_DIGEST = "sha256:" + "b" * 64
JOB = "https://unicore.example.org:8080/EXAMPLE/rest/core/jobs/1"
ODD_VALUES = {
    "QUOTES": """ it's "both" `date` """,
    "DOLLARS": "$HOME ${USER} $LOGNAME $(id) $USERS",
    "BACKSLASHES": "a\\b \\n \\\\ \\$HOME",
    "LINES": "first\nsecond\n\n# no comment\n",
    "SHELL_WORDS": "; exit 3 # & | < > * ? [a] {b} ! ~",
    "CONTROLS": "a\tb\rc\x1b[0m",
    "LETTERS": "Größe μ 🧠",
    "EMPTY": "",
}
"""What shells, Slurm, UNICORE and containers each have a reading of."""


def exports(files: Mapping[str, Content]) -> dict[str, str]:
    """The variables that a job's files set."""
    words = shlex.split(whole(files[SITE_FILE]).decode().partition("activate()")[0], comments=True)
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


@pytest.fixture(autouse=True)
def no_habits(monkeypatch) -> None:
    """What whoever runs the tests has set for runs of their own."""
    monkeypatch.delenv("EBRAINS_ESD_IMAGE", raising=False)


@pytest.fixture
def config() -> SiteConfig:
    return documents.load(DATA / "valid.yaml", SiteConfig, name="valid")


@pytest.fixture
def image() -> PublishedImage:
    return PublishedImage(ImageReference("registry.example.org", "esd/nest", "edge", DIGEST), SIF_DIGEST, 1000, {})


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "net.py"
    path.write_text("print('spikes')\n")
    return path


@pytest.fixture
def planned(config, image, script) -> Plan:
    return Request(script, ("--scale", "0.1 x"), "nest", Shape(2, 1, 4), 600).checked(config).plan(image, "run-1")


@dataclass
class FakeConnection:
    """A site in memory: jobs by tag, files by path. `lose` holds names of methods; each entry loses the answer of one call."""

    states: list[JobState] = field(default_factory=lambda: [JobState("QUEUED"), JobState("RUNNING"), JobState("SUCCESSFUL", exit_code=0)])
    results: dict[str, bytes] = field(default_factory=dict)
    lose: list[str] = field(default_factory=list)
    truncate: list[str] = field(default_factory=list)
    jobs: list[dict[str, object]] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    batch: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    refuse: bool = False
    begun: set[str] = field(default_factory=set)
    started: int = 0
    aborted: int = 0

    @property
    def urls(self) -> list[str]:
        return [JOB if number == 0 else f"{JOB}-{number}" for number in range(len(self.jobs))]

    def find(self, tag: str) -> list[str]:
        self._maybe_lost("find")
        return [url for url, job in zip(self.urls, self.jobs, strict=True) if tag in job["Tags"] and url not in self.deleted]

    def script_job(self, spec: JobSpec) -> SiteJob:
        return unicore_job.job(spec)

    def batch_names(self, description: JobDescription, job: str) -> tuple[str, ...]:
        return unicore_job.batch_names(description, job)

    def create(self, description: JobDescription) -> str:
        self.jobs.append(description.document())
        self._maybe_lost("create")
        return self.urls[-1]

    def upload(self, job: str, path: str, content: Content) -> None:
        self.uploaded[path] = whole(content)
        self._maybe_lost("upload")

    @property
    def unstarted(self) -> set[str]:
        return set(self.urls) - self.begun

    def start(self, job: str) -> None:
        self.begun.add(job)
        self.started += 1
        self._maybe_lost("start")

    def state(self, job: str) -> JobState:
        self._maybe_lost("state")
        if job in self.unstarted:
            return JobState("READY")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        known = dict(zip(self.urls, self.jobs, strict=True))
        return replace(state, tags=frozenset(known[job].get("Tags", ()))) if job in known and not state.tags else state

    def files(self, job: str) -> list[RemoteFile]:
        return [RemoteFile(path, len(content)) for path, content in {**self.uploaded, **self.results}.items()]

    def details(self, job: str) -> dict[str, str]:
        return self.batch

    def passage(self, job: str, host: str, port: int) -> Passage:
        raise UsageError("a site in memory has no ports")

    def delete(self, job: str) -> None:
        self.deleted.append(job)

    @contextmanager
    def read(self, job: str, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        self.offsets.append(offset)
        there = {**self.uploaded, **self.results}
        if path not in there:
            raise GoneError(f"no file {path}")
        content = there[path][offset:]
        if path in self.truncate:
            self.truncate.remove(path)
            content = content[:-1]
        yield iter((content[:2], content[2:]))

    def abort(self, job: str) -> None:
        self.aborted += 1
        self.states = [replace(self.states[0], status="FAILED", message="Job aborted.")]

    def _maybe_lost(self, call: str) -> None:
        if call in self.lose:
            self.lose.remove(call)
            raise (RefusedError if self.refuse else ConnectionLostError)(f"{call}: no answer")


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection()


@dataclass(frozen=True)
class FakeBackend(UnicoreBackend):
    """UNICORE's, but for the connection."""

    connection: FakeConnection

    def connect(self, endpoint) -> FakeConnection:
        return self.connection


def prepared(plan: Plan, folder: Path, **options):
    """A run as its site prepares it: the record."""
    return prepare(plan, kinds.backend(plan.site.kind).run_job(plan), folder, **options)

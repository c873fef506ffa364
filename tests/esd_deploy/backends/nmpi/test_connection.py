"""The neuromorphic queue's client, against a queue in memory."""

import gzip
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import ConnectionLostError, GoneError, JobState, RefusedError
from esd_deploy.backends.nmpi import job as nmpi_job
from esd_deploy.backends.nmpi.answers import JobAnswer, OutputData, OutputFile
from esd_deploy.backends.nmpi.backend import BACKEND
from esd_deploy.backends.nmpi.connection import NmpiConnection
from esd_deploy.backends.nmpi.outputs import outputs
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import Request
from esd_deploy.records import record
from esd_deploy.runs import results
from esd_deploy.runs.patience import patiently
from esd_deploy.runs.run import Run
from esd_deploy.sites.config import Limits, NmpiSettings, SiteConfig
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.sites.oidc import IssuerAwayError
from esd_deploy.sites.source import CredentialsSource

QUEUE = "https://queue.example.org"
STORE = "https://store.example.org"


@pytest.fixture
def queue_site() -> SiteConfig:
    return SiteConfig(
        name="spinnaker",
        kind="nmpi",
        description="a queue",
        queue_url=QUEUE,
        credentials=CredentialsSource(token_env="TOKEN"),
        backend="spiNNaker",
        nmpi=NmpiSettings(platform="SpiNNaker", collab="my-collab"),
        limits=Limits(nodes=1, time_s=86400),
    )


@pytest.fixture
def queued(queue_site, script) -> Plan:
    return Request(script, ("--neurons", "100")).checked(queue_site).plan(None, "run-7")


@dataclass
class FakeQueue:
    """Jobs of an NMPI server; `answers` replace the next answers."""

    jobs: dict[int, dict[str, object]] = field(default_factory=dict)
    log: str = "it ran\n"
    purged: set[str] = field(default_factory=set)
    sizes: bool = True
    hashes: dict[str, str] = field(default_factory=dict)
    """What the machine reported, by path."""
    spoiled: list[str] = field(default_factory=list)
    """Paths whose next answer has a wrong byte."""
    stored: dict[str, bytes] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)
    seen: list[httpx.Request] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["submitted", "running", "finished"])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.url.host == "store.example.org":
            path = request.url.path.removeprefix("/")
            content = None if path in self.purged else self.stored.get(path)
            if content and path in self.spoiled:
                self.spoiled.remove(path)
                content = b"?" + content[1:]
            return httpx.Response(200, content=content) if content is not None else httpx.Response(404, text="gone")
        return self.all_jobs(request) if request.url.path == "/jobs/" else self.one_job(request)

    def all_jobs(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            wanted = request.url.params["tags"]
            return httpx.Response(200, json=[{**job, "status": "running"} for job in self.jobs.values() if wanted in job["tags"]])
        number = len(self.jobs) + 1
        self.jobs[number] = {**json.loads(request.content), "id": number, "resource_uri": f"/jobs/{number}"}
        return httpx.Response(201, json={**self.jobs[number], "status": "submitted"})

    def one_job(self, request: httpx.Request) -> httpx.Response:
        number, _, what = request.url.path.removeprefix("/jobs/").partition("/")
        if int(number) not in self.jobs:
            return httpx.Response(404, json={"detail": "Job not found"})
        if request.method == "DELETE":
            del self.jobs[int(number)]
            return httpx.Response(200, json=None)
        return httpx.Response(200, text=self.log) if what == "log" else httpx.Response(200, json=self.shown(int(number)))

    def shown(self, number: int) -> dict[str, object]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        files = [
            {
                "url": f"{STORE}/{path}",
                "path": path,
                "size": len(content) if self.sizes else None,
                "hash": self.hashes.get(path),
            }
            for path, content in self.stored.items()
        ]
        return {**self.jobs[number], "status": status, "output_data": {"repository": "EBRAINS Bucket", "files": files}}


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def queue_endpoint() -> Endpoint:
    return Endpoint(QUEUE, "", None, Credentials("secret-token"), "is it up?")


@pytest.fixture
def connection(queue, queue_endpoint) -> NmpiConnection:
    return NmpiConnection(queue_endpoint, httpx.Client(transport=httpx.MockTransport(queue)))


def test_a_run_goes_through_the_queue_and_its_results_come_home(queue, connection, queued, tmp_path):
    queue.stored = {"metrics.json": b'{"rate_hz": 7.5}', "esd/versions.json": b'{"sPyNNaker": "7.4.1"}'}
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)

    run.submit()
    record = run.wait()

    assert record.succeeded
    assert record.ending.kind == "succeeded"
    assert [state.status for state in record.states] == ["PREPARED", "QUEUED", "RUNNING", "SUCCESSFUL"]
    assert record.metrics == {"rate_hz": 7.5}
    assert record.versions == {"sPyNNaker": "7.4.1"}
    assert (tmp_path / "run-7" / "stdout").read_text() == "it ran\n"
    assert record.job.url == f"{QUEUE}/jobs/1"


def test_a_lost_answer_makes_no_second_job(queue, connection, queued, tmp_path):
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    real = connection.create
    calls = []

    def lost(description: dict[str, object]) -> str:
        calls.append(real(description))
        raise ConnectionLostError("the answer was lost")

    connection.create = lost
    run.submit()

    assert len(calls) == 1
    assert list(queue.jobs) == [1]
    assert run.record.job.url == f"{QUEUE}/jobs/1"


def test_the_token_goes_to_the_queue_only(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.stored = {"spikes.nix": b"123456"}

    assert [file.path for file in connection.files(f"{QUEUE}/jobs/1")] == ["spikes.nix", "stdout"]
    with connection.read(f"{QUEUE}/jobs/1", "spikes.nix", 2) as pieces:
        assert b"".join(pieces) == b"3456"

    told = {request.url.host: request.headers.get("authorization") for request in queue.seen}
    assert told == {"queue.example.org": "Bearer secret-token", "store.example.org": None}


@pytest.mark.parametrize(
    ("status", "answer", "error", "says"),
    [
        (401, {"detail": "invalid token"}, RefusedError, "get a new one (invalid token)"),
        (403, {"detail": "no quota"}, RefusedError, "no quota"),
        (
            404,
            {"detail": "no such collab"},
            ToolError,
            "you may not submit there (no such collab)",
        ),
        (400, {"detail": "bad path"}, ToolError, "400 bad path"),
        (503, {"error": "Down for maintenance"}, ConnectionLostError, "maintenance (Down for maintenance)"),
        (500, None, ConnectionLostError, "500"),
    ],
)
def test_what_the_queue_refuses_is_said_in_its_own_words(queue, connection, status, answer, error, says):
    queue.answers = [httpx.Response(status, json=answer) if answer else httpx.Response(status)]
    with pytest.raises(error) as raised:
        connection.create(JobDescription(code="", collab="none"))
    assert says in str(raised.value)
    assert "secret-token" not in str(raised.value)


def test_waiting_goes_on_through_maintenance(queue, connection, queued, tmp_path):
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    queue.answers = [httpx.Response(503, json={"error": "maintenance"})] * 3
    assert run.wait().succeeded


def test_an_ended_token_is_renewed_once(queue, connection, queue_endpoint, monkeypatch):
    queue.jobs[1] = {"id": 1}
    queue.answers = [httpx.Response(401, json={"detail": "expired"})]
    monkeypatch.setattr(Credentials, "renew", lambda _self: True)
    assert connection.state(f"{QUEUE}/jobs/1").status == "QUEUED"


def test_a_run_goes_on_while_the_issuer_is_away(queue, connection, queued, tmp_path, monkeypatch):
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    away = iter([True, True, True])

    def bearer(_self: Credentials) -> str:
        if next(away, False):
            raise IssuerAwayError("the issuer does not answer")
        return "token"

    monkeypatch.setattr(Credentials, "bearer", bearer)
    assert run.wait().succeeded


def test_a_removed_job_ends_the_waiting(queue, connection, queued, tmp_path):
    queue.statuses = ["submitted", "removed"]
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    record = run.wait()
    assert not record.succeeded
    assert record.ending.kind == "cancelled"
    assert "removed from the queue" in record.message


def test_an_error_brings_the_log(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.statuses = ["error"]
    queue.log = "Traceback\nValueError: no"
    state = connection.state(f"{QUEUE}/jobs/1")
    assert state == replace(JobState("FAILED", "the queue reports an error", 1), log=("Traceback", "ValueError: no"), batch_id="1")


def test_a_queue_names_no_batch_jobs(connection, queued):
    assert connection.batch_names(nmpi_job.description(queued), f"{QUEUE}/jobs/1") == ()


def test_an_unknown_state_is_said_not_guessed(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.statuses = ["pondering"]
    with pytest.raises(ToolError, match="pondering"):
        connection.state(f"{QUEUE}/jobs/1")


def test_an_answer_that_is_no_queues_is_said(queue, connection):
    queue.answers = [httpx.Response(200, text="<html>welcome</html>")]
    with pytest.raises(ToolError, match="not as a neuromorphic queue does"):
        connection.find("run-7")


def test_purged_results_are_said(queue, connection, tmp_path):
    queue.jobs[1] = {"id": 1}
    queue.stored = {"spikes.nix": b"123456"}
    queue.purged = {"spikes.nix"}
    with pytest.raises(GoneError, match=r"spikes\.nix"), connection.read(f"{QUEUE}/jobs/1", "spikes.nix"):
        pass


@pytest.mark.parametrize("sizes", [True, False])
def test_a_purged_result_does_not_keep_the_others_from_coming(queue, connection, queued, tmp_path, sizes):
    queue.stored = {"spikes.nix": b"123456", "metrics.json": b'{"rate_hz": 7.5}'}
    queue.purged, queue.sizes = {"spikes.nix"}, sizes
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    record = run.wait()
    assert record.metrics == {"rate_hz": 7.5}
    assert [(lost.path, "removed after a time" in lost.reason) for lost in record.missing] == [("spikes.nix", True)]
    assert not (tmp_path / "run-7" / "spikes.nix").exists()


class Store(FakeQueue):
    """Results lie where answers are compressed if the client takes that, and where a length is told only if `tells`."""

    tells = True
    stubborn = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        content = self.stored.get(request.url.path.removeprefix("/"))
        if request.url.host != "store.example.org" or content is None:
            return super().__call__(request)
        packed = self.stubborn or "gzip" in request.headers["accept-encoding"]
        sent = gzip.compress(content) if packed else content
        told = {"content-length": str(len(sent))} if self.tells else {}
        return httpx.Response(200, headers=told | ({"content-encoding": "gzip"} if packed else {}), stream=httpx.ByteStream(sent))


@pytest.fixture
def brought(queue_endpoint, queued, tmp_path):
    def bring(queue: FakeQueue) -> Run:
        connection = NmpiConnection(queue_endpoint, httpx.Client(transport=httpx.MockTransport(queue)))
        run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
        run.submit()
        run.wait()
        return run

    return bring


@pytest.mark.parametrize("tells", [True, False])
def test_a_result_comes_whole_whatever_the_store_tells_of_its_length(brought, tells):
    store = Store(stored={"spikes.csv": b"1 2\n" * 1000}, sizes=False)
    store.tells = tells
    run = brought(store)
    assert (run.folder / "spikes.csv").read_bytes() == b"1 2\n" * 1000
    assert {file.path: file.size for file in run.record.files}["spikes.csv"] == 4000


@pytest.mark.parametrize("sizes", [True, False])
def test_a_result_that_comes_compressed_unasked_is_missing_and_not_cut(brought, sizes):
    store = Store(stored={"spikes.csv": b"1 2\n" * 1000}, sizes=sizes)
    store.stubborn = True
    run = brought(store)
    assert [(lost.path, f"yourself from {STORE}/spikes.csv" in lost.reason) for lost in run.record.missing] == [("spikes.csv", True)]
    assert not (run.folder / "spikes.csv").exists()


def test_of_a_result_that_is_gone_no_size_is_invented(brought):
    run = brought(FakeQueue(stored={"spikes.nix": b"123456"}, purged={"spikes.nix"}, sizes=False))
    assert [(lost.path, lost.size) for lost in run.record.missing] == [("spikes.nix", None)]
    assert record.load(run.folder.parent, "run-7") == run.record


@pytest.mark.parametrize("path", ["../outside", "a/../../outside"])
def test_a_result_that_climbs_out_is_not_written_and_the_others_come(queue, connection, queued, tmp_path, path):
    queue.stored = {"good.txt": b"1"}
    queue.shown = lambda number: {
        **queue.jobs[number],
        "status": "finished",
        "output_data": {"files": [{"url": f"{STORE}/good.txt", "path": name, "size": 1} for name in (path, "good.txt")]},
    }
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    record = run.wait()
    assert [lost.path for lost in record.missing] == [path]
    assert "no place in" in record.missing[0].reason
    assert {"good.txt", "stdout"} == {file.path for file in record.files}
    assert json.loads((tmp_path / "run-7" / "run.json").read_text())["id"] == "run-7"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["net.py", "run-7"]


def test_a_site_that_says_nothing_of_a_removed_job_ends_the_waiting(queue, connection, queued, tmp_path):
    run = Run(prepared(queued, tmp_path / "run-7"), tmp_path / "run-7", connection, poll_s=0, sleep=lambda _s: None)
    run.submit()
    queue.jobs.clear()
    with pytest.raises(GoneError, match="no longer there"):
        run.wait()


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_result_stays_in_the_runs_folder(tmp_path, path):
    with pytest.raises(ToolError):
        results.target(tmp_path, path)


def test_a_result_at_another_kind_of_address_is_not_fetched_and_the_others_come(queue, brought):
    shown, bad = queue.shown, {"url": "file:///etc/passwd", "path": "x", "size": 1}

    def more(number: int) -> dict[str, object]:
        document = shown(number)
        return {**document, "output_data": {"files": [bad, *document["output_data"]["files"]]}}

    queue.stored, queue.shown = {"good.txt": b"1"}, more
    run = brought(queue)
    assert [(lost.path, "not https" in lost.reason) for lost in run.record.missing] == [("x", True)]
    assert {file.path for file in run.record.files} == {"good.txt", "stdout"}


def test_a_result_that_lies_without_tls_is_asked_for_with_it(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.stored = {"a b/spikes.nix": b"123456"}
    files = [{"url": "http://store.example.org/a%20b/spikes.nix", "path": None, "size": 6}]
    queue.shown = lambda _number: {"id": 1, "status": "finished", "output_data": {"files": files}}
    assert [(file.path, file.problem) for file in connection.files(f"{QUEUE}/jobs/1")] == [("spikes.nix", ""), ("stdout", "")]
    with connection.read(f"{QUEUE}/jobs/1", "spikes.nix") as pieces:
        assert b"".join(pieces) == b"123456"
    assert {request.url.scheme for request in queue.seen} == {"https"}


SHA1 = hashlib.sha1(b"1 2\n", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("noted", [SHA1, SHA1.upper()])
@pytest.mark.parametrize("spoiled", [0, 1])
def test_a_result_is_compared_with_the_queues_hash_and_fetched_again_once(brought, noted, spoiled):
    queue = FakeQueue(stored={"spikes.csv": b"1 2\n"}, hashes={"spikes.csv": noted}, spoiled=["spikes.csv"] * spoiled)

    run = brought(queue)

    (found,) = [file for file in run.record.files if file.path == "spikes.csv"]
    assert (found.checked, found.checked_by, found.sha256) == (True, "sha1", hashlib.sha256(b"1 2\n").hexdigest())
    assert asked_for(queue, "spikes.csv") == 1 + spoiled


def test_a_result_that_stays_different_is_missing_with_both_hashes(brought):
    queue = FakeQueue(stored={"spikes.csv": b"1 3\n", "good.csv": b"1 2\n"}, hashes=dict.fromkeys(("spikes.csv", "good.csv"), SHA1))

    run = brought(queue)

    (lost,) = run.record.missing
    came = hashlib.sha1(b"1 3\n", usedforsecurity=False).hexdigest()
    assert (lost.path, f"SHA-1 {came}" in lost.reason, SHA1 in lost.reason, "fetched 2 times" in lost.reason) == (
        "spikes.csv",
        True,
        True,
        True,
    )
    assert asked_for(queue, "spikes.csv") == 2
    assert [path.name for path in run.folder.glob("*.csv")] == ["good.csv"]


@pytest.mark.parametrize("noted", [None, "", "string", "abcdef0123456789", "d" * 39, "g" * 40])
def test_a_queues_hash_of_another_form_checks_nothing(brought, noted):
    run = brought(FakeQueue(stored={"spikes.csv": b"1 2\n"}, hashes={"spikes.csv": noted}))

    assert [(file.checked, file.checked_by) for file in run.record.files] == [(False, None)] * 2
    assert not run.record.missing


def test_what_is_here_and_has_the_queues_hash_is_not_fetched_again(queue, connection, tmp_path):
    queue.jobs[1], queue.statuses = {"id": 1}, ["finished"]
    queue.stored, queue.hashes = {"spikes.csv": b"1 2\n"}, {"spikes.csv": SHA1}
    first, second = (results.fetch(connection, f"{QUEUE}/jobs/1", tmp_path, [], patiently(sleep=lambda _s: None)) for _ in range(2))

    assert first == second
    assert asked_for(queue, "spikes.csv") == 1


def asked_for(queue: FakeQueue, path: str) -> int:
    """How often its content was."""
    return sum(request.method == "GET" and request.url.path == f"/{path}" for request in queue.seen)


def test_a_long_log_comes_whole_and_its_end_is_shown(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.statuses, queue.log = ["error"], "x" * 20_000_000 + "\nValueError: é\n"
    with connection.read(f"{QUEUE}/jobs/1", "stdout") as pieces:
        assert sum(map(len, pieces)) == len(queue.log.encode())
    assert connection.state(f"{QUEUE}/jobs/1").log[-1] == "ValueError: é"


@pytest.mark.parametrize("tag", ["x", "y" * 101])
def test_a_tag_that_no_queue_takes_is_said_before_anything_is_sent(queued, tag):
    with pytest.raises(UsageError, match="tags of 2 to 100 characters"):
        nmpi_job.description(replace(queued, tags=(tag,)))


def test_cancelling_says_that_it_cannot_be_done(queue, connection):
    queue.jobs[1] = {"id": 1}
    queue.statuses = ["running"]
    with pytest.raises(UsageError, match="cannot cancel jobs"):
        connection.abort(f"{QUEUE}/jobs/1")


def test_the_description_names_collab_platform_and_run(queued):
    described = nmpi_job.description(queued).document()
    assert {name: described[name] for name in described if name != "code"} == {
        "command": "run.py {system}",
        "collab": "my-collab",
        "hardware_platform": "SpiNNaker",
        "hardware_config": {"timeout": 1},
        "tags": ["run-7"],
    }


def test_without_a_collab_it_says_where_to_name_one(queued):
    nobody = replace(queued, site=queued.site.model_copy(update={"nmpi": NmpiSettings(platform="SpiNNaker")}))
    with pytest.raises(UsageError, match=r"--account COLLAB.*site-configs/spinnaker\.yaml"):
        BACKEND.run_job(nobody)
    own = replace(nobody, site=nobody.site.model_copy(update={"file": Path("/own/queue.yaml")}))
    with pytest.raises(UsageError, match=r"set nmpi\.collab in /own/queue\.yaml"):
        BACKEND.run_job(own)


@pytest.fixture
def far_end(monkeypatch, tmp_path) -> Callable[[Plan], Path]:
    """Runs a job's program as a queue does, in a folder of its own."""

    def run(planned: Plan) -> Path:
        folder = tmp_path / "far"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["run.py", "spiNNaker"])
        monkeypatch.setattr("sys.path", list(sys.path))
        exec(compile(nmpi_job.program(planned), "run.py", "exec"), {"__name__": "__main__"})
        return folder

    return run


def test_the_far_end_runs_the_script_with_its_arguments_inputs_and_backend(queue_site, tmp_path, far_end, monkeypatch):
    monkeypatch.setattr("os.environ", {})
    script, table, blob = tmp_path / "net.py", tmp_path / "table.txt", tmp_path / "blob.bin"
    script.write_text(
        "import os, sys, json\n"
        "from pathlib import Path\n"
        "read = [Path('table.txt').read_text(), list(Path('blob.bin').read_bytes())]\n"
        "Path('out').write_text(json.dumps([sys.argv, os.environ['PYNN_SIMULATOR'], *read]))\n"
    )
    table.write_text('a "quoted"\nline\n')
    blob.write_bytes(b"\xff\x00")

    folder = far_end(Request(script, ("--x", "1 2"), inputs=(table, blob)).checked(queue_site).plan(None, "run-8"))

    assert json.loads((folder / "out").read_text()) == [["net.py", "--x", "1 2"], "spiNNaker", 'a "quoted"\nline\n', [255, 0]]
    assert "Python" in json.loads((folder / "esd" / "versions.json").read_text())


def test_too_much_for_a_queue_is_said_before_it_is_sent(queue_site, tmp_path):
    script = tmp_path / "net.py"
    script.write_text("x = 1\n" * 1_000_000)
    with pytest.raises(UsageError, match="a queue's job carries at most 5 MB"):
        nmpi_job.description(Request(script).checked(queue_site).plan(None, "run-9"))


def test_two_results_of_one_name_are_two():
    files = (OutputFile(url="/data/1/a", path="a", size=1), OutputFile(url="/data/2/a", path="a", size=2))

    found = outputs(JobAnswer(id=1, status="finished", output_data=OutputData(files=files)), QUEUE)

    assert {path: one.size for path, one in found.items()} == {"a": 1, "a~2": 2}

"""Folders that nobody thought of, as the queue gives them out: found and named by our queue's own code, fetched by our client's.

A queue lists files only, without a hash that the job computed: what arrives is compared with what was there, byte by byte.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from tests.esd_deploy.fetching.test_property import PATIENCE, SENT, altered, change, folders, make, often, real_files, tree, unhoused

from esd_deploy.backends.nmpi.connection import LOG, NmpiConnection
from esd_deploy.fetching.places import text
from esd_deploy.records.record import FileRecord
from esd_deploy.runs import results
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_localsite.files.processes import Account
from esd_localsite.nmpi.answers import results_document
from esd_localsite.nmpi.program import STARTED, WORK
from esd_localsite.nmpi.records import Output, QueueRecord, Request
from esd_localsite.nmpi.results import outputs
from esd_localsite.records.workspace import Workspace

pytestmark = pytest.mark.integration
QUEUE = "https://queue.example.org"
JOB = f"{QUEUE}/jobs/1"
REQUEST = Request(code="", collab="mine", hardware_platform="Demo")
RECORD = QueueRecord(id="1", number=1, owner="me", job="job", created=datetime.now(UTC), request=REQUEST)
KEPT_BACK = ("reports/", "application_generated_data_files/")


@dataclass(frozen=True)
class Queue:
    """A job that has ended, as a queue answers for it."""

    work: Path
    found: tuple[Output, ...]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        raw = request.url.raw_path.decode().partition("?")[0]
        if raw == "/jobs/1/log":
            return httpx.Response(200, text="the log")
        if raw == "/jobs/1":
            return httpx.Response(
                200, json={"id": 1, "status": "finished", "output_data": results_document(QUEUE, RECORD, "key", self.found)}
            )
        names = {one.path: one.name for one in self.found}
        return httpx.Response(200, content=(self.work / names[unquote(raw).removeprefix("/data/1/key/")]).read_bytes())


@often
@given(tree, change)
def test_what_a_queue_gives_out_is_what_was_there(things, change):
    with folders("nothing") as (job, folder):
        (job / STARTED).touch()
        work = job / WORK
        work.mkdir()
        for place in (work / name for name in SENT):
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(b"sent")
        altered(work, change)
        make(work, things)
        found = outputs(Workspace(job, Account.of(None)))
        client = httpx.Client(transport=httpx.MockTransport(Queue(work, found)))
        sent = dict.fromkeys(SENT, hashlib.sha256(b"sent").hexdigest())

        connection = NmpiConnection(Endpoint(QUEUE, "", None, Credentials("token"), "is it up?"), client)
        fetched = results.fetch(connection, JOB, folder, SENT, PATIENCE, sent=sent)

        assert {one.name for one in found} == set(given_out(work))
        assert results.fetch(connection, JOB, folder, SENT, PATIENCE, sent=sent) == fetched
        compare(folder, {one.path: given_out(work)[one.name] for one in found}, fetched)


def given_out(work: Path) -> dict[str, str]:
    """What a queue gives back: regular files, and none of two folders of its own."""
    return {name: digest for name, digest in real_files(work).items() if not name.startswith(KEPT_BACK)}


def compare(folder: Path, there: dict[str, str], fetched: results.Fetched) -> None:
    arrived = {one.origin or one.path: one for one in own(fetched)}
    sent = hashlib.sha256(b"sent").hexdigest()
    expected = {text(name): digest for name, digest in there.items() if not unhoused(name) and (name not in SENT or digest != sent)}
    assert {name: one.sha256 for name, one in arrived.items()} == expected
    assert len(arrived) == len(list(own(fetched)))
    for one in fetched.files:
        assert hashlib.sha256((folder / one.path).read_bytes()).hexdigest() == one.sha256
    assert [(folder / name).read_bytes() for name in SENT] == [b"sent"] * len(SENT)
    assert not fetched.missing


def own(fetched: results.Fetched) -> Iterator[FileRecord]:
    """Without the log, and without what is taken for UNICORE's."""
    yield from (one for one in fetched.files if one.path != LOG and not unhoused(one.origin or one.path))

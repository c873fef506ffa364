"""The engine with a batch system that does what the test wants; no thread, no process."""

import pytest

from esd_localsite.description.config import EndpointConfig
from esd_localsite.faults.board import FaultBoard
from esd_localsite.files.processes import Launcher
from esd_localsite.identity.users import Identity
from esd_localsite.jobs.batch import GONE, BatchError
from esd_localsite.jobs.engine import Engine
from esd_localsite.records.life import Aborted, Action, JobState, Phase, Started

ESD = Identity("esd", "esd", "PASSWORD_FILE")


class FakeBatch:
    """Remembers what it was told; `silent`: it raises instead."""

    note = ""

    def __init__(self):
        self.submitted, self.cancelled, self.known, self.state, self.silent = [], [], {}, {}, False

    def submit(self, submission):
        if self.silent:
            raise BatchError("slurmctld is away")
        self.submitted.append(submission)
        batch_id = str(len(self.submitted))
        self.state[batch_id] = "PENDING"
        return batch_id

    def find(self, job_id, owner):
        return self.known.get(job_id)

    def words(self, batch_ids):
        if self.silent:
            raise BatchError("slurmctld is away")
        return {batch_id: self.state.get(batch_id, GONE) for batch_id in batch_ids}

    def details(self, batch_id, owner):
        return {"JobState": self.state[batch_id]} if batch_id in self.state else {}

    def cancel(self, batch_id, owner):
        self.cancelled.append(batch_id)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def batch():
    return FakeBatch()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_engine(tmp_path, batch, clock):
    (tmp_path / "uspace").mkdir(exist_ok=True)
    fields = dict.fromkeys(("certificate", "private_key", "users_file"), tmp_path)
    config = EndpointConfig(site_name="S", port=1, state_dir=tmp_path / "state", uspace_dir=tmp_path / "uspace", **fields)
    return lambda: Engine(config, Launcher(), batch, FaultBoard(config.state_dir / "faults.json"), clock=clock)


@pytest.fixture
def engine(make_engine):
    return make_engine()


def begun(engine, fields):
    """A job whose directory is there."""
    record = engine.create(ESD, fields)
    engine.begin()
    return engine.store.get(record.id)


def phase(engine, record):
    return engine.store.get(record.id).state.phase


def test_a_batch_job_from_submission_to_its_exit_code(engine, batch):
    record = begun(engine, {"Executable": "date"})
    assert batch.submitted[0].job_id == record.id
    assert (record.directory / "bss_submit_0").read_text().startswith("#!/bin/bash\n#SBATCH --job-name=")
    batch.state["1"] = "RUNNING"
    engine.tick()
    assert phase(engine, record) is Phase.RUNNING
    (record.directory / "UNICORE_SCRIPT_EXIT_CODE").write_text("0\n")
    engine.tick()
    assert phase(engine, record) is Phase.RUNNING  # its outputs are complete only when Slurm says so too
    batch.state["1"] = "COMPLETED"
    engine.tick()
    assert phase(engine, record) is Phase.SUCCESSFUL
    assert engine.details(engine.store.get(record.id)) == {"JobState": "COMPLETED"}
    del batch.state["1"]
    with pytest.raises(BatchError, match="Invalid job id 1"):
        engine.details(engine.store.get(record.id))


def test_silence_of_the_batch_system_is_no_end_of_the_job(engine, batch, clock):
    record = begun(engine, {"Executable": "date"})
    batch.silent = True
    for clock.now in (0.0, 1000.0, 2000.0):
        engine.tick()
    assert phase(engine, record) is Phase.QUEUED


def test_submission_is_tried_again_in_time(engine, batch, clock):
    batch.silent = True
    record = begun(engine, {"Executable": "date"})
    assert phase(engine, record) is Phase.SUBMITTING
    batch.silent = False
    clock.now = 9.0
    engine.tick()
    assert batch.submitted == []
    clock.now = 10.0
    engine.tick()
    assert phase(engine, record) is Phase.QUEUED


def pending_submission(engine):
    """A job whose endpoint died between its decision to submit and the record of the batch id."""
    record = begun(engine, {"Executable": "date", "haveClientStageIn": "true"})
    state = JobState(phase=Phase.SUBMITTING, pending=Action.SUBMIT, started=True, attempts=1)
    engine.store.save(record.model_copy(update={"state": state}))
    return record


def test_a_job_that_was_submitted_before_the_crash_is_not_submitted_again(make_engine, batch):
    record = pending_submission(make_engine())
    batch.known[record.id] = "17"
    again = make_engine()
    again.take_up()
    state = again.store.get(record.id).state
    assert (state.phase, state.batch_id, batch.submitted) == (Phase.QUEUED, "17", [])


def test_a_job_that_was_not_submitted_before_the_crash_is_submitted(make_engine, batch):
    record = pending_submission(make_engine())
    again = make_engine()
    again.take_up()
    assert phase(again, record) is Phase.QUEUED
    assert [submission.job_id for submission in batch.submitted] == [record.id]


def test_a_job_is_seen_before_its_directory_is_there(engine):
    record = engine.create(ESD, {"Executable": "date"})
    assert (phase(engine, record), record.directory.exists()) == (Phase.CREATED, False)
    engine.apply(record.id, Started())
    engine.begin()
    assert (phase(engine, record), record.directory.exists()) == (Phase.QUEUED, True)


def test_a_directory_that_cannot_be_made_fails_the_job(engine, make_engine):
    record = engine.create(ESD, {"Executable": "date"})
    record.directory.write_text("in the way")
    engine.begin()
    state = engine.store.get(record.id).state
    assert (state.phase, state.message.startswith("Processing failed: MAKE_FOLDER: File exists")) == (Phase.FAILED, True)


def test_a_job_that_came_before_the_crash_gets_its_directory(make_engine):
    record = make_engine().create(ESD, {})
    again = make_engine()
    again.tick()
    assert (phase(again, record), record.directory.exists()) == (Phase.SUCCESSFUL, True)


def test_bad_resources_fail_the_job_when_it_is_handed_over(engine, batch):
    record = begun(engine, {"Executable": "date", "Resources": {"Project": "a b"}})
    assert (phase(engine, record), batch.submitted) == (Phase.FAILED, [])
    assert engine.store.get(record.id).state.message == "Processing failed: Illegal characters in 'a b' of resource <Project>"


def test_inline_imports_are_there_before_the_job(engine):
    record = begun(engine, {"Imports": [{"From": "inline://x", "To": "in/x", "Data": "abc"}]})
    assert (record.directory / "in/x").read_text() == "abc"
    assert phase(engine, record) is Phase.SUCCESSFUL


def test_abort_cancels_and_delete_forgets(engine, batch, make_engine):
    record = begun(engine, {"Executable": "date"})
    engine.apply(record.id, Aborted())
    assert batch.cancelled == ["1"]
    engine.destroy(record.id)
    assert not record.directory.exists()
    assert list(make_engine().store) == []


def test_a_wrong_description_keeps_its_tags_and_says_why(engine):
    record = begun(engine, {"Job type": "?", "Tags": ["t"]})
    assert (record.tags, record.state.phase, record.unreadable) == (("t",), Phase.FAILED, True)
    assert record.state.message.startswith("Processing failed: No enum constant JobType.?")
    assert record.directory.is_dir()

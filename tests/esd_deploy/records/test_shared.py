"""Two clients that write one record."""

from esd_deploy.backends.connection import JobState
from esd_deploy.records import record
from esd_deploy.records.record import FileRecord, RunRecord
from esd_deploy.records.shared import amended


def test_each_keeps_what_the_other_found_out(planned, tmp_path):
    folder = tmp_path / "run-1"
    begun = RunRecord.of(planned, {}).with_job("https://example.org/1").with_state(JobState("RUNNING"))
    begun.save(folder)
    ended = begun.with_state(JobState("SUCCESSFUL", exit_code=0, batch_id="7"))
    fetched = ended.model_copy(update={"files": (FileRecord(path="a", size=1, sha256="x"),)})
    amended(folder, begun, fetched)

    stale = amended(folder, begun, begun.with_state(JobState("QUEUED", "late answer", batch_id="7")))

    assert (stale.status, stale.message, stale.exit_code, len(stale.files)) == ("SUCCESSFUL", "", 0, 1)
    assert [one.status for one in stale.states] == ["PREPARED", "RUNNING", "SUCCESSFUL"]
    again = amended(folder, begun, ended)
    assert (len(again.files), again.job.url, again.job.batch_id) == (1, "https://example.org/1", "7")
    assert [one.status for one in again.states] == ["PREPARED", "RUNNING", "SUCCESSFUL"]
    assert record.load(tmp_path, "run-1") == again

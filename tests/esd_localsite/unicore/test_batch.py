import pytest

from esd_localsite.jobs.batch import GONE, batch_state, parse_details, parse_queue
from esd_localsite.records.life import Batch


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", Batch.WAITING),
        ("RUNNING", Batch.RUNNING),
        ("SUSPENDED", Batch.RUNNING),
        ("SOMETHING_NEW", Batch.RUNNING),
        ("COMPLETING", Batch.RUNNING),
        ("COMPLETED", Batch.ENDED),
        ("FAILED", Batch.ENDED),
        (GONE, Batch.ENDED),
        ("TIMEOUT", Batch.ENDED),
        ("OUT_OF_MEMORY", Batch.ENDED),
        ("NODE_FAIL", Batch.ENDED),
        ("CANCELLED", Batch.ENDED),
    ],
)
def test_meaning_of_slurm_states(word, state):
    assert batch_state(word) is state


def test_queue():
    assert parse_queue("17|RUNNING\n18_[1-3]|PENDING\nnonsense\n") == {"17": "RUNNING", "18_[1-3]": "PENDING"}


def test_details_with_blanks_and_equals_signs_in_values():
    text = "JobId=17 JobName=UNICORE_job UserId=esd(1001) ExitCode=0:15 Command=/u/a b/run.sh x=y NumNodes=2 ReqTRES=cpu=2,mem=1M Power=\n"
    assert parse_details(text) == {
        "JobId": "17",
        "JobName": "UNICORE_job",
        "UserId": "esd(1001)",
        "ExitCode": "0:15",
        "Command": "/u/a b/run.sh x=y",
        "NumNodes": "2",
        "ReqTRES": "cpu=2,mem=1M",
        "Power": "",
    }

import pytest

from esd_localsite.jobs.batch import GONE, batch_state, candidates, parse_details, parse_queue
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
    assert parse_queue("17|RUNNING\n18_[1-3]|PENDING\nnonsense\n") == {"17": "RUNNING", "18": "PENDING"}


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


HET = "10064+0|RUNNING\n10064+1|RUNNING\n"
ARRAY = "10070_[3-9%2]|PENDING\n10070_1|COMPLETING\n10070_2|RUNNING\n"


@pytest.mark.parametrize(
    ("rows", "states"),
    [
        (HET, {"10064": "RUNNING"}),
        ("10064+0|COMPLETED\n10064+1|RUNNING\n", {"10064": "RUNNING"}),
        ("10064+0|PENDING\n10064+1|PENDING\n", {"10064": "PENDING"}),
        (ARRAY, {"10070": "COMPLETING"}),  # counts as running, like the task behind it
        ("10070_[3-9]|PENDING\n10070_1|COMPLETED\n", {"10070": "PENDING"}),
        ("10070_1|FAILED\n", {"10070": "FAILED"}),
        (f"17|PENDING\n{HET}{ARRAY}", {"17": "PENDING", "10064": "RUNNING", "10070": "COMPLETING"}),
        ("10064x|RUNNING\n10064+ 1|RUNNING\n|RUNNING\n", {}),
    ],
)
def test_a_job_of_several_parts_has_one_state(rows, states):
    assert parse_queue(rows) == states


def test_a_job_of_several_parts_is_found_by_its_comment():
    text = "9|other\n10064+0|mine\n10064+1|mine\n10063|mine\n10065+1|other\n10070_[1-3]|mine\n"
    assert candidates(text, "mine") == ("10070", "10064", "10063")

"""Every fault that was recorded is found in its recording, under its name, with advice; and nothing is found in a good one."""

from dataclasses import replace

import pytest
from tests.esd_deploy.validation import recording
from tests.esd_deploy.validation.conftest import DIGEST, LABELS, recorded

from esd_deploy.validation.reference import References
from esd_deploy.validation.suite import Selection, judge, select, with_needs
from esd_deploy.validation.terms.observations import JobEnd

QUICK = with_needs(select(Selection(quick=True)))
# Fault → the checks that fail, the words that the first one's reason and advice must hold.
FAULTS = {
    "wrong-plugin": ({"plugin"}, "no MPI plugin 'pmix_v9'", "`mpi`"),
    "host-name": ({"host-names"}, "c1 calls itself 'node-c1'", "NodeName"),
    "pmix-hidden": ({"pmix-folder"}, "hidden in the container", "`binds`"),
    "no-sharens": ({"user-namespace"}, "cannot read each other's memory", "`sharens: true`"),
    "ucx-tcp": ({"transport-node"}, "use the network instead of memory", "UCX_TLS"),
    "promised-infiniband": ({"transport-nodes"}, "but the site has infiniband", "OMPI_MCA_pml"),
    "hang": ({"wireup-nodes"}, "exit code 14", "--suggest"),
    "no-mpi": ({"mpi"}, "no MPI library", "with MPI"),
    "other-processor": ({"processor", "start"}, "is for sapphirerapids", "`target`"),
    "leaking-path": ({"leaks"}, "PYTHONPATH=/usr/lib/python3/dist-packages", "`environment`: remove"),
    "fence-tree": ({"fence"}, "PMIx does not wait for other nodes", "SLURM_PMIX_FENCE: ring"),
    "oversubscribed": ({"threads"}, "2 ranks x 16 threads on 2 processors", "OMP_NUM_THREADS"),
    "no-pmix": ({"pmix"}, "no PMIX_NAMESPACE", "`mpi`"),
}


def verdicts(observed):
    return judge(QUICK, observed, References())


def failed(found):
    return {name for name, verdict in found.items() if verdict.outcome == "failed"}


def test_nothing_is_found_where_all_is_well(good):
    found = verdicts(good)

    assert {name: verdict for name, verdict in found.items() if verdict.outcome != "passed"}.keys() == {"spikes"}
    assert found["spikes"].outcome == "unknown"
    assert all(verdict.reason for verdict in found.values())


def test_a_recording_says_only_what_the_fault_changed():
    """What is as in the good recording comes from there: the next reader sees what a fault does."""
    base = recording.files("base")
    same = {
        f"{fault}: {step}"
        for fault in recording.faults()
        for step in {path.split("/")[2] for path in recording.own(fault)}
        if {path: text for path, text in recording.own(fault).items() if f"/{step}/" in path}
        == {path: text for path, text in base.items() if f"/{step}/" in path}
    }

    assert same == set()


def test_every_recording_is_looked_at():
    assert recording.faults() == {*FAULTS, "node-down", "short-time"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(fault):
    names, reason, advice = FAULTS[fault]
    observed = recorded(fault)
    if fault == "other-processor":
        observed = replace(observed, image=replace(observed.image, annotations={**LABELS, "eu.ebrains.esd.target": "sapphirerapids"}))

    found = verdicts(observed)

    assert names <= failed(found)
    first = next(name for name in found if name in names)
    assert reason in found[first].reason
    assert advice in found[first].advice
    assert all(verdict.advice for verdict in found.values() if verdict.outcome == "failed")


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_rests_on_a_fault_is_not_blamed(fault):
    """A wrong plugin is one fault, not twenty."""
    assert len(failed(verdicts(recorded(fault)))) <= 4


def test_a_node_that_is_down_is_named_although_the_job_never_started():
    found = verdicts(replace(recorded("node-down"), job=JobEnd(started=False, finished=False, message="ReqNodeNotAvail", queued_s=15)))

    assert failed(found) == {"nodes", "job"}
    assert "c2 is down" in found["nodes"].reason
    assert "memory module is broken" in found["nodes"].reason
    assert "still queued after 15 s (ReqNodeNotAvail)" in found["job"].reason
    assert found["wireup-nodes"].outcome in {"unknown", "skipped"}


def test_a_time_limit_that_is_too_short_is_named_and_what_was_not_seen_is_unknown():
    stderr = recording.stderr("short-time")
    found = verdicts(replace(recorded("short-time"), job=JobEnd(finished=False, stderr=stderr, time_limit_s=60)))

    assert failed(found) == {"job"}
    assert "time limit of 60 s" in found["job"].reason
    assert "--time" in found["job"].advice
    assert found["leftovers"].outcome == "unknown"
    assert "time limit of 60 s" in found["leftovers"].reason


def test_a_time_limit_is_named_although_slurms_own_word_came_too_late():
    end = JobEnd(finished=False, message="The batch system ended the job: it reached its time limit (TIMEOUT)", time_limit_s=60)

    assert "--time" in verdicts(replace(recorded("short-time"), job=end))["job"].advice


def test_a_tag_that_moves_while_it_is_validated_is_named(good):
    found = verdicts(replace(good, tag_now="sha256:" + "e" * 64))

    assert failed(found) == {"tag"}
    assert "moved: it now names sha256:eeeeeeeeeeee…" in found["tag"].reason


def test_a_released_tag_must_not_have_moved_since_the_last_validation(good):
    released = replace(good.image, reference=replace(good.image.reference, tag="25.04"))
    before = "sha256:" + "e" * 64

    assert failed(verdicts(replace(good, image=released, tag_before=before))) == {"tag"}
    assert failed(verdicts(replace(good, tag_before=before))) == set()
    assert failed(verdicts(replace(good, image=released, tag_before=DIGEST))) == set()

"""NEST's own MPI tests: whatever becomes of one file, the others are told too; nothing that was not looked at is passed."""

import json
from dataclasses import replace

import pytest
from tests.esd_deploy.validation.conftest import output

from esd_deploy.validation.checks.testsuite import TEST_FILES, mpi_tests_step
from esd_deploy.validation.suite import CHECKS
from esd_deploy.validation.terms.check import verdict
from esd_deploy.validation.terms.observations import JobEnd

CHECK = next(check for check in CHECKS if check.name == "nest-testsuite")


def printed(ranks, number, **values):
    """What the step of one file printed."""
    facts = {
        "missing": None,
        "ranks": ranks,
        "file": f"test_{number}.py",
        "files": TEST_FILES[ranks],
        "tests": 2,
        "skipped": [],
        "failed": {},
    }
    return output(mpi_tests_step(ranks, number), json.dumps({**facts, **values}), limit_s=300)


@pytest.fixture
def suite(good):
    """The verdict on all files, some of them replaced; None leaves one out."""

    def judged(*changed, nodes=2, left_out=(), job=None):
        ranks = (2, 4) if nodes > 1 else (2,)
        known = {one.step: one for one in (printed(r, n) for r in ranks for n in range(1, TEST_FILES[r] + 1))}
        known.update({one.step: one for one in changed})
        outputs = tuple(one for name, one in known.items() if name not in left_out)
        return verdict(CHECK, replace(good, nodes=nodes, outputs=outputs, job=job or good.job), {})

    return judged


def test_all_files_passed(suite):
    found = suite(printed(2, 5, skipped=["NEST has no music"] * 2))

    assert (found.outcome, found.reason) == ("passed", "54 tests in 27 files for 2 and 4 ranks, 2 skipped (NEST has no music)")


def test_on_one_node_only_those_for_two_ranks_are_looked_at(suite):
    assert suite(nodes=1).reason == "36 tests in 18 files for 2 ranks"


def test_a_test_that_failed_is_named_with_its_rank_and_error(suite):
    found = suite(printed(4, 3, failed={"test_delay": {"ranks": [1, 3], "message": "assert 1 == 2"}}))

    assert found.outcome == "failed"
    assert found.reason.startswith("test_3.py test_delay on rank 1, 3: assert 1 == 2. 54 tests in 27 files")
    assert "stderr" in found.advice


def test_many_failures_are_counted(suite):
    found = suite(printed(2, 1, failed={f"test_{n}": {"ranks": [0], "message": "no"} for n in range(9)}))

    assert "; 6 more. " in found.reason
    assert len(found.reason) < 200


def test_a_file_that_hangs_or_crashes_is_told_beside_the_others(suite):
    hung = replace(output(mpi_tests_step(2, 7)), code=124, seconds=300.4, limit_s=300)
    crashed = replace(output(mpi_tests_step(2, 9)), code=139, stderr="Segmentation fault")
    found = suite(hung, crashed)

    assert found.outcome == "failed"
    assert found.reason == (
        "file 2-7 did not end within 300 s; file 2-9 ends with 139: Segmentation fault. 50 tests in 25 files for 2 and 4 ranks"
    )


def test_what_did_not_run_is_unknown_although_the_rest_passed(suite):
    late = JobEnd(finished=False, stderr="CANCELLED DUE TO TIME LIMIT", time_limit_s=600)
    found = suite(left_out={mpi_tests_step(4, 9)}, job=late)

    assert found.outcome == "unknown"
    assert "1 of 27 files did not finish: the job reached its time limit of 600 s" in found.reason


def group(ranks, **values):
    return [printed(ranks, n, **values) for n in range(1, TEST_FILES[ranks] + 1)]


def test_a_failure_is_not_hidden_by_a_group_that_is_missing(suite):
    wrong = printed(2, 1, failed={"test_delay": {"ranks": [1], "message": "assert 1 == 2"}})
    found = suite(wrong, *group(4, missing="/nest/4 has no tests", file=""))

    assert found.outcome == "failed"
    assert found.reason == (
        "test_1.py test_delay on rank 1: assert 1 == 2. 36 tests in 18 files for 2 ranks; this image cannot run them: /nest/4 has no tests"
    )


def test_a_group_that_is_missing_is_told_and_nothing_is_passed(suite):
    found = suite(*group(4, missing="/nest/4 has no tests", file=""))

    assert found.outcome == "unknown"
    assert found.reason == "36 tests in 18 files for 2 ranks; this image cannot run them: /nest/4 has no tests"


def test_more_files_than_are_run_are_told(suite):
    assert suite(*(printed(4, n, files=11) for n in range(1, 10))).reason.endswith("; 2 more files were not run")


@pytest.mark.parametrize(("values", "outcome"), [({"missing": "pytest"}, "skipped"), ({"tests": 0}, "unknown")])
def test_an_image_without_tests_is_never_passed(suite, values, outcome):
    assert suite(*group(2, **values), *group(4, **values)).outcome == outcome

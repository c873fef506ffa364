"""What holds for every check: a hang, a cut, a need that failed, an output that nobody understands."""

from dataclasses import replace

import pytest
from tests.esd_deploy.validation.conftest import Changed, output, recorded

from esd_deploy.validation.checks import messages as judge_transport
from esd_deploy.validation.checks import mpi as judge_mpi
from esd_deploy.validation.checks import wireup
from esd_deploy.validation.reference import References
from esd_deploy.validation.suite import CHECKS, judge
from esd_deploy.validation.terms.check import verdict
from esd_deploy.validation.terms.observations import STEPS_FOLDER, JobEnd, read
from esd_deploy.validation.terms.step import Step
from esd_deploy.validation.terms.verdict import failed, passed, skipped, unknown

BY_NAME = {check.name: check for check in CHECKS}
STEPPED = [check.name for check in CHECKS if check.steps]


@pytest.mark.parametrize("name", STEPPED)
def test_a_step_that_did_not_run_is_never_passed(good, name):
    bare = replace(good, outputs=(), job=JobEnd(finished=False, message="Job aborted."))

    found = verdict(BY_NAME[name], bare, {})

    assert found.outcome == "unknown"
    assert "Job aborted." in found.reason


@pytest.mark.parametrize("name", STEPPED)
def test_a_step_that_hangs_is_a_failure_that_says_how_long(good, name):
    check = BY_NAME[name]
    hung = tuple(output(step, code=124, seconds=45.2) for step in check.steps)

    found = verdict(check, replace(good, outputs=hung), {})

    assert found.outcome == "failed"
    assert "45 s" in found.reason


def test_of_a_step_that_hung_the_programs_words_are_told_and_not_the_launchers():
    killed = "srun: error: c1: tasks 0-1: Killed\nsrun: launch/slurm: _step_signal: Terminating StepId=7.3\n"

    assert output("x", stderr=killed, code=137, seconds=45.2).aside == ""
    assert output("x", stderr=f"waiting for rank 1\n{killed}", code=137, seconds=45.2).aside == " (waiting for rank 1)"
    assert "Killed" in output("x", stderr=killed, code=137, seconds=2.0).aside


@pytest.mark.parametrize("name", STEPPED)
def test_nonsense_is_not_taken_for_success(good, name):
    check = BY_NAME[name]
    noise = tuple(output(step, "%$!? \x1b[0m nonsense", code=0) for step in check.steps)

    assert verdict(check, replace(good, outputs=noise), {}).outcome in {"unknown", "failed"} or name == "start"


@pytest.mark.parametrize("need", [failed("x", "y"), unknown("x"), skipped("x")])
def test_a_check_whose_need_is_not_met_is_skipped_and_says_why(good, need):
    found = verdict(BY_NAME["wireup-node"], good, {"mpi": need})

    assert (found.outcome, found.reason) == ("skipped", f"needs 'mpi', which is {need.outcome}")


def test_checks_of_several_nodes_are_skipped_on_one(good):
    assert verdict(BY_NAME["wireup-nodes"], replace(good, nodes=1), {"mpi": passed("x")}).outcome == "skipped"


def test_needs_come_before_what_rests_on_them():
    order = [check.name for check in CHECKS]

    assert all(order.index(need) < order.index(check.name) for check in CHECKS for need in check.needs)


def test_a_program_that_ran_out_of_memory_did_not_hang():
    assert not output("nest-threads", code=137, seconds=3.0).hung
    assert output("nest-threads", code=137, seconds=50.0).hung


RANK = '{"rank": %d, "size": %d, "together": 1, "launched": 4, "host": "c1", "node": "c%d", "namespace": "user:[1]"}\n'


def test_singletons_are_named(change):
    alone = "".join(RANK % (0, 1, 1 + number // 2) for number in range(4))

    found = wireup.wireup_nodes(change.output("wireup-nodes", stdout=alone))

    assert found.outcome == "failed"
    assert "4 times rank 0 of 1" in found.reason


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 1, 2, 2)])
def test_a_world_that_lacks_a_rank_is_no_world(change, present):
    lines = "".join(RANK % (number, 4, 1 + number // 2) for number in present)

    assert wireup.wireup_nodes(change.output("wireup-nodes", stdout=lines)).outcome == "failed"


def test_ranks_on_one_node_only_are_not_two_nodes(change):
    lines = "".join(RANK % (number, 4, 1) for number in range(4))

    assert "on 1 nodes instead of 2" in wireup.wireup_nodes(change.output("wireup-nodes", stdout=lines)).reason


def test_a_transport_that_is_not_told_is_unknown(change):
    found = judge_transport.between(change.output("transport-nodes", stdout="", stderr=""))

    assert found.outcome == "unknown"


def test_a_network_that_the_site_does_not_name_is_unknown(good):
    silent = replace(good, site=good.site.model_copy(update={"network": None}))

    assert judge_transport.between(silent).outcome == "unknown"


def test_on_one_node_what_needs_several_stands_in_nobodys_way(good):
    found = judge(CHECKS, replace(good, nodes=1), References())

    assert found["wireup-nodes"].outcome == "skipped"
    assert "needs 'wireup-nodes'" not in found["nest"].reason


UCX = "[c1:1] select: component ucx selected\n[c1:1] UCX  INFO    ucp_context_0 intra-node cfg#1 tag(%s)\n"


@pytest.mark.parametrize(
    ("transport", "outcome"), [("sysv/memory posix/memory", "passed"), ("sysv/memory tcp/eth0", "failed"), ("tcp/eth0", "failed")]
)
def test_ranks_with_namespaces_of_their_own_are_well_where_ucx_copes(transport, outcome):
    split = Changed(recorded("no-sharens"))

    assert judge_mpi.user_namespace(split.output("transport-node", stderr=UCX % transport)).outcome == outcome


def test_a_step_that_came_too_late_for_its_job_did_not_run(tmp_path):
    folder = tmp_path / STEPS_FOLDER / "exit-code"
    folder.mkdir(parents=True)
    (folder / "end").write_text("1 0.009\n")
    (folder / "stderr").write_text("srun: error: Unable to create step for job 7: Job/step already completing or completed\n")

    assert read(tmp_path, (Step("exit-code", ("true",), 20),))[0].code is None

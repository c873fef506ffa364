import pytest

from esd_localsite.description.description import parse_description
from esd_localsite.jobs.life import (
    STATUS,
    Aborted,
    Action,
    Batch,
    BatchSeen,
    CommandEnded,
    Created,
    Done,
    Failed,
    JobState,
    Launched,
    Phase,
    Refused,
    Restarted,
    Rules,
    Started,
    Submitted,
    Tick,
)
from esd_localsite.jobs.machine import advance

RULES = Rules(grace=10.0, submit_attempts=2, submit_retry=5.0)
PLAIN = {"Executable": "date"}
WITH_PRECOMMAND = {**PLAIN, "User precommand": ["pull", "check"], "haveClientStageIn": "true"}
RUNNING = BatchSeen(Batch.RUNNING, "RUNNING", None, 0.0)


def ended(exit_code, at=0.0, word="COMPLETED"):
    return BatchSeen(Batch.ENDED, word, exit_code, at)


def live(fields, *events, state=None):
    """The steps of a job that these events happen to."""
    job, steps, state = parse_description(fields), [], state or JobState()
    for event in events:
        steps.append(advance(state, event, job, RULES))
        state = steps[-1].state
    return steps


def last(fields, *events, state=None):
    return live(fields, *events, state=state)[-1].state


def test_a_containerised_job_passes_all_states_in_order():
    steps = live(
        WITH_PRECOMMAND,
        Created(),
        Started(),
        Launched("1@1"),
        CommandEnded(0),
        Launched("2@2"),
        CommandEnded(0),
        Submitted("17"),
        RUNNING,
        ended(0),
    )
    assert [(step.state.phase, step.state.pending) for step in steps] == [
        (Phase.READY, None),
        (Phase.PRECOMMAND, Action.RUN_PRECOMMAND),
        (Phase.PRECOMMAND, None),
        (Phase.PRECOMMAND, Action.RUN_PRECOMMAND),
        (Phase.PRECOMMAND, None),
        (Phase.SUBMITTING, Action.SUBMIT),
        (Phase.QUEUED, None),
        (Phase.RUNNING, None),
        (Phase.SUCCESSFUL, None),
    ]
    assert [step.state.step for step in steps[1:5]] == [0, 0, 1, 1]
    assert steps[-1].state.exit_code == 0
    assert steps[-1].state.batch_id == "17"


def test_a_failed_precommand_submits_nothing_and_leaves_its_output_in_the_log():
    step = live(WITH_PRECOMMAND, Created(), Started(), Launched("1@1"), CommandEnded(3, ("[stderr] no space",)))[-1]
    assert step.state.phase is Phase.FAILED
    assert step.state.pending is None
    assert step.state.exit_code is None
    assert step.state.message == "Pre-command(s) failed"
    assert step.log == ("[stderr] no space", "'pull' exited with code 3.", "Job is FAILED: Pre-command(s) failed")


def test_a_failed_precommand_may_be_ignored():
    fields = {**PLAIN, "User precommand": "pull", "UserPrecommandIgnoreNonZeroExitCode": "true"}
    assert last(fields, Created(), Launched("1@1"), CommandEnded(3)).pending is Action.SUBMIT


def test_imports_come_before_the_wait_for_the_client():
    fields = {**PLAIN, "Imports": [{"From": "inline://x", "To": "x", "Data": "1"}], "haveClientStageIn": "true"}
    steps = live(fields, Created(), Done(), Started())
    assert [STATUS[step.state.phase] for step in steps] == ["STAGINGIN", "READY", "QUEUED"]


def test_start_during_the_imports_is_remembered():
    fields = {**PLAIN, "Imports": [{"From": "inline://x", "To": "x", "Data": "1"}], "haveClientStageIn": "true"}
    assert last(fields, Created(), Started(), Done()).pending is Action.SUBMIT


@pytest.mark.parametrize("state", [JobState(phase=phase) for phase in Phase if phase is not Phase.READY])
def test_a_second_start_changes_nothing_but_the_mark(state):
    after = last(PLAIN, Started(), state=state)
    assert after.model_copy(update={"started": False}) == state


def test_an_empty_job_is_its_directory():
    assert last({}, Created()).phase is Phase.SUCCESSFUL


def test_a_login_node_job_is_running_at_once():
    fields = {**PLAIN, "Job type": "interactive"}
    steps = live(fields, Created(), Launched("1@1"), CommandEnded(0))
    assert [STATUS[step.state.phase] for step in steps] == ["RUNNING", "RUNNING", "SUCCESSFUL"]


def test_a_killed_login_node_job_fails_without_exit_code():
    state = last({**PLAIN, "Job type": "interactive"}, Created(), Launched("1@1"), CommandEnded(None))
    assert (state.phase, state.exit_code) == (Phase.FAILED, None)


def test_a_non_zero_exit_fails_the_job_unless_ignored():
    assert last(PLAIN, Created(), Submitted("17"), ended(2)).message == "User application exited with non-zero exit code: 2"
    ignoring = last({**PLAIN, "IgnoreNonZeroExitCode": "true"}, Created(), Submitted("17"), ended(2))
    assert (ignoring.phase, ignoring.exit_code) == (Phase.SUCCESSFUL, 2)


def test_the_time_limit_is_told_from_other_ends():
    killed = BatchSeen(Batch.KILLED, "TIMEOUT", None, 0.0)
    assert last(PLAIN, Created(), Submitted("17"), RUNNING, killed).message == (
        "The batch system ended the job: it reached its time limit (TIMEOUT)"
    )


def test_a_lost_job_has_the_grace_period_to_show_its_exit_code():
    waiting = last(PLAIN, Created(), Submitted("17"), ended(None, at=100.0), ended(None, at=109.0))
    assert waiting.phase is Phase.QUEUED
    assert last(PLAIN, ended(0, at=109.5), state=waiting).phase is Phase.SUCCESSFUL
    lost = last(PLAIN, ended(None, at=110.0, word="GONE"), state=waiting)
    assert lost.message == "The job left the batch system (GONE) without an exit code"


def test_a_job_that_comes_back_to_the_queue_gets_a_new_grace_period():
    state = last(PLAIN, Created(), Submitted("17"), ended(None, at=100.0), RUNNING, ended(None, at=200.0))
    assert (state.phase, state.wait_from) == (Phase.RUNNING, 200.0)


def test_submission_is_tried_again_and_then_given_up():
    waiting = last(PLAIN, Created(), Refused("busy", at=100.0))
    assert (waiting.phase, waiting.pending) == (Phase.SUBMITTING, None)
    assert last(PLAIN, Tick(104.9), state=waiting) == waiting
    again = last(PLAIN, Tick(105.0), state=waiting)
    assert (again.pending, again.attempts) == (Action.SUBMIT, 2)
    assert last(PLAIN, Refused("busy", at=105.0), state=again).message == "Could not submit job: busy"


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.is_final])
def test_abort_ends_every_unfinished_phase(phase):
    state = last(PLAIN, Aborted(), state=JobState(phase=phase, process="1@1"))
    assert (state.phase, state.message, state.pending) == (Phase.FAILED, "Job aborted.", Action.STOP)
    assert last(PLAIN, Done(), state=state).process is None


def test_abort_leaves_a_finished_job_alone():
    state = JobState(phase=Phase.SUCCESSFUL, exit_code=0)
    assert last(PLAIN, Aborted(), state=state) == state


@pytest.mark.parametrize("event", [CommandEnded(0), ended(0), Tick(1e9)])
def test_late_reports_do_not_revive_a_failed_job(event):
    state = JobState(phase=Phase.FAILED, message="Job aborted.")
    assert last(PLAIN, event, state=state) == state


def test_restart_forgets_the_first_run():
    state = JobState(phase=Phase.FAILED, exit_code=2, batch_id="17", message="x", started=True)
    assert last(PLAIN, Restarted(), state=state) == JobState(phase=Phase.SUBMITTING, pending=Action.SUBMIT, started=True, attempts=1)


def test_restart_of_a_running_job_changes_nothing():
    state = JobState(phase=Phase.RUNNING, batch_id="17")
    assert last(PLAIN, Restarted(), state=state) == state


def test_postcommands_run_in_the_state_of_staging_out():
    fields = {**PLAIN, "User postcommand": "tidy"}
    steps = live(fields, Created(), Submitted("17"), ended(0), Launched("1@1"), CommandEnded(1))
    assert [STATUS[step.state.phase] for step in steps[2:]] == ["STAGINGOUT", "STAGINGOUT", "FAILED"]
    assert steps[-1].state.message == "Post-command(s) failed"
    assert steps[-1].state.exit_code == 0


def test_what_the_endpoint_cannot_do_fails_the_job():
    assert last(PLAIN, Failed("disk full")).message == "disk full"

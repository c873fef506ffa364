import pytest

from esd_localsite.description.description import parse_description
from esd_localsite.jobs.machine import advance
from esd_localsite.records.life import (
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

RULES = Rules(grace=10.0, submit_attempts=2, submit_retry=5.0, directory="/u/1")
PLAIN = {"Executable": "date"}
WITH_PRECOMMAND = {**PLAIN, "User precommand": "pull; check", "haveClientStageIn": "true"}
RUNNING = BatchSeen(Batch.RUNNING, None, 0.0)
MORE = "More information might be available in the job's working directory '/u/1/'"


def ended(exit_code, at=0.0):
    return BatchSeen(Batch.ENDED, exit_code, at)


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
        Submitted("17"),
        RUNNING,
        ended(0),
    )
    assert [(step.state.phase, step.state.pending) for step in steps] == [
        (Phase.READY, None),
        (Phase.PRECOMMAND, Action.RUN_PRECOMMAND),
        (Phase.PRECOMMAND, None),
        (Phase.SUBMITTING, Action.SUBMIT),
        (Phase.QUEUED, None),
        (Phase.RUNNING, None),
        (Phase.SUCCESSFUL, None),
    ]
    assert steps[-1].state.exit_code == 0
    assert steps[-1].state.batch_id == "17"


def test_a_failed_precommand_submits_nothing_and_leaves_its_output_in_the_log():
    step = live(WITH_PRECOMMAND, Created(), Started(), Launched("1@1"), CommandEnded(3, 0.0, ("[stderr] no space",)))[-1]
    assert step.state.phase is Phase.FAILED
    assert step.state.pending is None
    assert step.state.exit_code is None
    assert step.state.message == f"Pre-command(s) failed: [Command exited with non-zero exit code: <3>. {MORE}]"
    assert step.log == ("[stderr] no space", step.state.message, "End of processing - not successful.")


def test_a_precommand_that_ends_before_it_notes_its_code_fails_after_the_grace():
    fields = {**WITH_PRECOMMAND, "UserPrecommandIgnoreNonZeroExitCode": "true"}
    steps = live(
        fields, Created(), Started(), Launched("1@1"), CommandEnded(None, 100.0), CommandEnded(None, 109.0), CommandEnded(None, 110.0)
    )
    assert [step.state.phase for step in steps[3:]] == [Phase.PRECOMMAND, Phase.PRECOMMAND, Phase.FAILED]
    assert steps[-1].state.message == (
        "Pre-command(s) failed: [Failed: Execution was not completed (no exit code file found), please check standard error file <stderr>]"
    )


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


def test_a_killed_login_node_job_fails_without_exit_code_after_the_grace():
    state = last({**PLAIN, "Job type": "interactive"}, Created(), Launched("1@1"), CommandEnded(None, 0.0), CommandEnded(None, 10.0))
    assert (state.phase, state.exit_code) == (Phase.FAILED, None)


def test_a_non_zero_exit_fails_the_job_unless_ignored():
    assert last(PLAIN, Created(), Submitted("17"), ended(2)).message == f"User application exited with non-zero exit code: <2>. {MORE}"
    ignoring = last({**PLAIN, "IgnoreNonZeroExitCode": "true"}, Created(), Submitted("17"), ended(2))
    assert (ignoring.phase, ignoring.exit_code) == (Phase.SUCCESSFUL, 2)


def test_a_lost_job_has_the_grace_period_to_show_its_exit_code():
    waiting = last(PLAIN, Created(), Submitted("17"), ended(None, at=100.0), ended(None, at=109.0))
    assert waiting.phase is Phase.QUEUED
    assert last(PLAIN, ended(0, at=109.5), state=waiting).phase is Phase.SUCCESSFUL
    lost = last(PLAIN, ended(None, at=110.0), state=waiting)
    assert lost.message.startswith("Failed: Job did not complete normally on BSS")


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


STOPPED = {Phase.LOGIN_NODE, Phase.ALLOCATING, Phase.QUEUED, Phase.RUNNING}


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.is_final])
def test_abort_ends_every_unfinished_phase_but_not_a_running_precommand(phase):
    state = last(PLAIN, Aborted(), state=JobState(phase=phase, process="1@1"))
    assert (state.phase, state.message) == (Phase.FAILED, "Job aborted.")
    assert state.pending is (Action.STOP if phase in STOPPED else None)


def test_abort_leaves_a_finished_job_alone():
    state = JobState(phase=Phase.SUCCESSFUL, exit_code=0)
    assert last(PLAIN, Aborted(), state=state) == state


@pytest.mark.parametrize("event", [CommandEnded(0), ended(0), Tick(1e9)])
def test_late_reports_do_not_revive_a_failed_job(event):
    state = JobState(phase=Phase.FAILED, message="Job aborted.")
    assert last(PLAIN, event, state=state) == state


def test_restart_goes_on_where_the_files_are_there():
    state = JobState(phase=Phase.FAILED, exit_code=2, batch_id="17", message="x", started=True)
    again = JobState(phase=Phase.SUBMITTING, pending=Action.SUBMIT, started=True, attempts=1, exit_code=2)
    fields = {**PLAIN, "Imports": [{"From": "inline://x", "To": "x", "Data": "1"}]}
    assert last(fields, Restarted(), state=state) == again


def test_restart_of_a_running_job_changes_nothing():
    state = JobState(phase=Phase.RUNNING, batch_id="17")
    assert last(PLAIN, Restarted(), state=state) == state


def test_postcommands_run_in_the_state_of_staging_out():
    fields = {**PLAIN, "User postcommand": "tidy", "UserPostcommandIgnoreNonZeroExitCode": "true"}  # read there, and not used
    steps = live(fields, Created(), Submitted("17"), ended(0), Launched("1@1"), CommandEnded(1))
    assert [STATUS[step.state.phase] for step in steps[2:]] == ["STAGINGOUT", "STAGINGOUT", "FAILED"]
    assert steps[-1].state.message == f"Post-command(s) failed: [Command exited with non-zero exit code: <1>. {MORE}]"
    assert steps[-1].state.exit_code == 0


def test_what_the_endpoint_cannot_do_fails_the_job():
    assert last(PLAIN, Failed("disk full")).message == "disk full"

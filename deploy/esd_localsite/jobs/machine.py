"""The life of a job: one pure function from a state and an event to the next state and its action.

Nothing here acts or reads a clock; the engine performs the actions and reports their outcome as further events. What a client is told
about an end, and when, follows UNICORE/X (XNJS: JobProcessor, Execution).
"""

from dataclasses import dataclass

from esd_localsite.description.description import JobDescription, JobType
from esd_localsite.records.life import (
    Aborted,
    Action,
    Batch,
    BatchSeen,
    CommandEnded,
    Created,
    Done,
    Event,
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

_NO_CODE = "Failed: Execution was not completed (no exit code file found), please check standard error file <stderr>"
_NO_CODE_IN_BATCH = "Failed: Job did not complete normally on BSS, please check standard error file and job log for more information."
_STOPPED_BY_ABORT = frozenset({Phase.LOGIN_NODE, Phase.ALLOCATING, Phase.QUEUED, Phase.RUNNING})
"""Phases in which an abort ends something; pre- and postcommands continue."""


@dataclass(frozen=True)
class Step:
    """The next state (with its `pending` action), and what to write into the job's log."""

    state: JobState
    log: tuple[str, ...] = ()


def advance(state: JobState, event: Event, job: JobDescription, rules: Rules) -> Step:  # noqa: PLR0911 - one line per event
    """One step of a job's life. Events that do not fit the phase (late reports, a second `start`) change nothing."""
    match event:
        case Created() | Started() | Aborted() | Restarted():
            return _ordered(state, event, job)
        case Failed(message):
            return _fail(state, message)
        case Done():
            return _done(state, job)
        case Launched(process):
            return Step(_with(state, pending=None, process=process))
        case CommandEnded():
            return _command_ended(state, event, job, rules)
        case Submitted(batch_id):
            taken = _with(state, phase=Phase.QUEUED, pending=None, batch_id=batch_id, wait_from=None)
            return Step(taken, (f"Submitted to TSI with BSSID={batch_id}",))
        case Refused():
            return _refused(state, event, rules)
        case Tick(at):
            return _tick(state, at, rules)
        case BatchSeen():
            return _batch_seen(state, event, job, rules)


def _ordered(state: JobState, event: Created | Started | Aborted | Restarted, job: JobDescription) -> Step:
    match event:
        case Created():
            return _created(state, job)
        case Started():
            return _started(state, job)
        case Aborted():
            return _aborted(state)
        case Restarted():
            # Starts after stage-in: the files exist already, and the old exit code stays until there is a new one.
            again = JobState(phase=Phase.READY, started=True, exit_code=state.exit_code)
            return _begin(again, job, "Restarted.") if state.phase.is_final else Step(state)


def _with(state: JobState, **changes: object) -> JobState:
    return state.model_copy(update=changes)


def _created(state: JobState, job: JobDescription, *log: str) -> Step:
    if state.phase is not Phase.CREATED:
        return Step(state)
    if job.imports:
        return Step(_with(state, phase=Phase.STAGING_IN, pending=Action.STAGE_IN), (*log, "Status set to PREPROCESSING (staging in)."))
    return _begin(state, job, *log)


def _started(state: JobState, job: JobDescription) -> Step:
    if state.started or state.phase.is_final:
        return Step(state)
    state = _with(state, started=True)
    return _begin(state, job, "Started by the client.") if state.phase is Phase.READY else Step(state)


def _begin(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.waits_for_client and not state.started:
        return Step(_with(state, phase=Phase.READY, pending=None), (*log, "Status set to READY."))
    if job.precommand.for_login_node:
        return _command(state, Phase.PRECOMMAND, Action.RUN_PRECOMMAND, f"Launched pre command <{job.precommand.for_login_node}>", *log)
    return _main(state, job, *log)


def _command(state: JobState, phase: Phase, action: Action, line: str, *log: str) -> Step:
    return Step(_with(state, phase=phase, pending=action, process=None, wait_from=None), (*log, line))


def _main(state: JobState, job: JobDescription, *log: str) -> Step:
    state = _with(state, process=None, wait_from=None)
    if job.is_empty:
        return _after_main(state, job, *log)
    if job.job_type is JobType.LOGIN_NODE:
        return Step(_with(state, phase=Phase.LOGIN_NODE, pending=Action.RUN_MAIN), (*log, "Running on the login node."))
    if job.job_type is JobType.ALLOCATE:
        return Step(_with(state, phase=Phase.ALLOCATING, pending=Action.ALLOCATE), (*log, "Asking the batch system for an allocation."))
    return Step(_with(state, phase=Phase.SUBMITTING, pending=Action.SUBMIT, attempts=1), log)


def _after_main(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.postcommand.for_login_node:
        return _command(state, Phase.POSTCOMMAND, Action.RUN_POSTCOMMAND, f"Launched post command <{job.postcommand.for_login_node}>", *log)
    return _stage_out(state, job, *log)


def _stage_out(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.exports:
        return Step(_with(state, phase=Phase.STAGING_OUT, pending=Action.STAGE_OUT, process=None), (*log, "Staging out."))
    return _succeed(state, *log)


def _succeed(state: JobState, *log: str) -> Step:
    ended = _with(state, phase=Phase.SUCCESSFUL, pending=None, process=None, message="")
    return Step(ended, (*log, "End of processing - successful."))


def _fail(state: JobState, message: str, *log: str, pending: Action | None = None) -> Step:
    ended = _with(state, phase=Phase.FAILED, pending=pending, message=message)
    return Step(ended, (*log, message, "End of processing - not successful."))


def _aborted(state: JobState) -> Step:
    if state.phase.is_final:
        return Step(state)
    return _fail(state, "Job aborted.", pending=Action.STOP if state.phase in _STOPPED_BY_ABORT else None)


def _done(state: JobState, job: JobDescription) -> Step:
    if state.phase is Phase.STAGING_IN:
        return _begin(state, job)
    if state.phase is Phase.STAGING_OUT:
        return _succeed(state)
    return Step(_with(state, pending=None, process=None))


def _command_ended(state: JobState, event: CommandEnded, job: JobDescription, rules: Rules) -> Step:
    if not state.phase.is_command:
        return Step(state)
    if event.exit_code is None and _still_waits(state, event.at, rules):
        return Step(_with(state, wait_from=event.at if state.wait_from is None else state.wait_from))
    if state.phase is Phase.LOGIN_NODE:
        return _program_ended(state, event.exit_code, job, rules)
    problem = _NO_CODE if event.exit_code is None else _exited("Command", event.exit_code, rules) if event.exit_code else None
    if state.phase is Phase.POSTCOMMAND:
        return _fail(state, f"Post-command(s) failed: [{problem}]", *event.output) if problem else _stage_out(state, job)
    if problem and not (job.precommand.ignore_exit_code and event.exit_code is not None):
        return _fail(state, f"Pre-command(s) failed: [{problem}]", *event.output)
    return _main(state, job)


def _still_waits(state: JobState, at: float, rules: Rules) -> bool:
    """Whether an exit code may still arrive; a shared file system shows new files late."""
    return state.wait_from is None or at < state.wait_from + rules.grace


def _exited(what: str, code: int, rules: Rules) -> str:
    where = f"More information might be available in the job's working directory '{rules.directory}/'"
    return f"{what} exited with non-zero exit code: <{code}>. {where}"


def _program_ended(state: JobState, exit_code: int | None, job: JobDescription, rules: Rules) -> Step:
    if exit_code is None:
        return _fail(state, _NO_CODE)
    state = _with(state, exit_code=exit_code, process=None)
    if exit_code != 0 and not job.ignore_exit_code:
        return _fail(state, _exited("User application", exit_code, rules))
    return _after_main(state, job, f"Exit code {exit_code}")


def _refused(state: JobState, event: Refused, rules: Rules) -> Step:
    if state.attempts >= rules.submit_attempts:
        return _fail(state, f"Could not submit job: {event.message}")
    log = f"Submission {state.attempts} of {rules.submit_attempts} failed: {event.message}"
    return Step(_with(state, pending=None, wait_from=event.at), (log,))


def _tick(state: JobState, at: float, rules: Rules) -> Step:
    waits = state.phase is Phase.SUBMITTING and state.pending is None and state.wait_from is not None
    if not waits or at < (state.wait_from or 0) + rules.submit_retry:
        return Step(state)
    return Step(_with(state, pending=Action.SUBMIT, attempts=state.attempts + 1, wait_from=None))


def _batch_seen(state: JobState, event: BatchSeen, job: JobDescription, rules: Rules) -> Step:
    if not state.phase.is_batch:
        return Step(state)
    match event.state:
        case Batch.WAITING:
            return Step(_with(state, phase=Phase.QUEUED, wait_from=None))
        case Batch.RUNNING:
            log = ("Job is RUNNING.",) if state.phase is Phase.QUEUED else ()
            return Step(_with(state, phase=Phase.RUNNING, wait_from=None), log)
        case Batch.ENDED:
            return _batch_ended(state, event, job, rules)


def _batch_ended(state: JobState, event: BatchSeen, job: JobDescription, rules: Rules) -> Step:
    if job.job_type is JobType.ALLOCATE:
        return _after_main(state, job, "Job completed on BSS.")
    if event.exit_code is not None:
        return _program_ended(state, event.exit_code, job, rules)
    if _still_waits(state, event.at, rules):
        return Step(_with(state, wait_from=event.at if state.wait_from is None else state.wait_from))
    return _fail(state, _NO_CODE_IN_BATCH)
